import type { Socket } from "node:net";

/** Above this the source is no longer read, so that a held lane costs bounded memory and loses nothing. */
const HELD_BYTES_MAX = 4 * 1024 * 1024;

interface Piece {
  readonly bytes: Buffer;
  readonly dueMs: number;
}

/** One direction of one proxied connection. */
export class Lane {
  /** Bytes that may still pass; Infinity: not held. */
  #passBytes = Number.POSITIVE_INFINITY;
  #delayMs = 0;
  #bytesPerMs = Number.POSITIVE_INFINITY;
  /** When the last piece has passed a paced lane. */
  #freeAtMs = 0;
  #heldBytes = 0;
  #sourceEnded = false;
  #sourceFailed = false;
  #timer: NodeJS.Timeout | undefined;
  readonly #queue: Piece[] = [];
  passedBytes = 0;

  /** `close` ends the sink once the source has ended and all of its bytes are through. */
  constructor(
    private readonly source: Socket,
    private readonly sink: Socket,
    private readonly close: (sourceFailed: boolean) => void,
  ) {
    source.on("data", (bytes: Buffer) => this.#take(bytes));
    sink.on("drain", () => this.#pump());
    source.once("error", () => {
      this.#sourceFailed = true;
    });
    for (const event of ["end", "close"]) {
      source.once(event, () => {
        this.#sourceEnded = true;
        this.#pump();
      });
    }
  }

  get heldBytes(): number {
    return this.#heldBytes;
  }

  hold(afterBytes: number): void {
    this.#passBytes = afterBytes;
  }

  /** What was held goes on in order, also where its sender is gone by now. */
  release(): void {
    this.#passBytes = Number.POSITIVE_INFINITY;
    this.#pump();
  }

  delay(ms: number): void {
    this.#delayMs = ms;
  }

  /** Bytes pass one after another at this rate, as over a slow link; Infinity: at once. */
  pace(bytesPerSecond: number): void {
    this.#bytesPerMs = bytesPerSecond / 1000;
  }

  drop(): void {
    clearTimeout(this.#timer);
    this.#queue.length = 0;
    this.#heldBytes = 0;
  }

  #take(bytes: Buffer): void {
    const nowMs = performance.now();
    this.#freeAtMs = Math.max(this.#freeAtMs, nowMs) + bytes.length / this.#bytesPerMs;
    this.#queue.push({ bytes, dueMs: this.#freeAtMs + this.#delayMs });
    this.#heldBytes += bytes.length;
    this.#pump();
  }

  #pump(): void {
    clearTimeout(this.#timer);
    while (this.#queue.length > 0 && this.#passBytes > 0 && !this.sink.writableNeedDrain) {
      const piece = this.#queue[0];
      if (piece === undefined) break;
      const waitMs = piece.dueMs - performance.now();
      if (waitMs > 0) {
        this.#timer = setTimeout(() => this.#pump(), waitMs);
        break;
      }
      this.#pass(piece);
    }
    if (this.#heldBytes >= HELD_BYTES_MAX) this.source.pause();
    else if (this.source.isPaused()) this.source.resume();
    // The end of a stream is held as its bytes are.
    if (!this.#sourceEnded || this.#queue.length > 0 || this.#passBytes === 0) return;
    if (!this.sink.destroyed) this.close(this.#sourceFailed);
  }

  #pass(piece: Piece): void {
    const part = piece.bytes.subarray(0, Math.min(piece.bytes.length, this.#passBytes));
    this.#queue.shift();
    if (part.length < piece.bytes.length) {
      this.#queue.unshift({ bytes: piece.bytes.subarray(part.length), dueMs: piece.dueMs });
    }
    this.#passBytes -= part.length;
    this.#heldBytes -= part.length;
    this.passedBytes += part.length;
    if (!this.sink.destroyed) this.sink.write(part);
  }
}
