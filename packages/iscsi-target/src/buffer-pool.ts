const SMALLEST_SHIFT = 12;
const KEPT_BYTES_MAX = 8 << 20;

/** Buffers of powers of two from 4 KiB on, kept for the next use, within a budget. */
export class BufferPool {
  private readonly free: Uint8Array[][] = [];
  private lentBytes = 0;

  /** `budgetBytes`: what may be lent at a time. */
  constructor(private readonly budgetBytes: number) {}

  /** A buffer of at least `bytes`, its content undefined; undefined where the budget is spent. */
  take(bytes: number): Uint8Array | undefined {
    const shift = Math.max(SMALLEST_SHIFT, 32 - Math.clz32(bytes - 1));
    const size = 2 ** shift;
    if (this.lentBytes + size > this.budgetBytes) return undefined;
    this.lentBytes += size;
    return this.free[shift]?.pop() ?? Buffer.allocUnsafeSlow(size);
  }

  give(buffer: Uint8Array): void {
    this.lentBytes -= buffer.length;
    const shift = 31 - Math.clz32(buffer.length);
    let free = this.free[shift];
    if (free === undefined) {
      free = [];
      this.free[shift] = free;
    }
    if ((free.length + 1) * buffer.length <= KEPT_BYTES_MAX) free.push(buffer);
  }

  /** Counts the buffer as given back but leaves it to the garbage collector: someone may still write into it. */
  forget(buffer: Uint8Array): void {
    this.lentBytes -= buffer.length;
  }
}
