import { LunClock } from "./lun-clock.js";
import { Turns } from "./turns.js";
import { WinnerTree } from "./winner-tree.js";

// Fields of a part: when it may go again, on the LUN's clock; units had × weight; units of the LUN for one of its own.
const STRIDE = 3;
const READY_AT = 0;
const TAG = 1;
const WEIGHT = 2;

const NONE = -1;
const IDLE = 0;
const READY = 1;
const USED_UP = 2;

/**
 * Parts of a LUN, each a bucket that fills at its own speed. Those that have something queued and are not used up take
 * turns by weight: where the LUN is slower than it was said to be, each still gets its proportion.
 */
export class Partitions {
  readonly clock = new LunClock();
  /** What a part that did not use its time may go on with, in units of the LUN. */
  burstUnits = 0;
  #fields = new Float64Array(8 * STRIDE);
  #states = new Uint8Array(8);
  readonly #ready = new Turns();
  readonly #usedUp = new WinnerTree();

  /** A new part, with a whole burst. */
  open(part: number, weight: number): void {
    if (part >= this.#states.length) this.#grow(part + 1);
    const at = part * STRIDE;
    this.#states[part] = IDLE;
    this.#fields[at + READY_AT] = this.clock.units - this.burstUnits;
    this.#fields[at + TAG] = 0;
    this.#fields[at + WEIGHT] = weight;
  }

  /** What it went beyond its due stays the same number of units. */
  setWeight(part: number, weight: number): void {
    const fields = this.#fields;
    const at = part * STRIDE;
    const ratio = weight / fields[at + WEIGHT]!;
    if (ratio === 1) return;
    const debtUnits = fields[at + READY_AT]! - this.clock.units;
    if (debtUnits > 0) fields[at + READY_AT] = this.clock.units + debtUnits * ratio;
    const aheadUnits = fields[at + TAG]! - this.#ready.time;
    if (aheadUnits > 0) fields[at + TAG] = this.#ready.time + aheadUnits * ratio;
    fields[at + WEIGHT] = weight;
    if (this.#states[part] !== IDLE) this.place(part);
  }

  isUsedUp(part: number): boolean {
    return this.#fields[part * STRIDE + READY_AT]! > this.clock.units;
  }

  /** It has something queued. */
  wake(part: number): void {
    if (this.#states[part] !== IDLE) return;
    this.#ready.catchUp(this.#fields, part * STRIDE + TAG);
    this.place(part);
  }

  /** It has nothing queued any more. */
  sleep(part: number): void {
    const state = this.#states[part];
    if (state === READY) this.#ready.leave(part);
    else if (state === USED_UP) this.#usedUp.clear(part);
    this.#states[part] = IDLE;
  }

  /** The part to be served, -1: all that have something queued are used up. */
  take(): number {
    while (this.#usedUp.winnerKey <= this.clock.units) {
      this.place(this.#usedUp.winner);
    }
    return this.#ready.empty ? NONE : this.#ready.take();
  }

  /** `place` or `sleep` follows. */
  pay(part: number, units: number): void {
    const fields = this.#fields;
    const at = part * STRIDE;
    const cost = units * fields[at + WEIGHT]!;
    const earliest = this.clock.units - this.burstUnits;
    if (fields[at + READY_AT]! < earliest) fields[at + READY_AT] = earliest;
    fields[at + READY_AT]! += cost;
    fields[at + TAG]! += cost;
  }

  /** `place` follows. */
  refund(part: number, units: number): void {
    const cost = units * this.#fields[part * STRIDE + WEIGHT]!;
    this.#fields[part * STRIDE + READY_AT]! -= cost;
    this.#fields[part * STRIDE + TAG]! -= cost;
  }

  /** Puts a part that has something queued where it belongs. */
  place(part: number): void {
    const at = part * STRIDE;
    const before = this.#states[part];
    if (this.isUsedUp(part)) {
      if (before === READY) this.#ready.leave(part);
      this.#states[part] = USED_UP;
      this.#usedUp.set(part, this.#fields, at + READY_AT);
    } else {
      if (before === USED_UP) this.#usedUp.clear(part);
      this.#states[part] = READY;
      this.#ready.put(part, this.#fields, at + TAG);
    }
  }

  /** When the next part may go, ms; Infinity: none waits for that. */
  nextAt(): number {
    const units = this.#usedUp.winnerKey;
    return units === Infinity ? Infinity : this.clock.reaches(units);
  }

  #grow(lengthMin: number): void {
    let length = this.#states.length;
    while (length < lengthMin) length *= 2;
    const fields = new Float64Array(length * STRIDE);
    fields.set(this.#fields);
    this.#fields = fields;
    const states = new Uint8Array(length);
    states.set(this.#states);
    this.#states = states;
  }
}
