import type { Frame, NicDriver, NicListener } from "@fairlead/core";
import type { NicFixture } from "../src/index.js";

const MTU_BYTES = 1500;
const QUEUED_FRAMES_MAX = 256;
/** What the wire holds while the far end takes nothing. */
const WIRE_FRAMES_MAX = 100;

/** Where a NIC in memory departs from the contract. */
export interface NicFlaws {
  noAddress?: boolean;
  losesLastByte?: boolean;
  newestFirst?: boolean;
  dropsEveryTenth?: boolean;
  reportsAtOnce?: boolean;
  reportsTwice?: boolean;
  readsTooLate?: boolean;
  writesIntoFrames?: boolean;
  needsNewFrames?: boolean;
  reportsRefused?: boolean;
  takesAnyLength?: boolean;
  ownAddressOnly?: boolean;
  wholeBuffer?: boolean;
  deafWhileReceiving?: boolean;
  echoes?: boolean;
  unbounded?: boolean;
  endlessWire?: boolean;
  staysFull?: boolean;
  noticeLate?: boolean;
  staysUp?: boolean;
  hangsWhenDown?: boolean;
  silentReturn?: boolean;
  closeDropsPending?: boolean;
  takesAfterClose?: boolean;
  hearsAfterClose?: boolean;
}

/** A NIC and the far end of its cable, in memory. */
export function memoryNic(flaws: NicFlaws = {}): NicFixture {
  const nic = new MemoryNic(flaws);
  return {
    nic,
    far: nic.far,
    cleanup() {},
    pull: () => nic.setCarrier(false),
    plug: () => nic.setCarrier(true),
  };
}

class MemoryNic implements NicDriver {
  readonly id = "mem0";
  readonly address;
  readonly mtuBytes = MTU_BYTES;
  up = true;
  listener: NicListener = { received() {}, transmitted() {}, notice() {} };
  readonly far = {
    onFrame: (_bytes: Uint8Array) => {},
    send: (bytes: Uint8Array) => this.#arrive(bytes.slice()),
    hold: () => {
      this.#held = true;
    },
    release: () => {
      this.#held = false;
      this.#pump();
    },
  };
  #queue: Frame[] = [];
  #wire: Uint8Array[] = [];
  readonly #known = new Set<Frame>();
  #held = false;
  #closed = false;
  #pumping = false;
  #receiving = false;
  #full = false;
  #count = 0;

  constructor(readonly flaws: NicFlaws) {
    this.address = flaws.noAddress ? "mem0" : "52:54:00:00:00:07";
  }

  transmit(frame: Frame): boolean {
    const { flaws } = this;
    const wrong = !flaws.takesAnyLength && (frame.lengthBytes < 14 || frame.lengthBytes > MTU_BYTES + 18);
    const full = this.#queue.length >= QUEUED_FRAMES_MAX && !flaws.unbounded;
    if (full) this.#full = true;
    const deaf = (flaws.deafWhileReceiving && this.#receiving) || (flaws.staysFull && this.#full);
    const reused = flaws.needsNewFrames && this.#known.has(frame);
    const closed = this.#closed && !flaws.takesAfterClose;
    if ((!this.up && !flaws.takesAfterClose) || closed || wrong || full || deaf || reused) {
      if (flaws.reportsRefused) setImmediate(() => this.listener.transmitted(frame, "not-sent"));
      return false;
    }
    this.#known.add(frame);
    if (flaws.reportsAtOnce) this.listener.transmitted(frame, "good");
    else if (flaws.newestFirst) this.#queue.unshift(frame);
    else this.#queue.push(frame);
    this.#pump();
    return true;
  }

  setCarrier(up: boolean): void {
    const { flaws } = this;
    setImmediate(() => {
      if (!up && flaws.noticeLate) this.#endPending();
      this.up = up || flaws.staysUp === true;
      if (up) {
        if (!flaws.silentReturn) this.listener.notice({ kind: "path-restored" });
        return;
      }
      this.listener.notice({ kind: "path-failed", reason: "link-down", detail: "pulled" });
      if (!flaws.hangsWhenDown) this.#endPending();
    });
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.up = false;
    if (!this.flaws.closeDropsPending) this.#endPending();
    this.#queue = [];
  }

  #endPending(): void {
    for (const frame of this.#queue.splice(0)) this.listener.transmitted(frame, "not-sent");
  }

  /** Moves what fits onto the wire in the next turn of the loop. */
  #pump(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    setImmediate(() => {
      this.#pumping = false;
      const { flaws } = this;
      if (!this.up && !this.#closed) return;
      while (this.#queue.length > 0 && (flaws.endlessWire || this.#wire.length < WIRE_FRAMES_MAX)) {
        this.#put(this.#queue.shift() as Frame);
      }
      if (this.#held) return;
      for (const bytes of this.#wire.splice(0)) this.far.onFrame(bytes);
      if (this.#queue.length > 0) this.#pump();
    });
  }

  #put(frame: Frame): void {
    const { flaws } = this;
    const dropped = flaws.dropsEveryTenth && ++this.#count % 10 === 0;
    const lengthBytes = frame.lengthBytes - (flaws.losesLastByte && frame.lengthBytes > 1000 ? 1 : 0);
    const bytes = frame.bytes.subarray(0, lengthBytes);
    if (!dropped) this.#wire.push(flaws.readsTooLate ? bytes : bytes.slice());
    if (flaws.echoes) this.listener.received(bytes);
    if (flaws.writesIntoFrames) frame.bytes[lengthBytes - 1] = 0;
    this.listener.transmitted(frame, "good");
    if (flaws.reportsTwice) this.listener.transmitted(frame, "good");
  }

  #arrive(bytes: Uint8Array): void {
    const { flaws } = this;
    setImmediate(() => {
      if (this.#closed && !flaws.hearsAfterClose) return;
      if (flaws.ownAddressOnly && bytes[0] === 0x52 && bytes[5] !== 7) return;
      const padded = new Uint8Array(2048);
      padded.set(bytes);
      this.#receiving = true;
      this.listener.received(flaws.wholeBuffer ? padded : padded.subarray(0, bytes.length));
      this.#receiving = false;
    });
  }
}
