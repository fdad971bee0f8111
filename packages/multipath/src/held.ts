import { Command } from "@fairlead/core";

/** Stands for the doubt that some commands wait for instead of another command. */
export const DOUBT = new Command();

/** Commands that are held back, in their order, each behind the one command that has to end before it is looked at again. */
export class Held {
  readonly #order = new Set<Command>();
  readonly #behind = new Map<Command, Command[]>();

  get size(): number {
    return this.#order.size;
  }

  [Symbol.iterator](): IterableIterator<Command> {
    return this.#order.values();
  }

  /** Also for one that is held already, and now waits for another one. */
  add(command: Command, blocker: Command): void {
    this.#order.add(command);
    const waiting = this.#behind.get(blocker);
    if (waiting === undefined) this.#behind.set(blocker, [command]);
    else waiting.push(command);
  }

  /** False where it isn't held. What waits behind it goes on waiting until {@link takeBehind}. */
  delete(command: Command): boolean {
    return this.#order.delete(command);
  }

  /** What waited for this command, in its order, and still does. */
  takeBehind(blocker: Command): Command[] {
    const waiting = this.#behind.get(blocker);
    if (waiting === undefined) return [];
    this.#behind.delete(blocker);
    return waiting.filter((command) => this.#order.has(command));
  }

  /** Everything, oldest first; empty afterwards. */
  takeAll(): Command[] {
    const all = [...this.#order];
    this.#order.clear();
    this.#behind.clear();
    return all;
  }
}
