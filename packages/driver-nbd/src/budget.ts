import { type BufferPool, classBytes } from "./buffer-pool.js";

/** What one connection holds of the pool: payloads in flight, replies not yet sent. */
export class Budget {
  heldBytes = 0;
  readonly #pool: BufferPool;
  readonly #heldBytesMax: number;
  readonly #totalBytesMax: number;

  constructor(pool: BufferPool, heldBytesMax: number, totalBytesMax: number) {
    this.#pool = pool;
    this.#heldBytesMax = heldBytesMax;
    this.#totalBytesMax = totalBytesMax;
  }

  /** Whether a payload fits the connection's bound. One that holds nothing may have any single request. */
  fits(lengthBytes: number): boolean {
    return this.heldBytes === 0 || this.heldBytes + classBytes(lengthBytes) <= this.#heldBytesMax;
  }

  /** Whether a payload fits the bound of all connections together. */
  fitsTotal(lengthBytes: number): boolean {
    return (
      this.#pool.usedBytes === 0 || this.#pool.usedBytes + classBytes(lengthBytes) <= this.#totalBytesMax
    );
  }

  take(lengthBytes: number): Buffer {
    const buffer = this.#pool.take(lengthBytes);
    this.heldBytes += buffer.length;
    return buffer;
  }

  give(buffer: Buffer): void {
    this.heldBytes -= buffer.length;
    this.#pool.give(buffer);
  }

  /** The buffer is not to be used again: somebody may still write into it. */
  lose(buffer: Buffer): void {
    this.heldBytes -= buffer.length;
    this.#pool.lose(buffer);
  }
}
