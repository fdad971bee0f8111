import type { Command } from "@fairlead/core";
import { type Entries, STRIDE, USE } from "./entries.js";
import type { Timeline } from "./timeline.js";

// Places in the array of state.
/** When the interval began, ms. */
const BEGAN_MS = 0;
/** Units served in this interval. */
const UNITS = 1;
/** Time over which USE is counted, without this interval, in ms times the factor. */
const SPAN = 2;
/** Factor of what is counted now: it doubles from interval to interval, so that what is older counts half each time. */
const FACTOR = 3;
/** The LUN's bandwidth, units per ms; 0: not known yet. */
const PER_MS = 4;

const FACTOR_MAX = 2 ** 500;
const DOUBLINGS_MAX = 64;

/** What the LUN gives, and which part of it each entry uses. [0110] */
export class Bandwidth {
  /** Somebody waited for its turn whenever a command went, in this interval. */
  saturated = true;
  /** Somebody was deferred in this interval: what is measured may be less than what there is. */
  deferred = false;
  readonly #entries: Entries;
  readonly #timeline: Timeline;
  readonly #state = Float64Array.of(0, 0, 0, 1, 0);

  constructor(entries: Entries, timeline: Timeline) {
    this.#entries = entries;
    this.#timeline = timeline;
  }

  serve(index: number, command: Command): void {
    const state = this.#state;
    this.#entries.fields[index * STRIDE + USE]! += command.units * state[FACTOR]!;
    state[UNITS]! += command.units;
  }

  refund(index: number, command: Command): void {
    const state = this.#state;
    const { fields } = this.#entries;
    const at = index * STRIDE;
    fields[at + USE] = Math.max(0, fields[at + USE]! - command.units * state[FACTOR]!);
    state[UNITS] = Math.max(0, state[UNITS]! - command.units);
  }

  /** True where an interval has ended, and with it a measurement. */
  roll(intervalMs: number): boolean {
    const elapsedMs = this.#timeline.now[0]! - this.#state[BEGAN_MS]!;
    if (!(elapsedMs >= intervalMs)) return false;
    const measured = this.#state[UNITS]! / elapsedMs;
    // While the LUN had room, stood still, or bandwidth was held back, there may be more than was taken.
    const whole = this.saturated && !this.deferred && elapsedMs < 2 * intervalMs;
    if (whole || measured > this.#state[PER_MS]!) this.#state[PER_MS] = measured;
    this.#begin(Math.min(DOUBLINGS_MAX, Math.floor(elapsedMs / intervalMs)));
    return true;
  }

  /** The LUN gives `ratio` times what it gave: measured anew from now on. */
  scale(ratio: number): void {
    this.#state[PER_MS]! *= ratio;
    this.#begin(0);
  }

  /** True where the entry has used more than `part` of the LUN's bandwidth. */
  exceeds(index: number, part: number): boolean {
    const state = this.#state;
    const spanMs = state[SPAN]! + (this.#timeline.now[0]! - state[BEGAN_MS]!) * state[FACTOR]!;
    return state[PER_MS]! > 0 && this.#entries.fields[index * STRIDE + USE]! > part * state[PER_MS]! * spanMs;
  }

  #begin(doublings: number): void {
    const state = this.#state;
    const now = this.#timeline.now[0]!;
    state[SPAN]! += (now - state[BEGAN_MS]!) * state[FACTOR]!;
    state[FACTOR]! *= 2 ** doublings;
    state[BEGAN_MS] = now;
    state[UNITS] = 0;
    this.saturated = true;
    this.deferred = false;
    if (state[FACTOR]! < FACTOR_MAX) return;
    const { fields, size } = this.#entries;
    for (let index = 0; index < size; index++) fields[index * STRIDE + USE]! /= state[FACTOR]!;
    state[SPAN]! /= state[FACTOR]!;
    state[FACTOR] = 1;
  }
}
