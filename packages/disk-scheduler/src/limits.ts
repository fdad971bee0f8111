import type { Command } from "@fairlead/core";
import { type Entries, LIMIT_RATE, LIMIT_TAG_MS, MARKS, STRIDE } from "./entries.js";
import { LIMIT_IN_BYTES, LIMITED } from "./marks.js";
import type { Timeline } from "./timeline.js";
import { WinnerTree } from "./winner-tree.js";

/**
 * Most bandwidth of each entry that has a limit. 001.c2–c3 Its tag is when the next command may go. Each command moves it
 * on by what the command takes at that rate, from no earlier than a burst ago: one that is worth more than a burst goes
 * when the tag is reached, and is paid for afterwards.
 */
export class Limits {
  readonly #entries: Entries;
  readonly #timeline: Timeline;
  // Entries with commands whose tag is not reached.
  readonly #parked = new WinnerTree();

  constructor(entries: Entries, timeline: Timeline) {
    this.#entries = entries;
    this.#timeline = timeline;
  }

  /** Whether the next command of the entry whose fields begin at `at` must wait. */
  reached(at: number): boolean {
    return this.#entries.fields[at + LIMIT_TAG_MS]! > this.#timeline.now[0]!;
  }

  charge(at: number, command: Command, burstMs: number): void {
    const { fields } = this.#entries;
    const earliest = this.#timeline.now[0]! - burstMs;
    const tag = fields[at + LIMIT_TAG_MS]!;
    fields[at + LIMIT_TAG_MS] =
      Math.max(tag, earliest) + this.#amount(at, command) / fields[at + LIMIT_RATE]!;
  }

  refund(at: number, command: Command): void {
    const { fields } = this.#entries;
    fields[at + LIMIT_TAG_MS]! -= this.#amount(at, command) / fields[at + LIMIT_RATE]!;
  }

  park(index: number): void {
    this.#parked.set(index, this.#entries.fields, index * STRIDE + LIMIT_TAG_MS);
  }

  unpark(index: number): void {
    this.#parked.clear(index);
  }

  /** Whether an entry that is parked has reached its tag: `first`. */
  get due(): boolean {
    return this.#parked.winnerKey <= this.#timeline.now[0]!;
  }

  /** The parked entry that may go first. */
  get first(): number {
    return this.#parked.winner;
  }

  /** Its tag; Infinity where none is parked. */
  get firstMs(): number {
    return this.#parked.winnerKey;
  }

  #amount(at: number, command: Command): number {
    return ((this.#entries.fields[at + MARKS]! | 0) & LIMIT_IN_BYTES) !== 0 ? command.lengthBytes : 1;
  }

  /** The entry's limit is `rate` from now on, in bytes where `inBytes`; what it has taken too much stays the same amount. */
  set(index: number, ratePerMs: number, inBytes: boolean): void {
    const { fields } = this.#entries;
    const at = index * STRIDE;
    const marks = fields[at + MARKS]! | 0;
    const now = this.#timeline.now[0]!;
    const same = (marks & LIMITED) !== 0 && ((marks & LIMIT_IN_BYTES) !== 0) === inBytes;
    const aheadMs = same ? Math.max(0, fields[at + LIMIT_TAG_MS]! - now) : 0;
    fields[at + LIMIT_TAG_MS] = now + (aheadMs * fields[at + LIMIT_RATE]!) / ratePerMs;
    fields[at + LIMIT_RATE] = ratePerMs;
    fields[at + MARKS] = (marks & ~LIMIT_IN_BYTES) | LIMITED | (inBytes ? LIMIT_IN_BYTES : 0);
  }
}
