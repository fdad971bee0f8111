/**
 * Least key of many: a complete binary tree over typed arrays whose inner nodes hold the winner of the two below.
 * A change of one leaf costs log2(leaves) steps, each of which reads one sibling. A leaf with key Infinity is absent.
 */
export class WinnerTree {
  #leaves = 1;
  // Node 1 is the root, the children of n are 2n and 2n + 1, leaf i is node #leaves + i.
  #keys = new Float64Array(2).fill(Infinity);
  #winners = new Int32Array(2);
  // xorshift32: equal keys fall to either side, the same way in each run.
  #ties = 0x9e3779b9 | 0;

  /** The leaf with the least key; meaningless while `winnerKey` is Infinity. */
  get winner(): number {
    return this.#winners[1]!;
  }

  get winnerKey(): number {
    return this.#keys[1]!;
  }

  set(leaf: number, key: number): void {
    if (leaf >= this.#leaves) {
      if (key === Infinity) return;
      this.#grow(leaf + 1);
    }
    const keys = this.#keys;
    const winners = this.#winners;
    let node = leaf + this.#leaves;
    let bestKey = key;
    let best = leaf;
    keys[node] = key;
    while (node > 1) {
      const siblingKey = keys[node ^ 1]!;
      if (siblingKey < bestKey || (siblingKey === bestKey && this.#flip())) {
        bestKey = siblingKey;
        best = winners[node ^ 1]!;
      }
      node >>= 1;
      // The same winner as before, and not the leaf that changed: nothing above can differ.
      if (best !== leaf && winners[node] === best) return;
      keys[node] = bestKey;
      winners[node] = best;
    }
  }

  /** Takes `amount` from every key; their order stays, since rounding is monotonic. */
  subtract(amount: number): void {
    const keys = this.#keys;
    for (let node = 1; node < keys.length; node++) keys[node]! -= amount;
  }

  #flip(): boolean {
    let ties = this.#ties;
    ties ^= ties << 13;
    ties ^= ties >>> 17;
    ties ^= ties << 5;
    this.#ties = ties;
    return (ties & 1) === 1;
  }

  #grow(leavesMin: number): void {
    const oldKeys = this.#keys;
    const oldLeaves = this.#leaves;
    let leaves = oldLeaves;
    while (leaves < leavesMin) leaves *= 2;
    const keys = new Float64Array(2 * leaves).fill(Infinity);
    const winners = new Int32Array(2 * leaves);
    keys.set(oldKeys.subarray(oldLeaves), leaves);
    for (let leaf = 0; leaf < leaves; leaf++) winners[leaves + leaf] = leaf;
    for (let node = leaves - 1; node > 0; node--) {
      const child = keys[2 * node + 1]! < keys[2 * node]! ? 2 * node + 1 : 2 * node;
      keys[node] = keys[child]!;
      winners[node] = winners[child]!;
    }
    this.#leaves = leaves;
    this.#keys = keys;
    this.#winners = winners;
  }
}
