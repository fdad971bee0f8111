const ABSENT = Float64Array.of(Infinity);

/**
 * Least key of many: a complete binary tree over one typed array whose inner nodes hold the winner of the two below.
 * A change of one leaf costs log2(leaves) steps, each of which reads one sibling, next to it in memory. A leaf with
 * key Infinity is absent.
 */
export class WinnerTree {
  #leaves = 1;
  // Node n is the pair of key and winning leaf at 2n and 2n + 1. Node 1 is the root, the children of n are 2n and
  // 2n + 1, leaf i is node #leaves + i.
  #nodes = new Float64Array([0, 0, Infinity, 0]);
  // xorshift32: equal keys fall to either side, the same way in each run.
  #ties = 0x9e3779b9 | 0;

  /** The leaf with the least key; meaningless while `winnerKey` is Infinity. */
  get winner(): number {
    return this.#nodes[3]! | 0;
  }

  get winnerKey(): number {
    return this.#nodes[2]!;
  }

  /** Gives the leaf the key `keys[place]`: by reference, since a fraction that is passed to a function is put on the heap. */
  set(leaf: number, keys: Float64Array, place: number): void {
    if (leaf >= this.#leaves) this.#grow(leaf + 1);
    const key = keys[place]!;
    const nodes = this.#nodes;
    let at = (leaf + this.#leaves) * 2;
    let bestKey = key;
    let best = leaf;
    let ties = this.#randomBits(); // One draw for the whole way up; each step uses one bit.
    nodes[at] = key;
    while (at > 2) {
      const siblingKey = nodes[at ^ 2]!;
      if (siblingKey < bestKey || (siblingKey === bestKey && (ties & 1) === 1)) {
        bestKey = siblingKey;
        best = nodes[(at ^ 2) + 1]! | 0;
      }
      ties >>= 1;
      at = (at >> 2) << 1;
      // The same winner as before, and not the leaf that changed: nothing above can differ.
      if (best !== leaf && nodes[at + 1] === best) return;
      nodes[at] = bestKey;
      nodes[at + 1] = best;
    }
  }

  /** Gives the winner another key, no lower than the one it has: as `set`, with less to look at. */
  replace(keys: Float64Array, place: number): void {
    const nodes = this.#nodes;
    const leaf = nodes[3]! | 0;
    let at = (leaf + this.#leaves) * 2;
    let bestKey = keys[place]!;
    let best = leaf;
    let ties = this.#randomBits();
    nodes[at] = bestKey;
    while (at > 2) {
      const siblingKey = nodes[at ^ 2]!;
      if (siblingKey < bestKey || (siblingKey === bestKey && (ties & 1) === 1)) {
        bestKey = siblingKey;
        best = nodes[(at ^ 2) + 1]! | 0;
      }
      ties >>= 1;
      at = (at >> 2) << 1;
      nodes[at] = bestKey;
      nodes[at + 1] = best;
    }
  }

  /** Takes the winner out. */
  drop(): void {
    this.replace(ABSENT, 0);
  }

  /** As `set`, unless the leaf has the key `keys[place]` already, or a lower one. */
  lower(leaf: number, keys: Float64Array, place: number): void {
    if (leaf < this.#leaves && this.#nodes[(leaf + this.#leaves) * 2]! <= keys[place]!) return;
    this.set(leaf, keys, place);
  }

  /** Takes the leaf out. */
  clear(leaf: number): void {
    if (leaf < this.#leaves) this.set(leaf, ABSENT, 0);
  }

  /** Takes `amount` from every key; their order stays, since rounding is monotonic. */
  subtract(amount: number): void {
    const nodes = this.#nodes;
    for (let at = 2; at < nodes.length; at += 2) nodes[at]! -= amount;
  }

  #randomBits(): number {
    let ties = this.#ties;
    ties ^= ties << 13;
    ties ^= ties >>> 17;
    ties ^= ties << 5;
    this.#ties = ties;
    return ties;
  }

  #grow(leavesMin: number): void {
    const old = this.#nodes;
    const oldLeaves = this.#leaves;
    let leaves = oldLeaves;
    while (leaves < leavesMin) leaves *= 2;
    const nodes = new Float64Array(4 * leaves).fill(Infinity);
    for (let leaf = 0; leaf < leaves; leaf++) {
      const at = (leaves + leaf) * 2;
      if (leaf < oldLeaves) nodes[at] = old[(oldLeaves + leaf) * 2]!;
      nodes[at + 1] = leaf;
    }
    for (let node = leaves - 1; node > 0; node--) {
      const child = nodes[4 * node + 2]! < nodes[4 * node]! ? 4 * node + 2 : 4 * node;
      nodes[2 * node] = nodes[child]!;
      nodes[2 * node + 1] = nodes[child + 1]!;
    }
    this.#leaves = leaves;
    this.#nodes = nodes;
  }
}
