import type { Command, Outcome } from "./command.js";

/** Why a path or a NIC failed, in the words of the console. [0096] */
export type FailureReason =
  | "connection-lost"
  | "keepalive-timeout"
  | "command-timeout"
  | "login-refused"
  | "unreachable"
  | "protocol-error"
  | "identity-mismatch"
  | "lun-gone"
  | "link-down"
  | "closed";

/** What an adapter tells the layer above about itself. 004.c7 c10 */
export type PathNotice =
  | { readonly kind: "path-failed"; readonly reason: FailureReason; readonly detail: string }
  | { readonly kind: "path-restored" };

/** The layer above an adapter. */
export interface AdapterListener {
  /** Once for each submitted command, never from within `submit`. */
  completed(command: Command, outcome: Outcome): void;
  /** `path-failed` comes before the completions of what was pending on the path. */
  notice(notice: PathNotice): void;
}

/**
 * The relation between one initiator port and one target portal. All LUNs behind it share it, and so they share its
 * fence: a proof that nothing which was sent before the failure can take effect any more.
 */
export interface Session {
  /** `vmhba0:0`: HBA and device. */
  readonly id: string;
  /**
   * Asks for the proof. `fenced`: what was sent before the last `path-failed` can no longer arrive; called as soon as a
   * portal of the same group took a reinstatement, however long that takes. `unfenceable`: this kind of driver has no
   * proof to give, only time helps; called at once. Either comes once for each call, not from within it.
   */
  fence(done: (result: "fenced" | "unfenceable") => void): void;
}

/** One path as its driver serves it. */
export interface PathAdapter {
  /** `vmhba0:0:2` */
  readonly id: string;
  readonly session: Session;
  /** Parts whose loss takes the path with it: `hba:vmhba0`, `portal:192.0.2.10:3260`, `group:iqn.…,1`. */
  readonly components: readonly string[];
  /** True between login and `path-failed`, and from `path-restored` on. */
  readonly up: boolean;
  /** Set once by the layer above, before the first `submit`. */
  listener: AdapterListener;
  /**
   * Synchronous, allocates nothing. On a path that is down the command completes as `not-sent`.
   * BUSY and TASK SET FULL are reported; UNIT ATTENTION is repeated by the driver itself, since the command did not run.
   */
  submit(command: Command): void;
  /** LUN RESET: ends every command that the target has received for the LUN, over whichever path. */
  resetLun(done: (succeeded: boolean) => void): void;
}

/** What a LUN says about itself. */
export interface LunDescription {
  /** The best of its names, `naa.…`, `eui.…`, `t10.…`, or `serial.…` as the last resort; unique in the SAN. */
  readonly id: string;
  /** All of its names. */
  readonly ids: readonly string[];
  readonly capacityBytes: number;
  readonly blockSizeBytes: number;
  /** Longest read or write in one command. */
  readonly maxTransferBytes: number;
  readonly readOnly: boolean;
  /** The target holds writes in a cache that a flush empties (WCE). */
  readonly writeCache: boolean;
  /** The target takes FUA (DPOFUA). */
  readonly fua: boolean;
  readonly vendor: string;
  readonly product: string;
}

export interface DiscoveredPath {
  /** The same object as in earlier scans while the path is known. */
  readonly adapter: PathAdapter;
  readonly lun: LunDescription;
}

export interface ScanResult {
  readonly paths: readonly DiscoveredPath[];
  /** Portals that did not answer, LUNs that could not be read: each with a code from docs/errors.md. */
  readonly problems: readonly { readonly where: string; readonly code: string; readonly message: string }[];
  /**
   * Each session that an earlier process of this host may have had at this HBA's portals is ended: its portal took a
   * login with its ISID, or another portal of its group did, or the target says that there is no such portal or target.
   * Stays true.
   */
  readonly settled: boolean;
}

/** Whole numbers, both ends included. */
export interface LunRange {
  readonly first: number;
  readonly last: number;
}

/** A host bus adapter: one initiator port with its driver. [0082] */
export interface Hba {
  /** `vmhba0` */
  readonly name: string;
  /** Every device, and on each every LUN in the range. Bounded in time; what does not answer is a problem, not a rejection. */
  scan(range: LunRange): Promise<ScanResult>;
  /** Logs out and gives everything back; pending commands complete first as `not-sent` or `in-doubt`. */
  close(): Promise<void>;
}
