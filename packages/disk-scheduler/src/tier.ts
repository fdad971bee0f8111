import { CREDIT, type Entries, MARKS, STRIDE, TAG, weightOf } from "./entries.js";
import type { Gate } from "./gate.js";
import { LANE, LANES, OVER, PLACED } from "./marks.js";
import { WinnerTree } from "./winner-tree.js";

// Tags stay below this, so that they keep 30 bits behind the point: a 100,000th of a unit at a million shares.
const REBASE_AT = 2 ** 16;
const NONE = -1;

/**
 * Entries that compete by local virtual time, in lanes: those of a lane have the same priority and so on, and may go or not go
 * together. Where all VMs have the same, there is one lane.
 */
export class Tier {
  /** The LUN's virtual time: the lowest local one among the entries that wait and may go; it never falls. */
  virtualTime = 0;
  /** What was taken from all tags so far. */
  epoch = 0;
  /** Entries that wait. */
  waiting = 0;
  readonly #entries: Entries;
  readonly #lanes: WinnerTree[] = [];
  // Number of each lane, in the order in which they were first needed.
  readonly #numbers: number[] = [];
  readonly #placeByNumber = new Int8Array(LANES).fill(NONE);
  // Equal tags fall to an earlier lane and to a later one in turn.
  #turn = 0;

  constructor(entries: Entries) {
    this.#entries = entries;
  }

  /** The entry waits in its lane, with the tag that its fields say. */
  put(index: number): void {
    const { fields } = this.#entries;
    const at = index * STRIDE;
    const marks = fields[at + MARKS]! | 0;
    if ((marks & PLACED) === 0) {
      fields[at + MARKS] = marks | PLACED;
      this.waiting++;
    }
    let place = this.#placeByNumber[marks & LANE]!;
    if (place === NONE) place = this.#addLane(marks & LANE);
    this.#lanes[place]!.set(index, fields, at + TAG);
  }

  leave(index: number): void {
    const { fields } = this.#entries;
    const at = index * STRIDE + MARKS;
    const marks = fields[at]! | 0;
    if ((marks & PLACED) === 0) return;
    fields[at] = marks & ~PLACED;
    this.waiting--;
    this.#lanes[this.#placeByNumber[marks & LANE]!]!.clear(index);
  }

  /** The entry with the lowest local virtual time among those that may go; NONE where there is none. */
  lowest(gate: Gate): number {
    if (this.waiting === 0) return NONE;
    const lanes = this.#lanes;
    if (lanes.length === 1 && gate.open) return lanes[0]!.winner;
    for (;;) {
      const place = this.#lowestLane(gate);
      if (place === NONE) return NONE;
      const index = lanes[place]!.winner;
      if (!gate.refuses(index, this.#numbers[place]!)) return index;
      this.#move(index, OVER);
    }
  }

  /** The LUN's virtual time follows the lowest that may go. True where `rebase` is due. */
  advance(gate: Gate): boolean {
    const lanes = this.#lanes;
    const place = lanes.length === 1 && gate.open ? 0 : this.#lowestLane(gate);
    if (place !== NONE && lanes[place]!.winnerKey < Infinity) {
      this.virtualTime = Math.max(this.virtualTime, lanes[place]!.winnerKey);
    }
    return this.virtualTime > REBASE_AT;
  }

  /** What the entry lies behind the LUN's virtual time becomes credit, `rangeUnits` at most. [0091] */
  catchUp(index: number, rangeUnits: number): void {
    const { fields } = this.#entries;
    const at = index * STRIDE;
    const behind = this.virtualTime - fields[at + TAG]!;
    if (!(behind > 0)) return;
    fields[at + CREDIT] = Math.min(fields[at + CREDIT]! + behind * weightOf(fields, at), rangeUnits);
    fields[at + TAG] = this.virtualTime;
  }

  /** Those that had used too much are judged anew. */
  forgive(): void {
    for (let place = 0; place < this.#lanes.length; place++) {
      if ((this.#numbers[place]! & OVER) === 0) continue;
      const lane = this.#lanes[place]!;
      while (lane.winnerKey < Infinity) this.#move(lane.winner, 0);
    }
  }

  /** Counts virtual time from now on. `belongs`: the entry is one of this tier. */
  rebase(belongs: (index: number) => boolean): void {
    const amount = this.virtualTime;
    const { fields, size } = this.#entries;
    for (let index = 0; index < size; index++) {
      if (belongs(index)) fields[index * STRIDE + TAG]! -= amount;
    }
    for (const lane of this.#lanes) lane.subtract(amount);
    this.epoch += amount;
    this.virtualTime = 0;
  }

  /** Place of the lane with the lowest tag among those that may go; NONE where all are empty. */
  #lowestLane(gate: Gate): number {
    const lanes = this.#lanes;
    let lowest = NONE;
    let lowestKey = Infinity;
    for (let place = 0; place < lanes.length; place++) {
      const key = lanes[place]!.winnerKey;
      if (!(key < lowestKey || (key === lowestKey && key < Infinity && (this.#turn & 1) === 1))) continue;
      if (!gate.permits(this.#numbers[place]!)) continue;
      lowest = place;
      lowestKey = key;
    }
    this.#turn++;
    return lowest;
  }

  #move(index: number, over: number): void {
    const { fields } = this.#entries;
    const at = index * STRIDE + MARKS;
    this.leave(index);
    fields[at] = (fields[at]! & ~OVER) | over;
    this.put(index);
  }

  #addLane(number: number): number {
    const place = this.#lanes.push(new WinnerTree()) - 1;
    this.#numbers.push(number);
    this.#placeByNumber[number] = place;
    return place;
  }
}
