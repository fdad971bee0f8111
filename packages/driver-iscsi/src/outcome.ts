import type { Outcome } from "@fairlead/core";
import { Asc, ScsiStatus, SenseKey, senseAsc, senseKey } from "@fairlead/iscsi-codec";

/** What a status other than GOOD and CHECK CONDITION means for the command. */
export function statusOutcome(status: number): Outcome {
  switch (status) {
    case ScsiStatus.Busy:
    case ScsiStatus.TaskSetFull:
    case ScsiStatus.AcaActive:
    // Another host's reset ended the task, which can't take effect any more.
    case ScsiStatus.TaskAborted:
      return "busy";
    case ScsiStatus.ReservationConflict:
      return "conflict";
    default:
      return "target-error";
  }
}

/** What the sense of a CHECK CONDITION means; UNIT ATTENTION is dealt with before. */
export function senseOutcome(code: number): Outcome {
  const asc = senseAsc(code);
  switch (senseKey(code)) {
    case SenseKey.RecoveredError:
      return "good";
    case SenseKey.NotReady:
      return asc >>> 8 === 0x04 ? "busy" : "target-error";
    case SenseKey.MediumError:
      return "medium-error";
    case SenseKey.IllegalRequest:
      return "invalid";
    case SenseKey.UnitAttention:
      return "busy";
    case SenseKey.DataProtect:
      return asc === Asc.SpaceAllocationFailed ? "no-space" : "write-protected";
    default:
      return "target-error";
  }
}
