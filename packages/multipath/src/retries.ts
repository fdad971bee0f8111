import type { Clock, Command, EventSink, Timer } from "@fairlead/core";

const REST_FIRST_MS = 5;
const REST_LAST_MS = 1000;

export interface RetriesParts {
  /** Names the team in events. */
  readonly name: string;
  readonly clock: Clock;
  readonly onEvent: EventSink;
  /** How long a command may be sent again and again. ms */
  readonly triedMsMax: number;
  /** What rested is due now. */
  onDue(): void;
}

/** Commands that have to be sent again: at once, or after a rest where the target was busy. */
export class Retries {
  readonly #parts: RetriesParts;
  readonly #due: Command[] = [];
  readonly #resting: Command[] = [];
  #restMs = REST_FIRST_MS;
  #timer: Timer | undefined;

  constructor(parts: RetriesParts) {
    this.#parts = parts;
  }

  get size(): number {
    return this.#due.length + this.#resting.length;
  }

  /** The oldest that is due. */
  get next(): Command | undefined {
    return this.#due[0];
  }

  push(command: Command): void {
    this.#due.push(command);
  }

  /** Takes `next` out. */
  shift(): void {
    this.#due.shift();
  }

  /** Rests grow to a second while the target goes on being busy. */
  rest(command: Command): void {
    this.#resting.push(command);
    if (this.#timer !== undefined) return;
    this.#timer = this.#parts.clock.schedule(() => {
      this.#timer = undefined;
      this.#due.push(...this.#resting.splice(0));
      this.#parts.onDue();
    }, this.#restMs);
    this.#restMs = Math.min(this.#restMs * 2, REST_LAST_MS);
  }

  /** True where no path has carried it for longer than it may take. */
  expired(command: Command): boolean {
    const { name, clock, onEvent, triedMsMax } = this.#parts;
    const triedForMs = clock.now() - command.troubleSinceMs;
    if (triedForMs <= triedMsMax) return false;
    onEvent({
      kind: "command-given-up",
      severity: "error",
      subject: name,
      reason: "no path has carried it, though there were some",
      inputs: { op: command.op, triedForMs: Math.round(triedForMs) },
    });
    return true;
  }

  /** The target did a command: the next rest is short again. */
  answered(): void {
    this.#restMs = REST_FIRST_MS;
  }

  /** False where it isn't here. */
  delete(command: Command): boolean {
    for (const queue of [this.#due, this.#resting]) {
      const index = queue.indexOf(command);
      if (index === -1) continue;
      queue.splice(index, 1);
      return true;
    }
    return false;
  }

  takeAll(): Command[] {
    return [...this.#due.splice(0), ...this.#resting.splice(0)];
  }

  close(): void {
    this.#timer?.cancel();
  }
}
