import type { Op, Outcome } from "@fairlead/core";
import { Budget } from "./budget.js";
import type { Connection } from "./connection.js";
import type { Engine } from "./engine.js";
import { errnoOf } from "./errno.js";
import { InFlight } from "./in-flight.js";
import { clientGone } from "./liveness.js";
import { Output } from "./output.js";
import {
  CMD_DISC,
  CMD_FLAG_FUA,
  CMD_FLUSH,
  CMD_READ,
  CMD_WRITE,
  EINVAL,
  ENOSPC,
  EPERM,
  ESHUTDOWN,
  PAYLOAD_BYTES_MAX,
  REQUEST_BYTES,
  REQUEST_MAGIC,
} from "./protocol.js";
import type { ServedDisk } from "./served-disk.js";
import type { Slot } from "./slot.js";

/** What may follow of a payload that nobody wants. */
interface Swallow {
  bytes: number;
  errno: number;
  cookieHigh: number;
  cookieLow: number;
}

/** The rest of a payload up to which it is read together with what follows it, and copied. */
const COPIED_BYTES_MAX = 16 * 1024;
/** Longest single read: longer ones let other connections wait and leave the processor's cache. */
const READ_BYTES_MAX = 256 * 1024;
const TWO_32 = 2 ** 32;

/** One connection after its handshake: parses requests, hands them to the disk, answers them. */
export class Transmission {
  readonly served: ServedDisk;
  readonly output: Output;
  /** Requests that the client waits for, without those whose reply is in the output. */
  readonly requestsInFlight = new InFlight();
  requests = 0;
  readBytes = 0;
  writtenBytes = 0;
  /** Reading has stopped: a bound is reached. */
  paused = false;
  /** Requests may lie unread in the kernel: paused, or the last read filled its buffer. */
  unread = false;
  /** The client is gone, or was sent away: nothing is written any more. */
  dead = false;
  /** Stands in the engine's list of connections to be served after the current callback. */
  dirty = false;
  /** The client said DISC. */
  disconnecting = false;
  /** The server stops: new requests are answered with ESHUTDOWN. */
  stopping = false;
  /** Nothing that is still in flight is waited for. */
  #late = false;
  /** Grows with what the client does: payload that came. */
  payloadReads = 0;
  readonly budget: Budget;
  /** A write whose payload is still coming, and how much of it is there. */
  #filling: Slot | null = null;
  #filledBytes = 0;
  readonly #swallow: Swallow = { bytes: 0, errno: 0, cookieHigh: 0, cookieLow: 0 };
  /** Payload of the request that did not fit. */
  #wantedBytes = 0;
  /** No request of this connection has run yet. */
  #fresh = true;
  #watchedProgress = -1;
  #watchedSinceMs = 0;
  readonly #engine: Engine;
  readonly #connection: Connection;

  constructor(engine: Engine, connection: Connection, served: ServedDisk) {
    this.#engine = engine;
    this.#connection = connection;
    this.served = served;
    const { connectionBytesMax, diskBytesMax } = engine.limits;
    this.budget = new Budget(engine.pool, served, connectionBytesMax, diskBytesMax);
    this.output = new Output(connection.socket, this.budget, () => engine.markDirty(this));
    served.connections.add(this);
  }

  get inFlight(): number {
    return this.requestsInFlight.count;
  }

  get writesInFlight(): number {
    return this.requestsInFlight.writes;
  }

  /** It is the client's turn: to read replies, or to send the rest of a payload. */
  get waitsForClient(): boolean {
    return !this.output.empty || this.#filling !== null;
  }

  /** Where the next bytes from the socket go: into the payload that is coming, or to the engine's scratch buffer. */
  nextBuffer(): Uint8Array {
    const slot = this.#filling;
    if (slot === null) return this.#engine.readBuffer;
    const restBytes = slot.lengthBytes - this.#filledBytes;
    if (restBytes <= COPIED_BYTES_MAX) return this.#engine.readBuffer;
    return slot.data.subarray(this.#filledBytes, this.#filledBytes + Math.min(restBytes, READ_BYTES_MAX));
  }

  /** Bytes that came straight into the payload. */
  filled(bytes: number): void {
    this.#filledBytes += bytes;
    this.payloadReads++;
    if (this.#filling !== null && this.#filledBytes === this.#filling.lengthBytes) this.#payloadComplete();
  }

  /** Called once per read, before what was read runs. */
  beforeBatch(wholeBufferRead: boolean): void {
    this.setUnread(wholeBufferRead);
    const served = this.served;
    if (this.#fresh || served.unreadConnections > (this.unread ? 1 : 0)) served.endGone(this, this.#fresh);
    this.#fresh = false;
  }

  setUnread(unread: boolean): void {
    if (unread === this.unread) return;
    this.unread = unread;
    this.served.unreadConnections += unread ? 1 : -1;
  }

  endIfGone(): void {
    if (!this.dead && clientGone(this.#connection.fd)) {
      this.#connection.end("the client closed the connection");
    }
  }

  /** Handles scratch[start, end) and answers how far it came: what is left is part of a header, or does not fit. */
  parse(start: number, end: number): number {
    const scratch = this.#engine.scratch;
    let at = start;
    while (at < end && !this.dead) {
      if (this.#swallow.bytes > 0) {
        at += this.#swallowSome(end - at);
      } else if (this.#filling !== null) {
        const slot = this.#filling;
        const bytes = Math.min(slot.lengthBytes - this.#filledBytes, end - at);
        scratch.copy(slot.data, this.#filledBytes, at, at + bytes);
        at += bytes;
        this.filled(bytes);
      } else {
        if (end - at < REQUEST_BYTES) break;
        if (this.disconnecting) return end;
        if (!this.#request(at)) {
          this.#pause();
          break;
        }
        at += REQUEST_BYTES;
      }
    }
    return at;
  }

  /** Core's answer, exactly once per submitted request, possibly from within `submit`. */
  completed(slot: Slot, outcome: Outcome): void {
    this.requestsInFlight.remove(slot);
    const buffer = slot.buffer;
    if (this.dead || slot.answered) {
      if (buffer !== null) this.budget.give(buffer);
    } else if (outcome === "good" && slot.op === "read") {
      if (buffer !== null) this.output.data(slot.cookieHigh, slot.cookieLow, buffer, slot.lengthBytes);
    } else {
      if (outcome !== "good") this.served.failures++;
      if (buffer !== null) this.budget.give(buffer);
      this.output.status(slot.cookieHigh, slot.cookieLow, errnoOf(outcome));
    }
    const wasLastWrite = slot.op === "write" && this.writesInFlight === 0;
    this.#engine.slots.give(slot);
    if (wasLastWrite && (this.dead || this.disconnecting)) this.served.left(this);
    this.#engine.markDirty(this);
  }

  /** Sends what is ready, goes on reading where that is possible again, closes where everything is done. */
  service(): void {
    if (this.dead) return;
    try {
      this.#service();
    } catch (error) {
      this.#connection.fail(error);
    }
  }

  /** While others of its disk wait for memory: ends a client that holds some and has done nothing since the stall time-out. */
  endIfStalled(nowMs: number): void {
    const progress = this.output.batchesSent + this.payloadReads;
    if (this.budget.heldBytes === 0 || !this.waitsForClient || progress !== this.#watchedProgress) {
      this.#watchedProgress = progress;
      this.#watchedSinceMs = nowMs;
    } else if (nowMs - this.#watchedSinceMs >= this.#engine.limits.stallTimeoutMs) {
      this.#connection.end(
        "the client stopped reading its replies while others waited for memory",
        "nbd-client-stalled",
      );
    }
  }

  #service(): void {
    this.output.flush();
    if (this.paused && this.#mayResume()) {
      this.paused = false;
      this.#connection.resume();
      this.output.flush();
    }
    const done = this.inFlight === 0 || this.#late;
    if ((this.disconnecting || this.stopping) && done && this.output.empty) {
      this.#connection.finish();
    }
  }

  /** No reply goes out any more; what the disk has not sent yet is taken back. Buffers stay until the disk is done. */
  die(): void {
    if (this.dead) return;
    this.dead = true;
    this.setUnread(false);
    this.served.connections.delete(this);
    this.#engine.waiting.delete(this);
    this.served.leave(this);
    const filling = this.#filling;
    this.#filling = null;
    if (filling !== null) this.#discard(filling);
    // After DISC the client expects its requests to be done, whether it still listens or not.
    this.#takeBack(!this.disconnecting || this.#late);
    this.output.drop();
    if (this.writesInFlight === 0) this.served.left(this);
    // Others may wait for what it held.
    this.#engine.markDirty(this);
  }

  /** The server has waited long enough: what is in flight is answered without the disk's word. */
  answerShutdown(): void {
    this.#late = true;
    for (const slot of this.requestsInFlight.all()) {
      slot.answered = true;
      if (slot !== this.#filling) this.output.status(slot.cookieHigh, slot.cookieLow, ESHUTDOWN);
    }
    this.#engine.markDirty(this);
  }

  /** The disk threw: it can't be known whether it still uses the request, so neither it nor its buffer comes back. */
  abandon(slot: Slot, error: unknown): void {
    if (slot.connection !== this) return;
    this.requestsInFlight.remove(slot);
    slot.connection = null;
    if (slot.buffer !== null) this.budget.lose(slot.buffer);
    this.#connection.fail(error);
  }

  /** One request header at `at`. False: it must wait, nothing has changed. */
  #request(at: number): boolean {
    const view = this.#engine.scratchView;
    if (view.getUint32(at) !== REQUEST_MAGIC) {
      this.#connection.refuse("a request does not begin with the magic number");
      return true;
    }
    if (this.inFlight + this.output.unsentReplies >= this.#engine.limits.connectionRequestsMax) {
      this.#wantedBytes = 0;
      return false;
    }
    const flags = view.getUint16(at + 4);
    const type = view.getUint16(at + 6);
    const lengthBytes = view.getUint32(at + 24);
    switch (type) {
      case CMD_READ:
        return this.#read(at, flags, lengthBytes);
      case CMD_WRITE:
        return this.#write(at, flags, lengthBytes);
      case CMD_FLUSH:
        return this.#flush(at, flags, lengthBytes);
      case CMD_DISC:
        this.#disconnect();
        return true;
      default:
        this.#refuse(at, EINVAL);
        return true;
    }
  }

  #read(at: number, flags: number, lengthBytes: number): boolean {
    const errno = this.#check(at, flags, lengthBytes, EINVAL);
    if (errno !== 0) {
      this.#refuse(at, errno);
      return true;
    }
    if (!this.#roomFor(lengthBytes)) return false;
    const slot = this.#take(at, "read");
    this.#payload(slot, lengthBytes);
    this.served.reads++;
    this.served.readBytes += lengthBytes;
    this.readBytes += lengthBytes;
    this.served.submit(slot);
    return true;
  }

  #write(at: number, flags: number, lengthBytes: number): boolean {
    if (lengthBytes > PAYLOAD_BYTES_MAX) {
      this.#connection.refuse(`a write of ${lengthBytes} bytes, the maximum is ${PAYLOAD_BYTES_MAX}`);
      return true;
    }
    const errno = this.served.disk.readOnly ? EPERM : this.#check(at, flags, lengthBytes, ENOSPC);
    if (errno !== 0) {
      this.#refuseWithPayload(at, errno, lengthBytes);
      return true;
    }
    if (!this.#roomFor(lengthBytes)) return false;
    const slot = this.#take(at, "write");
    slot.fua = (flags & CMD_FLAG_FUA) !== 0;
    this.#payload(slot, lengthBytes);
    this.served.writes++;
    this.served.writtenBytes += lengthBytes;
    this.writtenBytes += lengthBytes;
    this.#filling = slot;
    this.#filledBytes = 0;
    return true;
  }

  #flush(at: number, flags: number, lengthBytes: number): boolean {
    const view = this.#engine.scratchView;
    const wholeDisk = lengthBytes === 0 && view.getUint32(at + 16) === 0 && view.getUint32(at + 20) === 0;
    if (!wholeDisk || (flags & ~CMD_FLAG_FUA) !== 0 || this.stopping) {
      this.#refuse(at, this.stopping ? ESHUTDOWN : EINVAL);
      return true;
    }
    const slot = this.#take(at, "flush");
    slot.offsetBytes = 0;
    slot.lengthBytes = 0;
    this.served.flushes++;
    this.served.submit(slot);
    return true;
  }

  /** 0, or the error of a read or a write that must not reach the disk. */
  #check(at: number, flags: number, lengthBytes: number, beyondEnd: number): number {
    if (this.stopping) return ESHUTDOWN;
    const view = this.#engine.scratchView;
    const offsetHigh = view.getUint32(at + 16);
    const offsetLow = view.getUint32(at + 20);
    const { alignMask, disk } = this.served;
    if ((flags & ~CMD_FLAG_FUA) !== 0 || lengthBytes === 0 || lengthBytes > PAYLOAD_BYTES_MAX) return EINVAL;
    if (((offsetLow | lengthBytes) & alignMask) !== 0) return EINVAL;
    // From 2^53 on the sum is not exact, but it is beyond the end of any disk; the difference can't overflow.
    const offsetBytes = offsetHigh * TWO_32 + offsetLow;
    return lengthBytes > disk.sizeBytes - offsetBytes ? beyondEnd : 0;
  }

  #roomFor(lengthBytes: number): boolean {
    this.#wantedBytes = lengthBytes;
    if (!this.budget.fits(lengthBytes)) return false;
    if (this.budget.fitsDisk(lengthBytes)) return true;
    this.#engine.waiting.add(this);
    return false;
  }

  #take(at: number, op: Op): Slot {
    const view = this.#engine.scratchView;
    const slot = this.#engine.slots.take(this);
    slot.op = op;
    slot.cookieHigh = view.getUint32(at + 8);
    slot.cookieLow = view.getUint32(at + 12);
    slot.offsetBytes = view.getUint32(at + 16) * TWO_32 + view.getUint32(at + 20);
    slot.fua = false;
    this.requestsInFlight.add(slot);
    this.requests++;
    return slot;
  }

  #payload(slot: Slot, lengthBytes: number): void {
    const buffer = this.budget.take(lengthBytes);
    slot.buffer = buffer;
    slot.lengthBytes = lengthBytes;
    slot.data = buffer.length === lengthBytes ? buffer : buffer.subarray(0, lengthBytes);
  }

  #payloadComplete(): void {
    const slot = this.#filling;
    if (slot === null) return;
    this.#filling = null;
    this.served.submit(slot);
  }

  /** Ends a request that the disk does not know. */
  #discard(slot: Slot): void {
    this.requestsInFlight.remove(slot);
    if (slot.buffer !== null) this.budget.give(slot.buffer);
    this.#engine.slots.give(slot);
  }

  /** Takes back what the disk has not sent; what it doesn't know yet ends here. */
  #takeBack(cancel: boolean): void {
    // `cancel` may complete any of them at once.
    for (const slot of this.requestsInFlight.all()) {
      if (slot.connection !== this) continue;
      if (slot.held) {
        this.served.forget(slot);
        this.#discard(slot);
      } else if (cancel) {
        this.#cancel(slot);
      }
    }
  }

  #cancel(slot: Slot): void {
    try {
      this.served.disk.cancel(slot);
    } catch (error) {
      this.#connection.report(error);
    }
  }

  #disconnect(): void {
    this.disconnecting = true;
    this.setUnread(false);
    this.served.leave(this);
    this.#engine.markDirty(this);
  }

  #refuse(at: number, errno: number): void {
    const view = this.#engine.scratchView;
    this.requests++;
    this.output.status(view.getUint32(at + 8), view.getUint32(at + 12), errno);
    this.#engine.markDirty(this);
  }

  /** The error is told when the payload has passed: a client may not look for a reply earlier. */
  #refuseWithPayload(at: number, errno: number, lengthBytes: number): void {
    if (lengthBytes === 0) {
      this.#refuse(at, errno);
      return;
    }
    const view = this.#engine.scratchView;
    this.requests++;
    this.#swallow.bytes = lengthBytes;
    this.#swallow.errno = errno;
    this.#swallow.cookieHigh = view.getUint32(at + 8);
    this.#swallow.cookieLow = view.getUint32(at + 12);
  }

  #swallowSome(bytesMax: number): number {
    const swallow = this.#swallow;
    const bytes = Math.min(swallow.bytes, bytesMax);
    swallow.bytes -= bytes;
    if (swallow.bytes === 0) {
      this.output.status(swallow.cookieHigh, swallow.cookieLow, swallow.errno);
      this.#engine.markDirty(this);
    }
    return bytes;
  }

  #pause(): void {
    this.paused = true;
    this.setUnread(true);
    this.#engine.markDirty(this);
    this.#engine.watch();
  }

  #mayResume(): boolean {
    const { connectionRequestsMax } = this.#engine.limits;
    const requestsLow = connectionRequestsMax - (connectionRequestsMax >> 2);
    if (this.inFlight + this.output.unsentReplies > requestsLow || !this.budget.fits(this.#wantedBytes))
      return false;
    if (!this.budget.fitsDisk(this.#wantedBytes)) return false;
    this.#engine.waiting.delete(this);
    return true;
  }
}
