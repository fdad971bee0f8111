import { BHS_BYTES, getAhsBytes, getDataLength, padded } from "@fairlead/iscsi-codec";
import { ProtocolError } from "./errors.js";

/** Takes PDUs as they come in. Either method may throw a {@link ProtocolError}: the connection is dropped then. */
export interface PduSink {
  /** A PDU with data begins; `reader.receiveInto` says where its data goes, else it is collected. Bytes are only valid now. */
  header(bytes: Uint8Array, at: number): void;
  /** A PDU is complete. `data` holds what was collected: its first `dataBytes` bytes. Bytes are only valid now. */
  pdu(bytes: Uint8Array, at: number, data: Uint8Array, dataBytes: number): void;
}

/** Longest data segment that we declare to take: no target may send more. Bytes. */
export const RECEIVE_DATA_BYTES_MAX = 256 * 1024;
/** What is kept of data that isn't a read's: login and discovery text, sense. A peer's length never makes it grow. Bytes. */
export const COLLECTED_BYTES_MAX = 8192;

const NOWHERE: Uint8Array = new Uint8Array(0);

/**
 * Cuts a stream into PDUs. Data of reads goes from the chunk straight to its destination; a chunk may end anywhere.
 * Does no I/O.
 */
export class PduReader {
  sink: PduSink;
  /** Set while a chunk is consumed, where nothing more may be delivered. */
  stopped = false;
  readonly #head = new Uint8Array(BHS_BYTES);
  readonly #collected = new Uint8Array(COLLECTED_BYTES_MAX);
  #headFill = 0;
  #target = NOWHERE;
  #targetAt = 0;
  #dataLeft = 0;
  #padLeft = 0;

  constructor(sink: PduSink) {
    this.sink = sink;
  }

  /** No PDU's data is under way. */
  get idle(): boolean {
    return this.#dataLeft === 0 && this.#padLeft === 0;
  }

  /** From within `header`: data goes to `target` from `at` on, where the caller has checked that it fits. */
  receiveInto(target: Uint8Array, at: number): void {
    this.#target = target;
    this.#targetAt = at;
  }

  /** From within `header`: data is dropped. */
  discard(): void {
    this.#target = NOWHERE;
  }

  consume(chunk: Uint8Array, chunkBytes: number): void {
    let at = 0;
    while (at < chunkBytes && !this.stopped) {
      if (this.#dataLeft > 0 || this.#padLeft > 0) at += this.#take(chunk, at, chunkBytes);
      else if (this.#headFill === 0 && chunkBytes - at >= BHS_BYTES) {
        this.#begin(chunk, at);
        at += BHS_BYTES;
      } else {
        const bytes = Math.min(BHS_BYTES - this.#headFill, chunkBytes - at);
        for (let index = 0; index < bytes; index++) this.#head[this.#headFill++] = chunk[at++]!;
        if (this.#headFill === BHS_BYTES) this.#begin(this.#head, 0);
      }
    }
  }

  /** What is still to come of a read's data, where that is at least `minBytes`: the socket may read straight into it. */
  directTarget(minBytes: number, maxBytes: number): Uint8Array | undefined {
    if (this.#dataLeft < minBytes || this.#target === NOWHERE || this.#target === this.#collected)
      return undefined;
    const bytes = Math.min(this.#dataLeft, maxBytes);
    return new Uint8Array(this.#target.buffer, this.#target.byteOffset + this.#targetAt, bytes);
  }

  /** Bytes have come into {@link directTarget}. */
  landed(bytes: number): void {
    this.#targetAt += bytes;
    this.#dataLeft -= bytes;
    if (this.#dataLeft === 0 && this.#padLeft === 0) this.#end();
  }

  #begin(bytes: Uint8Array, at: number): void {
    this.#headFill = 0;
    if (getAhsBytes(bytes, at) !== 0)
      throw new ProtocolError("a target's PDU must have no additional header");
    const dataBytes = getDataLength(bytes, at);
    if (dataBytes === 0) {
      this.sink.pdu(bytes, at, this.#collected, 0);
      return;
    }
    if (dataBytes > RECEIVE_DATA_BYTES_MAX)
      throw new ProtocolError(
        `a data segment must have at most ${RECEIVE_DATA_BYTES_MAX} bytes, but has ${dataBytes}`,
      );
    if (bytes !== this.#head)
      for (let index = 0; index < BHS_BYTES; index++) this.#head[index] = bytes[at + index]!;
    this.#target = this.#collected;
    this.#targetAt = 0;
    this.sink.header(this.#head, 0);
    this.#dataLeft = dataBytes;
    this.#padLeft = padded(dataBytes) - dataBytes;
  }

  #take(chunk: Uint8Array, at: number, chunkBytes: number): number {
    const available = chunkBytes - at;
    const bytes = Math.min(this.#dataLeft, available);
    const padding = Math.min(this.#padLeft, available - bytes);
    // Beyond the end of `#collected`, and all of NOWHERE, is dropped.
    const kept = Math.min(bytes, this.#target.length - this.#targetAt);
    if (kept > 0) {
      this.#target.set(new Uint8Array(chunk.buffer, chunk.byteOffset + at, kept), this.#targetAt);
      this.#targetAt += kept;
    }
    this.#dataLeft -= bytes;
    this.#padLeft -= padding;
    if (this.#dataLeft === 0 && this.#padLeft === 0) this.#end();
    return bytes + padding;
  }

  #end(): void {
    const collectedBytes = this.#target === this.#collected ? this.#targetAt : 0;
    this.#target = NOWHERE;
    this.sink.pdu(this.#head, 0, this.#collected, collectedBytes);
  }
}
