import { type Hba, OptionError } from "@fairlead/core";
import { CDB_BYTES, testUnitReady } from "@fairlead/iscsi-codec";
import type { Context } from "./context.js";
import { Groups } from "./groups.js";
import { IscsiHba } from "./hba.js";
import { LoopTurn } from "./loop-turn.js";
import type { LunPath } from "./lun-path.js";
import {
  checkHba,
  checkName,
  checkTiming,
  type IscsiDriverOptions,
  type IscsiHbaOptions,
} from "./options.js";
import { StagingPool } from "./output.js";
import { makeScratch } from "./wire.js";

/** The iSCSI initiator of one host: one name, any number of HBAs. */
export interface IscsiDriver {
  /** @throws OptionError */
  hba(options: IscsiHbaOptions): Hba;
}

/**
 * One driver per host: a session that failed is fenced through any portal of its group, also one of another HBA.
 * @throws OptionError
 */
export function createIscsiDriver(options: IscsiDriverOptions): IscsiDriver {
  const hbas = new Map<string, IscsiHba>();
  const context: Context = {
    clock: options.clock,
    timing: checkTiming(options),
    initiatorName: checkName("initiatorName", options.initiatorName),
    onEvent: options.onEvent ?? (() => {}),
    random: options.random ?? Math.random,
    turn: new LoopTurn(),
    pool: new StagingPool(),
    scratch: makeScratch(),
    challenges: new Set(),
    isids: new Set(),
    groups: new Groups(),
    lunWasReset: (path) => lunWasReset(hbas.values(), path),
  };
  return {
    hba(hbaOptions) {
      const config = checkHba(hbaOptions);
      if (hbas.has(config.name)) throw new OptionError("name", "a name that no other HBA has", config.name);
      const hba = new IscsiHba(context, config, () => hbas.delete(config.name));
      hbas.set(config.name, hba);
      return hba;
    },
  };
}

/**
 * A reset ends the commands of all sessions, those of the others in silence; each session learns of it by the UNIT
 * ATTENTION that its next command meets. So that none has to wait for a guest's next command, or for a time-out, each gets one.
 */
function lunWasReset(hbas: Iterable<IscsiHba>, path: LunPath): void {
  const task = { cdb: new Uint8Array(CDB_BYTES), data: new Uint8Array(0), done: () => {} };
  testUnitReady(task.cdb, 0);
  for (const hba of hbas)
    for (const session of hba.sessions)
      for (const other of session.paths.values()) {
        if (other === path || !other.up || other.lun.id !== path.lun.id) continue;
        other.resetExpected = true;
        session.connection?.execute(other.lunNumber, task);
      }
}
