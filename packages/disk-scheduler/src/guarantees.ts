import type { Command } from "@fairlead/core";
import {
  type Entries,
  GUARANTEE_EACH_MS,
  GUARANTEE_TAG_MS,
  marksAt,
  PAUSED_AT_MS,
  STRIDE,
  UNMET_MS,
} from "./entries.js";
import { GUARANTEE_IN_BYTES, GUARANTEED, PLACED, PRIORITY_MAX, priorityOf } from "./marks.js";
import type { TurnCheck } from "./tier.js";
import type { Timeline } from "./timeline.js";
import { bytesOf } from "./units.js";
import { WinnerTree } from "./winner-tree.js";

const NONE = -1;
// An entry that asks again after a pause is owed no more than this for it: unsteady arrivals lose nothing by it.
const SAVED_MS = 10;

/**
 * Least bandwidth of each entry that has a guarantee. [0106] Its tag is when the next command is due, on a clock of its
 * priority; each command moves the tag on by what it takes at that rate, from no later than now, so that service
 * beyond the guarantee is not held against it. Where the guarantees of a priority can't be met, its clock stands still, and each
 * of its entries gets the same part of what it was promised.
 */
export class Guarantees {
  readonly #entries: Entries;
  readonly #timeline: Timeline;
  readonly #turnCheck: TurnCheck;
  // How long the clock of each priority has stood still, ms.
  readonly #lostMs = new Float64Array(PRIORITY_MAX + 1);
  // By priority. An entry's key is its tag or an earlier one, and it may
  // have gone: that is found when it comes first, so that a command which goes by shares costs no step here.
  readonly #trees = Array.from({ length: PRIORITY_MAX + 1 }, () => new WinnerTree());
  // Bit p: an entry with priority p has had a guarantee.
  #priorities = 0;
  readonly #keptUpMs = Float64Array.of(-1);

  constructor(entries: Entries, timeline: Timeline, turnCheck: TurnCheck) {
    this.#entries = entries;
    this.#timeline = timeline;
    this.#turnCheck = turnCheck;
  }

  get none(): boolean {
    return this.#priorities === 0;
  }

  /** Holds the clocks that are further than `windowMs` ahead of what waits. Whenever time has passed. */
  keepUp(windowMs: number): void {
    if (this.#keptUpMs[0]! === this.#timeline.now[0]!) return;
    this.#keptUpMs[0] = this.#timeline.now[0]!;
    for (let left = this.#priorities; left !== 0; ) {
      const priority = 31 - Math.clz32(left);
      left &= ~(1 << priority);
      this.#hold(priority, windowMs);
    }
  }

  /** The entry that is due: by priority first, then the earliest; NONE where there is none. */
  due(): number {
    for (let left = this.#priorities; left !== 0; ) {
      const priority = 31 - Math.clz32(left);
      left &= ~(1 << priority);
      const clock = this.#timeline.now[0]! - this.#lostMs[priority]!;
      const tree = this.#trees[priority]!;
      if (!(tree.winnerKey <= clock)) continue;
      this.#settle(tree, priority);
      if (tree.winnerKey <= clock) return tree.winner;
    }
    return NONE;
  }

  /** The entry is about to wait for its turn. */
  resume(index: number, windowMs: number): void {
    const { more } = this.#entries;
    const at = index * STRIDE;
    const priority = priorityOf(this.#entries.ints[marksAt(index)]!);
    this.keepUp(windowMs);
    const clock = this.#timeline.now[0]! - this.#lostMs[priority]!;
    const behindMs = clock - more[at + GUARANTEE_TAG_MS]!;
    if (behindMs > SAVED_MS) {
      // What it was owed when it ceased to ask stays; the pause itself is not saved up.
      const pausedMs = clock - more[at + PAUSED_AT_MS]!;
      more[at + GUARANTEE_TAG_MS] = clock - Math.max(SAVED_MS, behindMs - pausedMs);
    }
    more[at + UNMET_MS]! -= this.#lostMs[priority]!;
    this.#key(index);
  }

  /** The entry waits no more: nothing is queued, or it has reached its limit. */
  pause(index: number): void {
    const { more } = this.#entries;
    const at = index * STRIDE;
    const lostMs = this.#lostMs[priorityOf(this.#entries.ints[marksAt(index)]!)]!;
    more[at + PAUSED_AT_MS] = this.#timeline.now[0]! - lostMs;
    more[at + UNMET_MS]! += lostMs;
  }

  charge(index: number, command: Command): void {
    const { more, ints } = this.#entries;
    const at = index * STRIDE;
    const clock = this.#timeline.now[0]! - this.#lostMs[priorityOf(ints[marksAt(index)]!)]!;
    more[at + GUARANTEE_TAG_MS] =
      Math.min(more[at + GUARANTEE_TAG_MS]!, clock) +
      this.#amount(index, command) * more[at + GUARANTEE_EACH_MS]!;
  }

  refund(index: number, command: Command): void {
    const at = index * STRIDE;
    const { more } = this.#entries;
    more[at + GUARANTEE_TAG_MS]! -= this.#amount(index, command) * more[at + GUARANTEE_EACH_MS]!;
    this.#key(index);
  }

  /** How long it could not be met while the entry waited, ms since the entry was made. */
  unmetMs(index: number, windowMs: number): number {
    const { more } = this.#entries;
    const marks = this.#entries.ints[marksAt(index)]!;
    const unmetMs = more[index * STRIDE + UNMET_MS]!;
    if ((marks & GUARANTEED) === 0 || (marks & PLACED) === 0) return unmetMs;
    this.keepUp(windowMs);
    return unmetMs + this.#lostMs[priorityOf(marks)]!;
  }

  /** Before the priority or the guarantee of an entry that doesn't wait changes, or it goes: its tags count from now. */
  detach(index: number): void {
    const { more } = this.#entries;
    const at = index * STRIDE;
    const marks = this.#entries.ints[marksAt(index)]!;
    const clock = this.#timeline.now[0]! - this.#lostMs[priorityOf(marks)]!;
    this.#tree(marks).clear(index);
    more[at + GUARANTEE_TAG_MS]! -= clock;
    more[at + PAUSED_AT_MS]! -= clock;
  }

  /** After it, with the new priority. */
  attach(index: number): void {
    const { more } = this.#entries;
    const at = index * STRIDE;
    const priority = priorityOf(this.#entries.ints[marksAt(index)]!);
    const clock = this.#timeline.now[0]! - this.#lostMs[priority]!;
    this.#priorities |= 1 << priority;
    more[at + GUARANTEE_TAG_MS]! += clock;
    more[at + PAUSED_AT_MS]! += clock;
  }

  /** The guarantee of a detached entry is another from now on. */
  set(index: number, perSecond: number, inBytes: boolean): void {
    const { more, ints } = this.#entries;
    const at = index * STRIDE;
    more[at + GUARANTEE_EACH_MS] = 1000 / perSecond;
    more[at + GUARANTEE_TAG_MS] = 0;
    more[at + PAUSED_AT_MS] = 0;
    ints[marksAt(index)] =
      (ints[marksAt(index)]! & ~GUARANTEE_IN_BYTES) | GUARANTEED | (inBytes ? GUARANTEE_IN_BYTES : 0);
  }

  /** Brings the clock of a priority back to `windowMs` after the earliest tag. */
  #hold(priority: number, windowMs: number): void {
    const tree = this.#trees[priority]!;
    this.#settle(tree, priority);
    const beyondMs = this.#timeline.now[0]! - this.#lostMs[priority]! - tree.winnerKey - windowMs;
    if (beyondMs > 0) this.#lostMs[priority]! += beyondMs;
  }

  /** Leaves an entry first that waits, whose key is its tag, and that has not reached its limit, unless none is due. */
  #settle(tree: WinnerTree, priority: number): void {
    const { more, ints } = this.#entries;
    const clock = this.#timeline.now[0]! - this.#lostMs[priority]!;
    while (tree.winnerKey <= clock) {
      const index = tree.winner;
      const at = index * STRIDE + GUARANTEE_TAG_MS;
      if (more[at]! > tree.winnerKey) {
        // Even where nothing of it is queued: something may well be by then.
        tree.replace(more, at);
      } else if ((ints[marksAt(index)]! & PLACED) === 0 || this.#turnCheck.parksFirst(index)) {
        tree.drop();
      } else {
        return;
      }
    }
  }

  /** The key of the entry is no later than its tag. */
  #key(index: number): void {
    const { more, ints } = this.#entries;
    this.#tree(ints[marksAt(index)]!).lower(index, more, index * STRIDE + GUARANTEE_TAG_MS);
  }

  #tree(marks: number): WinnerTree {
    return this.#trees[priorityOf(marks)]!;
  }

  #amount(index: number, command: Command): number {
    return (this.#entries.ints[marksAt(index)]! & GUARANTEE_IN_BYTES) !== 0 ? bytesOf(command) : 1;
  }
}
