import { type BufferPool, classBytes } from "./buffer-pool.js";

/** A small request counts as this much with its disk: what it costs below the server is not its payload. */
const REQUEST_BYTES_MIN = 16 * 1024;

/** What all connections to one disk hold: one VM's clients can take no memory from another's. */
export interface DiskUse {
  usedBytes: number;
}

/** What one connection holds of the pool: payloads in flight, replies not yet sent. */
export class Budget {
  heldBytes = 0;
  readonly #pool: BufferPool;
  readonly #disk: DiskUse;
  readonly #heldBytesMax: number;
  readonly #diskBytesMax: number;

  constructor(pool: BufferPool, disk: DiskUse, heldBytesMax: number, diskBytesMax: number) {
    this.#pool = pool;
    this.#disk = disk;
    this.#heldBytesMax = heldBytesMax;
    this.#diskBytesMax = diskBytesMax;
  }

  /** Whether a payload fits the connection's bound. One that holds nothing may have any single request. */
  fits(lengthBytes: number): boolean {
    return this.heldBytes === 0 || this.heldBytes + classBytes(lengthBytes) <= this.#heldBytesMax;
  }

  /** Whether a payload fits the bound of all connections to the disk together. */
  fitsDisk(lengthBytes: number): boolean {
    const { usedBytes } = this.#disk;
    return usedBytes === 0 || usedBytes + diskBytes(classBytes(lengthBytes)) <= this.#diskBytesMax;
  }

  take(lengthBytes: number): Buffer {
    const buffer = this.#pool.take(lengthBytes);
    this.heldBytes += buffer.length;
    this.#disk.usedBytes += diskBytes(buffer.length);
    return buffer;
  }

  give(buffer: Buffer): void {
    this.#release(buffer.length);
    this.#pool.give(buffer);
  }

  /** The buffer is not to be used again: somebody may still write into it. */
  lose(buffer: Buffer): void {
    this.#release(buffer.length);
    this.#pool.lose(buffer);
  }

  #release(bytes: number): void {
    this.heldBytes -= bytes;
    this.#disk.usedBytes -= diskBytes(bytes);
  }
}

function diskBytes(bytes: number): number {
  return Math.max(bytes, REQUEST_BYTES_MIN);
}
