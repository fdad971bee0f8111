const UNITS = 0;
const ANCHOR_UNITS = 1;
const ANCHOR_MS = 2;
const UNITS_PER_MS = 3;
const LAST_MS = 4;

/** Counts the units that a LUN could have done by now: it runs faster or slower as its bandwidth changes. */
export class LunClock {
  // From an anchor on, not by steps: a small step added to a large sum would be rounded away.
  readonly #state = Float64Array.of(0, 0, 0, 0, Number.NaN);

  get units(): number {
    return this.#state[UNITS]!;
  }

  /** A clock that was set back counts on from where it is. */
  advance(nowMs: number): void {
    const state = this.#state;
    if (!(nowMs >= state[LAST_MS]!)) {
      state[ANCHOR_UNITS] = state[UNITS]!;
      state[ANCHOR_MS] = nowMs;
    }
    state[LAST_MS] = nowMs;
    state[UNITS] = state[ANCHOR_UNITS]! + (nowMs - state[ANCHOR_MS]!) * state[UNITS_PER_MS]!;
  }

  /** From the last `advance` on. */
  setSpeed(unitsPerMs: number): void {
    const state = this.#state;
    state[ANCHOR_UNITS] = state[UNITS]!;
    state[ANCHOR_MS] = state[LAST_MS]!;
    state[UNITS_PER_MS] = unitsPerMs;
  }

  /** A whole ms after the last `advance` by which it reads `units`, or nearly: the next call is a later one then. */
  reaches(units: number): number {
    const state = this.#state;
    const atMs = state[ANCHOR_MS]! + (units - state[ANCHOR_UNITS]!) / state[UNITS_PER_MS]!;
    return Math.max(Math.floor(state[LAST_MS]!), Math.floor(atMs)) + 1;
  }
}
