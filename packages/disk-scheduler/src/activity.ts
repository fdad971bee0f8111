import { type Entries, IDLE_SINCE_MS, marksAt, SHARES, STRIDE } from "./entries.js";
import { ACTIVE, CRITICAL, GUARANTEED, PRIORITY_MAX, priorityOf, RESTING } from "./marks.js";
import type { Timeline } from "./timeline.js";

const NONE = -1;

/**
 * Which VMs are active: something of theirs is queued or outstanding, or was less than an interval ago. [0087] [0109]
 * Those of the last kind stand in a list in the order in which they became idle.
 */
export class Activity {
  /** Of all active entries. */
  shares = 0;
  guaranteed = 0;
  critical = 0;
  #count = 0;
  readonly #byPriority = new Int32Array(PRIORITY_MAX + 1);
  // Bit p: somebody with priority p is active.
  #priorities = 0;
  // Who stands before and after entry i, at 2i and 2i + 1.
  #links = new Int32Array(16);
  #first = NONE;
  #last = NONE;
  readonly #entries: Entries;
  readonly #timeline: Timeline;

  constructor(entries: Entries, timeline: Timeline) {
    this.#entries = entries;
    this.#timeline = timeline;
  }

  /** Active entries differ in priority, or in having a guarantee. */
  get differs(): boolean {
    return this.guaranteed > 0 || (this.#priorities & (this.#priorities - 1)) !== 0;
  }

  get highestPriority(): number {
    return 31 - Math.clz32(this.#priorities);
  }

  /** Something of the entry is queued. */
  wake(index: number): void {
    const { ints } = this.#entries;
    if ((ints[marksAt(index)]! & ACTIVE) === 0) {
      ints[marksAt(index)]! |= ACTIVE;
      this.#add(index, 1);
    } else if ((ints[marksAt(index)]! & RESTING) !== 0) {
      this.#unlink(index);
    }
  }

  /** Nothing of the entry is queued; perhaps nothing is outstanding either. */
  rest(index: number): void {
    const { more, ints } = this.#entries;
    if (ints[marksAt(index) + 1]! > 0 || (ints[marksAt(index)]! & (ACTIVE | RESTING)) !== ACTIVE) return;
    if (2 * index >= this.#links.length) this.#grow(index);
    ints[marksAt(index)]! |= RESTING;
    more[index * STRIDE + IDLE_SINCE_MS] = this.#timeline.now[0]!;
    const links = this.#links;
    links[2 * index] = this.#last;
    links[2 * index + 1] = NONE;
    if (this.#last === NONE) this.#first = index;
    else links[2 * this.#last + 1] = index;
    this.#last = index;
  }

  /** Forgets those that became idle an interval ago. */
  expire(intervalMs: number): void {
    const { more } = this.#entries;
    const now = this.#timeline.now[0]!;
    while (this.#first !== NONE && now - more[this.#first * STRIDE + IDLE_SINCE_MS]! >= intervalMs) {
      this.leave(this.#first);
    }
  }

  /** The entry counts no more; before its priority, shares or guarantee change. */
  leave(index: number): void {
    const { ints } = this.#entries;
    if ((ints[marksAt(index)]! & ACTIVE) === 0) return;
    if ((ints[marksAt(index)]! & RESTING) !== 0) this.#unlink(index);
    ints[marksAt(index)]! &= ~ACTIVE;
    this.#add(index, -1);
  }

  #add(index: number, step: 1 | -1): void {
    const marks = this.#entries.ints[marksAt(index)]!;
    const priority = priorityOf(marks);
    const left = this.#byPriority[priority]! + step;
    this.#byPriority[priority] = left;
    if (left === 0) this.#priorities &= ~(1 << priority);
    else this.#priorities |= 1 << priority;
    if ((marks & GUARANTEED) !== 0) this.guaranteed += step;
    if ((marks & CRITICAL) !== 0) this.critical += step;
    this.#count += step;
    // A sum of fractions that others were taken from is not quite 0.
    this.shares = this.#count === 0 ? 0 : this.shares + step * this.#entries.fields[index * STRIDE + SHARES]!;
  }

  #unlink(index: number): void {
    const links = this.#links;
    const before = links[2 * index]!;
    const after = links[2 * index + 1]!;
    if (before === NONE) this.#first = after;
    else links[2 * before + 1] = after;
    if (after === NONE) this.#last = before;
    else links[2 * after] = before;
    this.#entries.ints[marksAt(index)]! &= ~RESTING;
  }

  #grow(index: number): void {
    let length = this.#links.length;
    while (length <= 2 * index + 1) length *= 2;
    const links = new Int32Array(length);
    links.set(this.#links);
    this.#links = links;
  }
}
