import { BHS_BYTES, padded, setDataLength, startHeader } from "@fairlead/iscsi-codec";
import type { Wire } from "./wire.js";

/** Room for an R2T of 256 KiB in segments of 8 KiB, so that it leaves with one system call. */
const STAGING_BYTES = 288 * 1024;
/** Longer payloads are referenced, shorter ones copied: a buffer of its own costs more than the copy. */
const COPY_BYTES_MAX = 16 * 1024;
/** Referenced bytes after which a batch goes out. */
const BATCH_BYTES_MAX = 1024 * 1024;

/** Buffers that batches are put together in; one is enough for all sessions while their sockets take everything. */
export class StagingPool {
  readonly #free: Buffer[] = [];

  take(): Buffer {
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(STAGING_BYTES);
  }

  give(staging: Buffer): void {
    this.#free.push(staging);
  }
}

/** Puts the PDUs of one turn of the loop together and writes them at once. */
export class Output {
  /** The batch's buffer: `header` tells where in it a header stands. */
  staging: Buffer | null = null;
  /** The kernel has not taken the last batch yet: nothing may be added. */
  blocked = false;
  readonly #wire: Wire;
  readonly #pool: StagingPool;
  readonly #chunks: Uint8Array[] = [];
  #fill = 0;
  #chunkStart = 0;
  #referencedBytes = 0;

  constructor(wire: Wire, pool: StagingPool) {
    this.#wire = wire;
    this.#pool = pool;
  }

  /** Makes room for a PDU with that much data; false: the kernel is behind, go on when it has drained. */
  reserve(dataBytes: number): boolean {
    if (this.blocked) return false;
    const bytes = BHS_BYTES + (dataBytes > COPY_BYTES_MAX ? 4 : padded(dataBytes));
    if (this.#fill + bytes > STAGING_BYTES || this.#referencedBytes >= BATCH_BYTES_MAX) this.send();
    if (this.blocked) return false;
    this.staging ??= this.#pool.take();
    return true;
  }

  /** Begins a PDU; gives its place in `staging`. After `reserve`. */
  header(opcode: number, flags: number): number {
    const at = this.#fill;
    this.#fill += BHS_BYTES;
    if (this.staging !== null) startHeader(this.staging, at, opcode, flags);
    return at;
  }

  /** The data of the PDU whose header was begun last, with its padding. */
  payload(headerAt: number, data: Uint8Array, from: number, bytes: number): void {
    const staging = this.staging;
    if (staging === null) return;
    setDataLength(staging, headerAt, bytes);
    const whole = from === 0 && bytes === data.length;
    const source = whole ? data : new Uint8Array(data.buffer, data.byteOffset + from, bytes);
    if (bytes > COPY_BYTES_MAX) {
      this.#closeChunk(staging);
      this.#chunks.push(source);
      this.#referencedBytes += bytes;
    } else {
      staging.set(source, this.#fill);
      this.#fill += bytes;
    }
    for (let left = padded(bytes) - bytes; left > 0; left--) staging[this.#fill++] = 0;
  }

  /** Writes what has been put together. */
  send(): void {
    const staging = this.staging;
    if (staging === null || this.#fill === 0) return;
    this.#closeChunk(staging);
    this.#wire.write(this.#chunks);
    this.#chunks.length = 0;
    this.#fill = 0;
    this.#chunkStart = 0;
    this.#referencedBytes = 0;
    this.blocked = !this.#wire.drained;
  }

  /** End of the batch: the buffer goes back, unless the kernel still needs it. */
  release(): void {
    if (this.blocked || this.staging === null) return;
    this.#pool.give(this.staging);
    this.staging = null;
  }

  /** The kernel has taken everything; true where that was awaited. */
  drained(): boolean {
    if (!this.blocked || !this.#wire.drained) return false;
    this.blocked = false;
    this.release();
    return true;
  }

  #closeChunk(staging: Buffer): void {
    if (this.#fill > this.#chunkStart) this.#chunks.push(staging.subarray(this.#chunkStart, this.#fill));
    this.#chunkStart = this.#fill;
  }
}
