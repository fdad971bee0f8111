import type { Socket } from "node:net";
import type { Clock, Timer } from "@fairlead/core";

/** Room for a data segment of 256 KiB with its header. */
const SLAB_BYTES = (256 << 10) + 4096;
const SLABS_KEPT = 16;

/** Output slabs of all connections of a target. */
export class SlabPool {
  private readonly free: Buffer[] = [];

  take(): Buffer {
    return this.free.pop() ?? Buffer.allocUnsafeSlow(SLAB_BYTES);
  }

  give(slab: Buffer): void {
    if (this.free.length < SLABS_KEPT) this.free.push(slab);
  }
}

interface Slab {
  readonly buffer: Buffer;
  usedBytes: number;
  /** When the delay of the portal is over, ms. */
  dueAtMs: number;
}

/**
 * Output of one connection: PDUs are built one behind the other in a slab, and a batch is one write. While the kernel
 * has not taken what was written before, the next slab fills.
 */
export class Sender {
  /** Where the PDU that was reserved last is built. */
  bytes: Buffer = NO_SLAB;
  /** Built and not yet taken by the kernel. */
  pendingBytes = 0;
  /** The portal's added latency. ms */
  delayMs = 0;

  private used = 0;
  private readonly full: Slab[] = [];
  private readonly inFlight: Slab[] = [];
  private held = false;
  private finishing = false;
  private timer: Timer | null = null;

  constructor(
    private readonly socket: Socket,
    private readonly slabs: SlabPool,
    private readonly clock: Clock,
    /** The kernel took something. */
    private readonly onRoom: () => void,
  ) {}

  /** Offset in {@link bytes} of this many bytes in a row, at most {@link SLAB_BYTES}. */
  reserve(lengthBytes: number): number {
    if (this.used + lengthBytes > this.bytes.length) {
      this.close();
      this.bytes = this.slabs.take();
    }
    const at = this.used;
    this.used += lengthBytes;
    this.pendingBytes += lengthBytes;
    return at;
  }

  /** End of a batch. */
  flush(): void {
    if (this.held || this.inFlight.length > 0) return;
    this.close();
    for (let slab = this.full[0]; slab !== undefined; slab = this.full[0]) {
      if (slab.dueAtMs > 0 && this.delaying(slab)) return;
      this.full.shift();
      this.inFlight.push(slab);
      this.socket.write(slab.buffer.subarray(0, slab.usedBytes), this.onWritten);
    }
    if (this.finishing) this.socket.end();
  }

  /** No more output follows: the socket is ended behind what there is. */
  finish(): void {
    this.finishing = true;
    this.flush();
  }

  /** Nothing leaves any more until `release`. */
  hold(): void {
    this.held = true;
  }

  release(): void {
    this.held = false;
    this.flush();
  }

  /** The connection is gone: what was built is dropped. */
  stop(): void {
    this.held = true;
    this.timer?.cancel();
    this.timer = null;
    this.full.length = 0;
    this.bytes = NO_SLAB;
    this.used = 0;
  }

  /** Ends the slab that is being filled. */
  private close(): void {
    if (this.used > 0) {
      const dueAtMs = this.delayMs > 0 ? this.clock.now() + this.delayMs : 0;
      this.full.push(this.ended(dueAtMs));
    }
    this.bytes = NO_SLAB;
    this.used = 0;
  }

  private ended(dueAtMs: number): Slab {
    if (dueAtMs === 0) return { buffer: this.bytes, usedBytes: this.used, dueAtMs };
    // Delayed batches are many and mostly small: each keeps its own bytes and the slab goes back.
    const buffer = Buffer.from(this.bytes.subarray(0, this.used));
    this.slabs.give(this.bytes);
    return { buffer, usedBytes: this.used, dueAtMs };
  }

  private delaying(slab: Slab): boolean {
    const leftMs = slab.dueAtMs - this.clock.now();
    if (leftMs <= 0) return false;
    this.timer ??= this.clock.schedule(this.onTimer, leftMs);
    return true;
  }

  private readonly onTimer = (): void => {
    this.timer = null;
    this.flush();
  };

  private readonly onWritten = (): void => {
    const slab = this.inFlight.shift();
    if (slab === undefined) return;
    this.pendingBytes -= slab.usedBytes;
    if (slab.buffer.length === SLAB_BYTES) this.slabs.give(slab.buffer);
    if (this.inFlight.length === 0) this.flush();
    this.onRoom();
  };
}

const NO_SLAB = Buffer.alloc(0);
