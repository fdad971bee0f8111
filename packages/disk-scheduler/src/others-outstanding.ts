import type { Command } from "@fairlead/core";

/**
 * Commands of VMs that are not latency-critical, given since one that is has been set, and not completed: one by one, so
 * that the completion of a command that an earlier policy gave changes nothing. As many as the LUN has room for, at most.
 */
export class OthersOutstanding {
  readonly #commands: Command[] = [];

  get count(): number {
    return this.#commands.length;
  }

  add(command: Command): void {
    this.#commands.push(command);
  }

  /** It ended, or came back. */
  remove(command: Command): void {
    const commands = this.#commands;
    const last = commands.length - 1;
    for (let at = 0; at <= last; at++) {
      if (commands[at] !== command) continue;
      commands[at] = commands[last]!;
      commands.pop();
      return;
    }
  }

  clear(): void {
    this.#commands.length = 0;
  }
}
