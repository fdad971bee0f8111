import type { Clock, Command, Timer } from "@fairlead/core";

const REST_FIRST_MS = 5;
const REST_LAST_MS = 1000;

/** Commands that have to be sent again: at once, or after a rest where the target was busy. */
export class Retries {
  readonly #clock: Clock;
  readonly #onDue: () => void;
  readonly #due: Command[] = [];
  readonly #resting: Command[] = [];
  #restMs = REST_FIRST_MS;
  #timer: Timer | undefined;

  /** `onDue`: what rested is due now. */
  constructor(clock: Clock, onDue: () => void) {
    this.#clock = clock;
    this.#onDue = onDue;
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
    this.#timer = this.#clock.schedule(() => {
      this.#timer = undefined;
      this.#due.push(...this.#resting.splice(0));
      this.#onDue();
    }, this.#restMs);
    this.#restMs = Math.min(this.#restMs * 2, REST_LAST_MS);
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
