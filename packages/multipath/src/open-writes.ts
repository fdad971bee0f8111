import type { Command } from "@fairlead/core";

/** A stretch of a LUN. */
export interface ByteRange {
  readonly offsetBytes: number;
  readonly lengthBytes: number;
}

export function overlaps(a: ByteRange, b: ByteRange): boolean {
  return a.offsetBytes < b.offsetBytes + b.lengthBytes && b.offsetBytes < a.offsetBytes + a.lengthBytes;
}

/**
 * The writes that were given to a path and have not ended: sent, to be sent again, or in doubt. A later write that
 * overlaps one of them waits, because a repeat of the earlier one must not undo the later one after it was read.
 * There are as many as the LUN has room for, so a scan is cheaper than an index.
 */
export class OpenWrites {
  readonly #commands: Command[] = [];

  has(command: Command): boolean {
    return command.slot !== -1;
  }

  add(command: Command): void {
    command.slot = this.#commands.length;
    this.#commands.push(command);
  }

  remove(command: Command): void {
    const last = this.#commands.pop();
    if (last !== undefined && last !== command) {
      this.#commands[command.slot] = last;
      last.slot = command.slot;
    }
    command.slot = -1;
  }

  /** One that overlaps the range. */
  overlapping(range: ByteRange): Command | undefined {
    for (let index = 0; index < this.#commands.length; index++) {
      const open = this.#commands[index];
      if (open !== undefined && overlaps(open, range)) return open;
    }
    return undefined;
  }
}
