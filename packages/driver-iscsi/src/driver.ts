import { type Hba, OptionError } from "@fairlead/core";
import type { Context } from "./context.js";
import { Groups } from "./groups.js";
import { IscsiHba } from "./hba.js";
import { Listings } from "./listings.js";
import { LoopTurn } from "./loop-turn.js";
import {
  checkHba,
  checkName,
  checkTiming,
  type IscsiDriverOptions,
  type IscsiHbaOptions,
} from "./options.js";
import { StagingPool } from "./output.js";
import { Resets } from "./resets.js";
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
    listings: new Listings(),
    resets: new Resets(hbas),
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
