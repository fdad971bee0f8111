import type { Clock, EventSink } from "@fairlead/core";

const INTERVAL_MS = 1000;
const REASON_CHARS_MAX = 200;

/** One event per second and reason's place at most: what a stranger sends must not decide how long the log gets. */
export class RefusalLog {
  #lastMs = Number.NEGATIVE_INFINITY;
  #suppressed = 0;
  readonly #clock: Clock;
  readonly #sink: EventSink;

  constructor(clock: Clock, sink: EventSink) {
    this.#clock = clock;
    this.#sink = sink;
  }

  add(where: string, reason: string): void {
    const nowMs = this.#clock.now();
    if (nowMs - this.#lastMs < INTERVAL_MS) {
      this.#suppressed++;
      return;
    }
    this.#lastMs = nowMs;
    const inputs = { suppressed: this.#suppressed };
    this.#suppressed = 0;
    this.#sink({
      kind: "nbd-client-refused",
      severity: "warning",
      subject: where,
      reason: reason.slice(0, REASON_CHARS_MAX),
      inputs,
    });
  }
}
