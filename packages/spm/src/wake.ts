import type { Clock, Timer } from "@fairlead/core";

// A policy that says "now" and then has nothing must not turn the loop into a circle.
const DELAY_MS_MIN = 1;

/** One timer for the earliest time at which somebody asked to be woken. */
export class Wake {
  readonly #clock: Clock;
  readonly #onDue: () => void;
  #atMs = Number.POSITIVE_INFINITY;
  #timer: Timer | undefined;

  /** `onDue` sets the next time anew where it is still waiting: the timer may be earlier than what was asked last. */
  constructor(clock: Clock, onDue: () => void) {
    this.#clock = clock;
    this.#onDue = onDue;
  }

  /** A timer that is earlier stays, since moving it at each command would cost more than it fires in vain. */
  at(atMs: number, nowMs: number): void {
    if (!(atMs < this.#atMs)) return;
    this.cancel();
    this.#atMs = atMs;
    this.#timer = this.#clock.schedule(this.#fire, Math.max(DELAY_MS_MIN, atMs - nowMs));
  }

  cancel(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#atMs = Number.POSITIVE_INFINITY;
  }

  readonly #fire = (): void => {
    this.#timer = undefined;
    this.#atMs = Number.POSITIVE_INFINITY;
    this.#onDue();
  };
}
