const CLASS_SHIFT_MIN = 9;
const CLASSES = 25 - CLASS_SHIFT_MIN + 1;

/** Bytes that `take` really takes for a payload: the next power of two, 512 or more. */
export function classBytes(lengthBytes: number): number {
  return lengthBytes <= 512 ? 512 : 2 ** (32 - Math.clz32(lengthBytes - 1));
}

/** Payload buffers in size classes from 512 B to 32 MiB. What comes back is kept up to a bound, the rest is left to the collector. */
export class BufferPool {
  /** Bytes in use by all connections. */
  usedBytes = 0;
  #retainedBytes = 0;
  readonly #retainedBytesMax: number;
  readonly #free: Buffer[][] = Array.from({ length: CLASSES }, () => []);

  constructor(retainedBytesMax: number) {
    this.#retainedBytesMax = retainedBytesMax;
  }

  /** A buffer of `classBytes(lengthBytes)`, with whatever was in it before. */
  take(lengthBytes: number): Buffer {
    const bytes = classBytes(lengthBytes);
    this.usedBytes += bytes;
    const kept = this.#free[classIndex(bytes)]!.pop();
    if (kept === undefined) return Buffer.allocUnsafeSlow(bytes);
    this.#retainedBytes -= bytes;
    return kept;
  }

  give(buffer: Buffer): void {
    const bytes = buffer.length;
    this.usedBytes -= bytes;
    if (this.#retainedBytes + bytes > this.#retainedBytesMax) return;
    this.#retainedBytes += bytes;
    this.#free[classIndex(bytes)]!.push(buffer);
  }

  /** Counts the buffer as given back and lets go of it. */
  lose(buffer: Buffer): void {
    this.usedBytes -= buffer.length;
  }
}

function classIndex(bytes: number): number {
  return 31 - Math.clz32(bytes) - CLASS_SHIFT_MIN;
}
