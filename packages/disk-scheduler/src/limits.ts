import type { Command } from "@fairlead/core";
import { type Entries, LIMIT_EACH_MS, LIMIT_TAG_MS, marksAt, STRIDE } from "./entries.js";
import { LIMIT_IN_BYTES, LIMITED } from "./marks.js";
import type { Timeline } from "./timeline.js";
import { bytesOf } from "./units.js";
import { WinnerTree } from "./winner-tree.js";

/**
 * Most bandwidth of each entry that has a limit. 001.c2–c3 Its tag is when the next command may go. Each command moves it
 * on by what the command takes at that rate, from no earlier than a burst ago: one that is worth more than a burst goes
 * when the tag is reached, and is paid for afterwards.
 */
export class Limits {
  readonly #entries: Entries;
  readonly #timeline: Timeline;
  // Entries whose turn came before their tag.
  readonly #parked = new WinnerTree();

  constructor(entries: Entries, timeline: Timeline) {
    this.#entries = entries;
    this.#timeline = timeline;
  }

  /** Whether the entry has a limit, and its next command must wait for it. */
  reached(index: number): boolean {
    if ((this.#entries.ints[marksAt(index)]! & LIMITED) === 0) return false;
    return this.#entries.more[index * STRIDE + LIMIT_TAG_MS]! > this.#timeline.now[0]!;
  }

  charge(index: number, command: Command, burstMs: number): void {
    const { more } = this.#entries;
    const at = index * STRIDE;
    const earliest = this.#timeline.now[0]! - burstMs;
    more[at + LIMIT_TAG_MS] =
      Math.max(more[at + LIMIT_TAG_MS]!, earliest) + this.#amount(index, command) * more[at + LIMIT_EACH_MS]!;
  }

  refund(index: number, command: Command): void {
    const { more } = this.#entries;
    const at = index * STRIDE;
    more[at + LIMIT_TAG_MS]! -= this.#amount(index, command) * more[at + LIMIT_EACH_MS]!;
  }

  park(index: number): void {
    this.#parked.set(index, this.#entries.more, index * STRIDE + LIMIT_TAG_MS);
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

  /** The entry's limit is another from now on; what it has taken too much, or not, stays the same amount. */
  set(index: number, perSecond: number, inBytes: boolean): void {
    const { more, ints } = this.#entries;
    const at = index * STRIDE;
    const now = this.#timeline.now[0]!;
    const same =
      (ints[marksAt(index)]! & LIMITED) !== 0 && ((ints[marksAt(index)]! & LIMIT_IN_BYTES) !== 0) === inBytes;
    const eachMs = 1000 / perSecond;
    const ahead = same ? (more[at + LIMIT_TAG_MS]! - now) / more[at + LIMIT_EACH_MS]! : 0;
    more[at + LIMIT_TAG_MS] = now + ahead * eachMs;
    more[at + LIMIT_EACH_MS] = eachMs;
    ints[marksAt(index)] =
      (ints[marksAt(index)]! & ~LIMIT_IN_BYTES) | LIMITED | (inBytes ? LIMIT_IN_BYTES : 0);
  }

  #amount(index: number, command: Command): number {
    return (this.#entries.ints[marksAt(index)]! & LIMIT_IN_BYTES) !== 0 ? bytesOf(command) : 1;
  }
}
