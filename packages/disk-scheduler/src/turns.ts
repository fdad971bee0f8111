import { WinnerTree } from "./winner-tree.js";

const TIME = 0;

/**
 * Those that wait take turns by what they pay: the lowest tag goes next. Tags stand in an array of the caller's, at the
 * places that it names; the caller moves a tag on by what was paid and puts it again.
 */
export class Turns {
  readonly #waiting = new WinnerTree();
  // The lowest tag when the last one went; never falls. In an array, since a fraction in a field would be put on the heap.
  readonly #state = new Float64Array(1);

  get empty(): boolean {
    return this.#waiting.winnerKey === Infinity;
  }

  get time(): number {
    return this.#state[TIME]!;
  }

  /** Whose turn it is. Only while not empty. */
  take(): number {
    this.#state[TIME] = Math.max(this.#state[TIME]!, this.#waiting.winnerKey);
    return this.#waiting.winner;
  }

  /** What began to wait starts no lower than the others are: time spent idle is not owed. */
  catchUp(tags: Float64Array, place: number): void {
    if (tags[place]! < this.#state[TIME]!) tags[place] = this.#state[TIME]!;
  }

  /** Waits with the tag that stands at `place`. */
  put(leaf: number, tags: Float64Array, place: number): void {
    this.#waiting.set(leaf, tags, place);
  }

  leave(leaf: number): void {
    this.#waiting.clear(leaf);
  }
}
