import type { Clock, EventSink, Timer } from "@fairlead/core";

export interface NoPathParts {
  /** Names the team in events. */
  readonly name: string;
  readonly clock: Clock;
  readonly onEvent: EventSink;
  /** How long commands may wait, ms. */
  readonly queueForMs: number;
  onGivenUp(): void;
}

/**
 * The time without a path. Counted from the loss of the last one and not for each request, so that one clock decides
 * for all that wait and a guest sees its requests fail together.
 */
export class NoPath {
  readonly #parts: NoPathParts;
  #timer: Timer | undefined;
  #givenUp = false;

  constructor(parts: NoPathParts) {
    this.#parts = parts;
  }

  /** It has lasted for longer than commands may wait. */
  get givenUp(): boolean {
    return this.#givenUp;
  }

  /** No path is left; again while that lasts changes nothing. */
  begin(): void {
    if (this.#timer !== undefined || this.#givenUp) return;
    const { clock, queueForMs, onGivenUp } = this.#parts;
    this.#event("no-path", "no usable path is left");
    this.#timer = clock.schedule(() => {
      this.#timer = undefined;
      this.#givenUp = true;
      this.#event("gave-up", "no path came back in time: requests fail until one does");
      onGivenUp();
    }, queueForMs);
  }

  /** There is a path. */
  end(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#givenUp = false;
  }

  /** For good: nothing is to wait any more. */
  close(): void {
    this.#timer?.cancel();
    this.#givenUp = true;
  }

  #event(kind: string, reason: string): void {
    const { name, onEvent, queueForMs } = this.#parts;
    onEvent({ kind, severity: "error", subject: name, reason, inputs: { queueForMs } });
  }
}
