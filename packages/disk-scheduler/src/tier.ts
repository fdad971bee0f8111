import { type Entries, STRIDE, TAG } from "./entries.js";
import { WinnerTree } from "./winner-tree.js";

// Tags stay below this, so that they keep 30 bits behind the point: a 100,000th of a unit at a million shares.
const REBASE_AT = 2 ** 16;

/** Entries that compete by local virtual time. */
export class Tier {
  /** The LUN's virtual time: the lowest local one among the entries that wait; it never falls. */
  virtualTime = 0;
  /** What was taken from all tags so far. */
  epoch = 0;
  readonly #waiting = new WinnerTree();

  get empty(): boolean {
    return this.#waiting.winnerKey === Infinity;
  }

  /** The entry with the lowest local virtual time. Only while not empty. */
  get lowest(): number {
    return this.#waiting.winner;
  }

  /** The entry waits, with the tag that its fields say. */
  put(index: number, fields: Float64Array): void {
    this.#waiting.set(index, fields, index * STRIDE + TAG);
  }

  leave(index: number): void {
    this.#waiting.clear(index);
  }

  /** Follows the lowest entry, none of which is behind. Only while not empty. True where `rebase` is due. */
  advance(): boolean {
    this.virtualTime = this.#waiting.winnerKey;
    return this.virtualTime > REBASE_AT;
  }

  /** Counts virtual time from now on. `belongs`: the entry is one of this tier. */
  rebase(entries: Entries, belongs: (index: number) => boolean): void {
    const amount = this.virtualTime;
    for (let index = 0; index < entries.size; index++) {
      if (belongs(index)) entries.fields[index * STRIDE + TAG]! -= amount;
    }
    this.#waiting.subtract(amount);
    this.epoch += amount;
    this.virtualTime = 0;
  }
}
