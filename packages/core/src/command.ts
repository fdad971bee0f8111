import type { Transfer } from "./transfer.js";
import { HOST, type VmId } from "./vm.js";

export type Op = "read" | "write" | "flush";

/**
 * How a command ended. What the layer above has to do is the reason for each word:
 *
 * | outcome | meaning | what follows |
 * | --- | --- | --- |
 * | `good` | the target said GOOD to this very command | reply |
 * | `busy` | BUSY, TASK SET FULL, or not ready for now | again, after a pause, on the same path |
 * | `not-sent` | the path failed before any byte of the command left | again elsewhere, at once |
 * | `in-doubt` | the path failed after bytes had left: it may have run, or may yet run | read: again elsewhere; write: again behind a fence |
 * | `medium-error`, `target-error` | the target tried and failed (sense 3, 4, B) | EIO |
 * | `no-space` | thin provisioning ran out (sense 7/27/07) | ENOSPC |
 * | `write-protected` | sense 7 otherwise | EPERM |
 * | `invalid` | the target refuses the command or its range (sense 5) | EINVAL |
 * | `conflict` | RESERVATION CONFLICT: another host owns the LUN | EIO, never on another path |
 * | `no-path` | no path was left for as long as the settings allow | EIO |
 * | `cancelled` | its client went away before it was sent | no reply |
 */
export type Outcome =
  | "good"
  | "busy"
  | "not-sent"
  | "in-doubt"
  | "medium-error"
  | "target-error"
  | "no-space"
  | "write-protected"
  | "invalid"
  | "conflict"
  | "no-path"
  | "cancelled";

const NO_DATA = new Uint8Array(0);

/**
 * One SCSI-sized piece of work on one LUN. Made once, pooled, reused; one shape, so that every reader is monomorphic.
 * Policies and strategies read the first group and leave the rest to the field's owner.
 */
export class Command implements Transfer {
  vm: VmId = HOST;
  op: Op = "read";
  /** First byte on the LUN; a multiple of the LUN's block size. */
  offsetBytes = 0;
  /** 0 for a flush; never more than the LUN's `maxTransferBytes`. */
  lengthBytes = 0;
  /** Force unit access: the write is on the medium before it is answered. */
  fua = false;
  /** Source of a write, destination of a read, `lengthBytes` long. By reference; belongs to the guest's request. */
  data: Uint8Array = NO_DATA;
  /** The VM's priority on this LUN, 0 to 10. Set by the storage path manager. [0105] */
  priority = 5;

  /** Link of the one queue that holds the command at a time. */
  next: Command | null = null;
  /** Cost in consumption units; set by the admission policy at `enqueue`. */
  units = 0;
  /** When the guest's request came, ms. Set by the storage path manager. */
  enqueuedAtMs = 0;
  /** When it was last given to the strategy to place, ms. Set by the team. */
  sentAtMs = 0;
  /** Since when no path has carried it: paths failed under it, or answered BUSY. ms; -1: no trouble. Set by the team. */
  troubleSinceMs = -1;
  /** Place among the team's open writes, -1: none. Set by the team. */
  slot = -1;
  /** Sense of the last CHECK CONDITION: key << 16 | ASC << 8 | ASCQ; 0: none. Set by the driver. */
  senseCode = 0;
}
