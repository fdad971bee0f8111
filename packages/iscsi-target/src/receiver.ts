import { BHS_BYTES, getAhsBytes, getDataLength, padded } from "@fairlead/iscsi-codec";

/** Data of a PDU that is at least this long is read from the socket straight to where it belongs. */
const DIRECT_BYTES_MIN = 16 << 10;
const DIRECT_BYTES_MAX = 256 << 10;

/** What a connection does with the PDUs. */
export interface PduHandler {
  /**
   * A header is complete; `bytes` is valid during the call only. Says where the data goes by `keep`; without that it
   * is passed over.
   */
  beginPdu(bytes: Uint8Array, at: number, dataBytes: number): void;
  /** The data is complete too. */
  endPdu(): void;
}

/** Cuts the byte stream into PDUs. Holds at most a header: data goes to the handler's buffer, or nowhere. */
export class Receiver {
  private readonly header = new Uint8Array(BHS_BYTES);
  private headerFill = 0;
  private ahsLeft = 0;
  private dataLeft = 0;
  private padLeft = 0;
  /** Within a PDU, its header being complete. */
  private open = false;
  private stopped = false;

  private target: Uint8Array | null = null;
  private targetAt = 0;
  private targetEnd = 0;
  /** The part of `target` that the socket reads into. */
  private direct: Uint8Array | null = null;

  constructor(
    private readonly handler: PduHandler,
    /** Shared by all connections: what is in it is consumed before the next read. */
    private readonly scratch: Uint8Array,
  ) {}

  /** From within `beginPdu`: data of this PDU goes to `target`, from `at` to before `end`; what doesn't fit is dropped. */
  keep(target: Uint8Array, at: number, end: number): void {
    this.target = target;
    this.targetAt = at;
    this.targetEnd = end;
  }

  /** What follows of this PDU's data is dropped. True where the socket may still write into the buffer. */
  drop(): boolean {
    this.target = null;
    return this.direct !== null;
  }

  /** Nothing is taken any more, or not before `start`. */
  stop(): void {
    this.stopped = true;
  }

  start(): void {
    this.stopped = false;
  }

  /** Where the next read from the socket goes. */
  readonly nextBuffer = (): Uint8Array => {
    const { target } = this;
    this.direct = null;
    if (this.ahsLeft > 0 || this.dataLeft < DIRECT_BYTES_MIN || target === null) return this.scratch;
    if (this.targetEnd - this.targetAt < this.dataLeft) return this.scratch;
    const end = this.targetAt + Math.min(this.dataLeft, DIRECT_BYTES_MAX);
    this.direct = target.subarray(this.targetAt, end);
    return this.direct;
  };

  /** Takes `lengthBytes` from the start of `bytes`, all of them unless it is stopped meanwhile. Answers how many. */
  consume(bytes: Uint8Array, lengthBytes: number): number {
    if (bytes === this.direct) {
      this.direct = null;
      this.targetAt += lengthBytes;
      this.dataLeft -= lengthBytes;
      this.endIfComplete();
      return lengthBytes;
    }
    let at = 0;
    while (at < lengthBytes && !this.stopped)
      at = this.open ? this.takeBody(bytes, at, lengthBytes) : this.takeHeader(bytes, at, lengthBytes);
    return at;
  }

  private takeHeader(bytes: Uint8Array, at: number, end: number): number {
    if (this.headerFill === 0 && end - at >= BHS_BYTES) {
      this.begin(bytes, at);
      return at + BHS_BYTES;
    }
    const step = Math.min(BHS_BYTES - this.headerFill, end - at);
    this.header.set(bytes.subarray(at, at + step), this.headerFill);
    this.headerFill += step;
    if (this.headerFill === BHS_BYTES) {
      this.headerFill = 0;
      this.begin(this.header, 0);
    }
    return at + step;
  }

  private begin(bytes: Uint8Array, at: number): void {
    const dataBytes = getDataLength(bytes, at);
    this.ahsLeft = getAhsBytes(bytes, at);
    this.dataLeft = dataBytes;
    this.padLeft = padded(dataBytes) - dataBytes;
    this.target = null;
    this.open = true;
    this.handler.beginPdu(bytes, at, dataBytes);
    if (!this.stopped) this.endIfComplete();
  }

  private takeBody(bytes: Uint8Array, from: number, end: number): number {
    let at = from;
    if (this.ahsLeft > 0) {
      const step = Math.min(this.ahsLeft, end - at);
      this.ahsLeft -= step;
      at += step;
    } else if (this.dataLeft > 0) {
      const step = Math.min(this.dataLeft, end - at);
      this.keepData(bytes, at, step);
      this.dataLeft -= step;
      at += step;
    } else {
      const step = Math.min(this.padLeft, end - at);
      this.padLeft -= step;
      at += step;
    }
    this.endIfComplete();
    return at;
  }

  private keepData(bytes: Uint8Array, at: number, lengthBytes: number): void {
    const { target } = this;
    if (target === null) return;
    const step = Math.min(lengthBytes, this.targetEnd - this.targetAt);
    target.set(bytes.subarray(at, at + step), this.targetAt);
    this.targetAt += step;
  }

  private endIfComplete(): void {
    if (this.ahsLeft + this.dataLeft + this.padLeft > 0) return;
    this.open = false;
    this.target = null;
    this.handler.endPdu();
  }
}
