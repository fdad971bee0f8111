import { CREDIT, type Entries, marksAt, STRIDE, TAG, weightOf } from "./entries.js";
import type { Gate } from "./gate.js";
import { LANE, LANES, OVER, PLACED } from "./marks.js";
import { WinnerTree } from "./winner-tree.js";

// Tags stay below this, so that they keep 30 bits behind the point: a 100,000th of a unit at a million shares.
const REBASE_AT = 2 ** 16;
const NONE = -1;

/** What a tier asks about an entry that comes first. */
export interface TurnCheck {
  /** Whether the entry has reached its limit; it then waits elsewhere, and has left the tier. */
  parksFirst(index: number): boolean;
}

/**
 * Entries that compete by local virtual time, in lanes: those of a lane have the same priority and so on, and may go or not go
 * together. Where all VMs have the same, there is one lane.
 *
 * An entry's key in its lane is its tag or an earlier one, and it may have gone: that is found when it comes first. So a
 * command costs one step here, and one whose VM has nothing else queued costs no other when the next one comes.
 */
export class Tier {
  /** The LUN's virtual time: the lowest local one among the entries that wait and may go; it never falls. */
  virtualTime = 0;
  /** What was taken from all tags so far. */
  epoch = 0;
  /** Entries that wait. */
  waiting = 0;
  readonly #entries: Entries;
  readonly #turnCheck: TurnCheck;
  readonly #lanes: WinnerTree[] = [];
  readonly #first = new WinnerTree();
  #firstNumber = NONE;
  // Always empty.
  readonly #none = new WinnerTree();
  // Number of each lane, in the order in which they were first needed.
  readonly #numbers: number[] = [];
  readonly #placeByNumber = new Int8Array(LANES).fill(NONE);
  // Equal tags fall to an earlier lane and to a later one in turn.
  #turn = 0;

  constructor(entries: Entries, turnCheck: TurnCheck) {
    this.#entries = entries;
    this.#turnCheck = turnCheck;
  }

  /** The entry waits in its lane, with the tag that its fields say. */
  put(index: number): void {
    const { fields, ints } = this.#entries;
    const marks = ints[marksAt(index)]!;
    if ((marks & PLACED) === 0) {
      ints[marksAt(index)] = marks | PLACED;
      this.waiting++;
    }
    // Nearly always there is no other lane.
    const lane = (marks & LANE) === this.#firstNumber ? this.#first : this.#laneOf(marks & LANE);
    lane.lower(index, fields, index * STRIDE + TAG);
  }

  /** It waits no more. */
  leave(index: number): void {
    this.#entries.ints[marksAt(index)]! &= ~PLACED;
    this.waiting--;
    // As a rule it was just served, and is still first.
    if (this.#first.winner === index) this.#first.drop();
  }

  /** It is in no lane any more: before what tells its lane changes. */
  forget(index: number): void {
    const place = this.#placeByNumber[this.#entries.ints[marksAt(index)]! & LANE]!;
    if (place !== NONE) this.#lanes[place]!.clear(index);
  }

  /** The entry with the lowest local virtual time among those that may go, which the LUN's follows; NONE where there is none. */
  lowest(gate: Gate): number {
    if (this.waiting === 0) return NONE;
    let lane = this.#first;
    if (gate.open && this.#lanes.length === 1) this.#settle(lane);
    else lane = this.#lowestLane(gate) ?? this.#none;
    if (lane.winnerKey === Infinity) return NONE;
    if (lane.winnerKey > this.virtualTime) this.virtualTime = lane.winnerKey;
    return lane.winner;
  }

  get rebaseDue(): boolean {
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

  /** The lane with the lowest tag among those that may go. */
  #lowestLane(gate: Gate): WinnerTree | undefined {
    for (let place = 0; place < this.#lanes.length; place++) {
      const lane = this.#lanes[place]!;
      const number = this.#numbers[place]!;
      while (lane.winnerKey < Infinity && gate.forgives(lane.winner, number)) this.#move(lane.winner, 0);
    }
    for (;;) {
      let lowest: WinnerTree | undefined;
      let lowestKey = Infinity;
      let number = NONE;
      this.#turn++;
      for (let place = 0; place < this.#lanes.length; place++) {
        const lane = this.#lanes[place]!;
        if (lane.winnerKey > lowestKey || !gate.permits(this.#numbers[place]!)) continue;
        this.#settle(lane);
        const key = lane.winnerKey;
        if (!(key < lowestKey || (key === lowestKey && key < Infinity && (this.#turn & 1) === 1))) continue;
        lowest = lane;
        lowestKey = key;
        number = this.#numbers[place]!;
      }
      if (lowest === undefined || !gate.refuses(lowest.winner, number)) return lowest;
      this.#move(lowest.winner, OVER);
    }
  }

  /** Leaves an entry first that waits, whose key is its tag, and that has not reached its limit. */
  #settle(lane: WinnerTree): void {
    const { fields, ints } = this.#entries;
    while (lane.winnerKey < Infinity) {
      const index = lane.winner;
      const at = index * STRIDE + TAG;
      if ((ints[marksAt(index)]! & PLACED) !== 0) {
        if (fields[at]! > lane.winnerKey) {
          lane.replace(fields, at);
          continue;
        }
        if (!this.#turnCheck.parksFirst(index)) return;
      }
      if (lane.winner === index) lane.drop();
    }
  }

  #move(index: number, over: number): void {
    const { ints } = this.#entries;
    this.forget(index);
    ints[marksAt(index)] = (ints[marksAt(index)]! & ~OVER) | over;
    if ((ints[marksAt(index)]! & PLACED) !== 0) this.put(index);
  }

  #laneOf(number: number): WinnerTree {
    const known = this.#lanes[this.#placeByNumber[number]!];
    if (known !== undefined) return known;
    const lane = this.#lanes.length === 0 ? this.#first : new WinnerTree();
    if (this.#lanes.length === 0) this.#firstNumber = number;
    this.#placeByNumber[number] = this.#lanes.push(lane) - 1;
    this.#numbers.push(number);
    return lane;
  }
}
