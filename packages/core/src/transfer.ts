import type { VmId } from "./vm.js";

/** What a strategy may know of a command or a frame that wants a path. */
export interface Transfer {
  /** Who sends it. */
  readonly vm: VmId;
  /** The VM's priority for this kind of resource, 0 to 10. [0105] */
  readonly priority: number;
  readonly lengthBytes: number;
  /** When it was given to the strategy to place, ms: in `select` that is now. */
  readonly sentAtMs: number;
}
