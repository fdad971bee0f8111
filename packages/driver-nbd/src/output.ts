import type { Socket } from "node:net";
import type { Budget } from "./budget.js";
import { SIMPLE_REPLY_BYTES, SIMPLE_REPLY_MAGIC } from "./protocol.js";

const STAGING_BYTES = 64 * 1024;
/** Below it a copy is cheaper than one more element of a writev. */
const COPIED_BYTES_MAX = 16 * 1024;

/**
 * Replies of one connection: collected while a batch of completions comes in, written with one writev. Headers and
 * short payloads are copied side by side, long payloads go by reference. One write is on its way at a time; what
 * completes meanwhile makes up the next.
 */
export class Output {
  /** Replies that the kernel has not taken yet. */
  unsentReplies = 0;
  /** Grows whenever the kernel has taken a batch: shows whether the client reads. */
  batchesSent = 0;
  #writing = false;
  #writtenReplies = 0;
  #staging: Buffer | null = null;
  #start = 0;
  #end = 0;
  #segments: Buffer[] = [];
  /** Pooled buffers that the segments lie in. */
  #owned: Buffer[] = [];
  #writtenOwned: Buffer[] = [];
  readonly #socket: Socket;
  readonly #budget: Budget;
  readonly #onSent: () => void;
  readonly #onWritten = () => this.#written();

  /** `onSent`: a batch that the kernel did not take at once has left. */
  constructor(socket: Socket, budget: Budget, onSent: () => void) {
    this.#socket = socket;
    this.#budget = budget;
    this.#onSent = onSent;
  }

  get empty(): boolean {
    return this.unsentReplies === 0;
  }

  /** A reply without payload. */
  status(cookieHigh: number, cookieLow: number, errno: number): void {
    this.#header(cookieHigh, cookieLow, errno, SIMPLE_REPLY_BYTES);
  }

  /** The reply to a read; `buffer` is given back to the budget as soon as its content has left or is copied. */
  data(cookieHigh: number, cookieLow: number, buffer: Buffer, lengthBytes: number): void {
    if (lengthBytes <= COPIED_BYTES_MAX) {
      const staging = this.#header(cookieHigh, cookieLow, 0, SIMPLE_REPLY_BYTES + lengthBytes);
      buffer.copy(staging, this.#end, 0, lengthBytes);
      this.#end += lengthBytes;
      this.#budget.give(buffer);
      return;
    }
    this.#header(cookieHigh, cookieLow, 0, SIMPLE_REPLY_BYTES);
    this.#cut();
    this.#segments.push(lengthBytes === buffer.length ? buffer : buffer.subarray(0, lengthBytes));
    this.#owned.push(buffer);
  }

  /** Writes what was collected, unless a write is on its way: then that write's end does it. */
  flush(): void {
    if (this.#writing) return;
    this.#cut();
    if (this.#staging !== null) {
      this.#owned.push(this.#staging);
      this.#staging = null;
    }
    const segments = this.#segments;
    if (segments.length === 0) return;
    const owned = this.#owned;
    this.#owned = this.#writtenOwned;
    this.#writtenOwned = owned;
    this.#writtenReplies = this.unsentReplies;
    this.#writing = true;
    this.#write(segments);
    segments.length = 0;
    // An empty queue right after the write: the kernel has everything, nobody reads the buffers any more.
    if (this.#socket.writableLength === 0 && !this.#socket.destroyed) this.#release();
  }

  /** Gives all buffers back. For a connection that has ended and whose socket is destroyed. */
  drop(): void {
    if (this.#staging !== null) this.#owned.push(this.#staging);
    this.#staging = null;
    for (const buffer of this.#owned) this.#budget.give(buffer);
    this.#owned.length = 0;
    this.#segments.length = 0;
    this.#start = this.#end = 0;
    this.#release();
    this.unsentReplies = 0;
  }

  #write(segments: readonly Buffer[]): void {
    const last = segments.length - 1;
    if (last > 0) this.#socket.cork();
    for (let index = 0; index < last; index++) this.#socket.write(segments[index]!);
    this.#socket.write(segments[last]!, this.#onWritten);
    if (last > 0) this.#socket.uncork();
  }

  /** Node calls it for each batch, also for one whose buffers were free at once. */
  #written(): void {
    if (!this.#writing || this.#socket.destroyed || this.#socket.writableLength > 0) return;
    this.#release();
    this.flush();
    this.#onSent();
  }

  #release(): void {
    for (const buffer of this.#writtenOwned) this.#budget.give(buffer);
    this.#writtenOwned.length = 0;
    this.unsentReplies -= this.#writtenReplies;
    this.#writtenReplies = 0;
    this.#writing = false;
    this.batchesSent++;
  }

  /** Room for `bytes` in the staging buffer, with the header at its beginning. */
  #header(cookieHigh: number, cookieLow: number, errno: number, bytes: number): Buffer {
    let staging = this.#staging;
    if (staging === null || this.#end + bytes > staging.length) {
      this.#cut();
      if (staging !== null) this.#owned.push(staging);
      staging = this.#staging = this.#budget.take(STAGING_BYTES);
      this.#start = this.#end = 0;
    }
    const at = this.#end;
    staging.writeUInt32BE(SIMPLE_REPLY_MAGIC, at);
    staging.writeUInt32BE(errno, at + 4);
    staging.writeUInt32BE(cookieHigh, at + 8);
    staging.writeUInt32BE(cookieLow, at + 12);
    this.#end = at + SIMPLE_REPLY_BYTES;
    this.unsentReplies++;
    return staging;
  }

  /** Makes a segment of what was copied since the last one. */
  #cut(): void {
    if (this.#staging !== null && this.#end > this.#start) {
      this.#segments.push(this.#staging.subarray(this.#start, this.#end));
      this.#start = this.#end;
    }
  }
}
