import type { Command } from "@fairlead/core";
import type { Fencing } from "./fencing.js";
import { DOUBT, Held } from "./held.js";
import { OpenWrites, overlaps } from "./open-writes.js";

/**
 * Which command may not pass which: a write waits for the earlier writes that it overlaps, and a command for the doubt
 * that touches it. Reads pass open writes, since either order is right.
 */
export class WriteOrder {
  readonly #fencing: Fencing;
  readonly #writes = new OpenWrites();
  readonly #held = new Held();

  constructor(fencing: Fencing) {
    this.#fencing = fencing;
  }

  get heldCommands(): number {
    return this.#held.size;
  }

  /** True where something has to end before the command may go: it is held until {@link released}. */
  holds(command: Command): boolean {
    const blocker = this.#blocker(command);
    if (blocker !== undefined) this.#held.add(command, blocker);
    return blocker !== undefined;
  }

  /** The command goes, or waits for a path: later writes that overlap it wait until it has {@link ended}. */
  opened(command: Command): void {
    if (command.op === "write" && !this.#writes.has(command)) this.#writes.add(command);
  }

  ended(command: Command): void {
    if (this.#writes.has(command)) this.#writes.remove(command);
  }

  /** What was held behind a command that has ended, and has nothing else before it; opened already, in its order. */
  released(blocker: Command): Command[] {
    return this.#held.takeBehind(blocker).filter((command) => {
      if (this.holds(command)) return false;
      this.#held.delete(command);
      this.opened(command);
      return true;
    });
  }

  /** What was held behind the doubt, where that has ended. */
  releasedFromDoubt(): Command[] {
    return this.released(DOUBT);
  }

  /** False where it isn't held. */
  delete(command: Command): boolean {
    return this.#held.delete(command);
  }

  takeHeld(): Command[] {
    return this.#held.takeAll();
  }

  /** The latest of what has to end before the command may go. */
  #blocker(command: Command): Command | undefined {
    if (command.op === "flush") return undefined;
    if (this.#fencing.doubtful && this.#fencing.blocks(command)) return DOUBT;
    if (command.op === "read") return undefined;
    let latest: Command | undefined;
    if (this.#held.size > 0) {
      for (const held of this.#held) {
        if (held === command) break;
        if (held.op === "write" && overlaps(held, command)) latest = held;
      }
    }
    return latest ?? this.#writes.overlapping(command);
  }
}
