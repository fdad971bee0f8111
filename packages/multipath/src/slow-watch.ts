/** Calls that go untimed between two timed ones; with the timed one a prime, so that no period of a strategy hides behind it. */
const UNTIMED_CALLS = 22;
/** Calls that are all timed at the start, and after a slow one. */
const WATCHED_CALLS = 32;
const UNTIMED = -1;

/**
 * Tells a slow strategy from a slow machine. A call that was slow may have been hit by a collection of garbage or by a
 * process that did not run for a while, so one alone has no consequence; but the next 32 calls are all timed, and each
 * slow one among them is repeated slowness. A stall of the machine hits one call of well under a microsecond seldom,
 * and two of 33 practically never.
 */
export class SlowWatch {
  readonly #stopwatchMs: () => number;
  readonly #slowMs: number;
  readonly #untimedCalls: number;
  #untimedLeft = 0;
  #watchedLeft = WATCHED_CALLS;
  #suspected = false;

  /** `sampled`: one call of 23 is timed while nothing is suspected; else each is. */
  constructor(stopwatchMs: () => number, slowMs: number, sampled: boolean) {
    this.#stopwatchMs = stopwatchMs;
    this.#slowMs = slowMs;
    this.#untimedCalls = sampled ? UNTIMED_CALLS : 0;
  }

  /** Somebody else is called from now on. */
  reset(): void {
    this.#untimedLeft = 0;
    this.#watchedLeft = WATCHED_CALLS;
    this.#suspected = false;
  }

  /** Before a call; its result goes to {@link repeatedlySlowMs} after it. */
  startMs(): number {
    return this.#untimedLeft-- > 0 ? UNTIMED : this.#timed();
  }

  /** How long the call took where that was repeatedly too long; else 0. ms */
  repeatedlySlowMs(startMs: number): number {
    return startMs === UNTIMED ? 0 : this.#looked(startMs);
  }

  #timed(): number {
    if (this.#watchedLeft > 0) {
      this.#watchedLeft--;
      this.#untimedLeft = 0;
    } else {
      this.#suspected = false;
      this.#untimedLeft = this.#untimedCalls;
    }
    return this.#stopwatchMs();
  }

  #looked(startMs: number): number {
    const elapsedMs = this.#stopwatchMs() - startMs;
    if (elapsedMs <= this.#slowMs) return 0;
    const repeated = this.#suspected;
    this.#suspected = true;
    this.#watchedLeft = WATCHED_CALLS;
    this.#untimedLeft = 0;
    return repeated ? elapsedMs : 0;
  }
}
