const SMALL_STEP_MS = 1000;

/**
 * The time of one scheduler: `nowMs` of the calls, from the first one on, and without its steps back, so that no tag
 * needs to be moved for them: after a small one time stands still until it is made up for, a larger one is left out.
 */
export class Timeline {
  /** At 0: now, ms since the first call; it never falls. In an array, since a fraction that is passed on is put on the heap. */
  readonly now = new Float64Array(1);
  /** Time has passed; whoever looks at what that changes sets it back. */
  passed = true;
  // The last nowMs, and what is added to it.
  readonly #caller = Float64Array.of(Number.NaN, 0);

  follow(nowMs: number): void {
    const caller = this.#caller;
    if (nowMs === caller[0]!) return;
    if (!(nowMs >= caller[0]!)) {
      // Callers that read the clock at different times; added up, such steps would make time run faster.
      if (caller[0]! - nowMs < SMALL_STEP_MS) return;
      // The first call, or the clock was set back: time goes on from where it was.
      caller[1] = this.now[0]! - nowMs;
    }
    caller[0] = nowMs;
    const now = nowMs + caller[1]!;
    if (!(now > this.now[0]!)) return;
    this.now[0] = now;
    this.passed = true;
  }

  /** The first moment on the caller's clock at which `ms` has come. */
  callerMs(ms: number): number {
    const shift = this.#caller[1]!;
    let callerMs = ms - shift;
    for (let ulp = Math.abs(callerMs) * Number.EPSILON; callerMs + shift < ms; ulp *= 2) callerMs += ulp;
    return callerMs;
  }
}
