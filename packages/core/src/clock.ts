export interface Timer {
  cancel(): void;
}

/** Time as a parameter: the host passes the machine's, tests pass their own. */
export interface Clock {
  /** Monotonic, ms, with fractions. The host's stands still within one batch of events. */
  now(): number;
  schedule(callback: () => void, delayMs: number): Timer;
}
