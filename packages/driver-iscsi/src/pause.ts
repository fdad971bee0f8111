import type { Clock, Timer } from "@fairlead/core";

/** A wait that somebody else can cut short. */
export class Pause {
  readonly #clock: Clock;
  #timer: Timer | undefined;
  #over: (() => void) | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** One wait at a time. */
  wait(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.#over = resolve;
      this.#timer = this.#clock.schedule(() => this.hurry(), delayMs);
    });
  }

  hurry(): void {
    this.#timer?.cancel();
    this.#over?.();
    this.#over = undefined;
  }
}

const FIRST_MS = [200, 500];
const THIRD_MS = 1000;
const JITTER = 0.25;

/**
 * How long to wait after the failed attempt number `attempt`, from 1 on; from the third on it doubles up to `lastMs`.
 */
export function backoffMs(attempt: number, random: () => number, lastMs = THIRD_MS): number {
  const pauseMs = FIRST_MS[attempt - 1] ?? Math.min(THIRD_MS * 2 ** (attempt - 3), lastMs);
  return pauseMs * (1 + JITTER * random());
}
