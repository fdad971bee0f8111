import type { Command } from "@fairlead/core";
import type { Entries } from "./entries.js";

/** Empties every FIFO into one chain, oldest first per VM; `emptied` is called for each entry that had something. */
export function takeAll(entries: Entries, emptied: (index: number) => void): Command | null {
  let head: Command | null = null;
  let tail: Command | null = null;
  for (let index = 0; index < entries.size; index++) {
    if (entries.head(index) === null) continue;
    while (entries.head(index) !== null) {
      const command = entries.shift(index);
      if (tail === null) head = command;
      else tail.next = command;
      tail = command;
    }
    emptied(index);
  }
  return head;
}

/** `visit` takes each command with its link, and may even give it back to where the chain came from. */
export function visitEach(head: Command | null, visit: (command: Command) => void): void {
  for (let at = head; at !== null; ) {
    const command: Command = at;
    at = command.next;
    command.next = null;
    visit(command);
  }
}
