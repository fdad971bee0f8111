import { CDB_BYTES, testUnitReady } from "@fairlead/iscsi-codec";
import type { IscsiHba } from "./hba.js";
import type { LunPath } from "./lun-path.js";

function learn(path: LunPath): void {
  const { connection } = path.session;
  const cmdSn = path.reset.carriedOut();
  if (cmdSn !== undefined) connection?.lunWasReset(path.lunNumber, cmdSn, true);
  const task = { cdb: new Uint8Array(CDB_BYTES), data: new Uint8Array(0), done: () => path.reset.forget() };
  testUnitReady(task.cdb, 0);
  connection?.execute(path.lunNumber, task);
}

/** Carries what one path's LUN RESET did to the LUN's paths in this host. */
export class Resets {
  readonly #hbas: ReadonlyMap<string, IscsiHba>;

  constructor(hbas: ReadonlyMap<string, IscsiHba>) {
    this.#hbas = hbas;
  }

  asked(path: LunPath): void {
    for (const other of this.#paths(path)) other.reset.asked();
  }

  /**
   * Each session learns what the reset ended from the UNIT ATTENTION that its next command meets. So that none has to
   * wait for a guest's next command, or for a time-out, each gets one.
   */
  answered(path: LunPath, succeeded: boolean): void {
    for (const other of this.#paths(path)) {
      if (succeeded) learn(other);
      else other.reset.forget();
    }
  }

  /** All that lead to the LUN, the one that asks among them: some targets tell that one, too. */
  *#paths(path: LunPath): Generator<LunPath> {
    for (const hba of this.#hbas.values())
      for (const session of hba.sessions)
        for (const other of session.paths.values()) if (other.up && other.lun.id === path.lun.id) yield other;
  }
}
