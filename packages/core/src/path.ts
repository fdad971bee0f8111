import type { Outcome } from "./command.js";
import type { EntrySettings } from "./level.js";
import type { Transfer } from "./transfer.js";
import type { VmId } from "./vm.js";

/**
 * `active`: takes I/O. `standby`: takes I/O only where no active path is left. `marginal`: works, but fails too often.
 * `failing-over`: a failure was noticed and is being dealt with. `failed`: takes none. `disabled`: an administrator's word.
 */
export type PathState = "active" | "standby" | "marginal" | "failing-over" | "failed" | "disabled";

/** A storage path, or a NIC, as strategies and policies see it. */
export interface Path {
  /** `vmhba0:0:2` is HBA : device : LUN number; `eth1` a NIC. */
  readonly id: string;
  readonly state: PathState;
  /** Bytes sent and not completed. */
  readonly pendingBytes: number;
  /** Commands sent and not completed. */
  readonly pendingCommands: number;
  /** Bytes completed since it joined its team. */
  readonly completedBytes: number;
  /** Commands completed since it joined its team. */
  readonly completedCommands: number;
  /** Wall time with at least one command outstanding since it joined, ms. */
  readonly busyMs: number;
  /** Load-balancing share in its team, greater than 0. */
  readonly share: number;
}

/**
 * Step 812: which path carries this command, or which NIC this frame. [0115] 003.c7
 * One instance serves one team: the paths of one LUN, or the NICs of one uplink.
 */
export interface LoadDistributionStrategy {
  readonly name: string;
  /**
   * Index into `paths`, or -1 where none will do just now: the transfer waits for the next completion or change of paths.
   * Called once per transfer: synchronous, allocates nothing, reads no clock (`transfer.sentAtMs` is now). `paths` holds
   * the usable ones in order of rank; it and the transfer are lent for the call, must not be changed and must not be kept.
   */
  select(paths: readonly Path[], transfer: Transfer): number;
  /** The usable paths, after each change of them and once before the first `select`. */
  pathsChanged?(paths: readonly Path[]): void;
  /** After each transfer that was sent, also one that another strategy placed before this one was swapped in. */
  completed?(path: Path, transfer: Transfer, elapsedMs: number, outcome: Outcome): void;
  /** A VM's level of service, when it is set or changed; `undefined`: its entry was removed. 001.c25 */
  vmChanged?(vm: VmId, settings: EntrySettings | undefined): void;
}
