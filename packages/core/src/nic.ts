import type { PathNotice } from "./adapter.js";
import type { Outcome } from "./command.js";
import type { Transfer } from "./transfer.js";
import { HOST, type VmId } from "./vm.js";

const NO_DATA = new Uint8Array(0);

/** One Ethernet frame on its way out. Made once, pooled, reused. 003.c1 */
export class Frame implements Transfer {
  vm: VmId = HOST;
  /** The VM's priority on the network, 0 to 10. */
  priority = 5;
  /** Length of the frame without its check sequence. */
  lengthBytes = 0;
  /** When it was last given to the strategy to place, ms. */
  sentAtMs = 0;
  /** From the destination address on, `lengthBytes` long. By reference: the driver's from `transmit` to `transmitted`. */
  bytes: Uint8Array = NO_DATA;
  /** Link of the one queue that holds the frame at a time. */
  next: Frame | null = null;
}

/** The layer above a NIC. */
export interface NicListener {
  /** A frame from the wire, lent until the call returns. Frames that this NIC sent do not come back. */
  received(bytes: Uint8Array): void;
  /** Once for each frame that `transmit` took, never from within it: `good` where the wire or the kernel took it. */
  transmitted(frame: Frame, outcome: Extract<Outcome, "good" | "not-sent">): void;
  /** `path-failed` comes before the frames that were pending end as `not-sent`. */
  notice(notice: PathNotice): void;
}

/** One real NIC as its driver serves it. */
export interface NicDriver {
  /** `eth1` */
  readonly id: string;
  /** Physical address, `52:54:00:12:34:56`. */
  readonly address: string;
  /** Longest payload; a frame is up to 18 bytes longer, with its header and one VLAN tag. */
  readonly mtuBytes: number;
  /** It has a carrier. */
  readonly up: boolean;
  /** Set once by the layer above, before the first `transmit`. */
  listener: NicListener;
  /**
   * Synchronous, allocates nothing. False where the frame was not taken: the NIC has no carrier, its queue is full, or
   * the frame is shorter than its header or longer than the MTU allows; nothing is reported for it then.
   */
  transmit(frame: Frame): boolean;
  /** Frames that are pending end first. */
  close(): Promise<void>;
}
