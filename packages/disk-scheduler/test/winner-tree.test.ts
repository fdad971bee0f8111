import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { WinnerTree } from "../src/winner-tree.js";

describe("WinnerTree", () => {
  it("knows the least of any keys after any changes", () => {
    const change = fc.tuple(
      fc.nat(70),
      fc.oneof(fc.integer({ min: -5, max: 5 }), fc.constant(Infinity)),
      fc.nat(9),
    );
    const law = (changes: [leaf: number, key: number, subtract: number][]) => {
      const tree = new WinnerTree();
      const keys: number[] = [];
      for (const [leaf, key, subtract] of changes) {
        if (key === Infinity) tree.clear(leaf);
        else tree.set(leaf, Float64Array.of(99, key), 1);
        keys[leaf] = key;
        if (subtract === 0) {
          tree.subtract(3);
          keys.forEach((old, at) => {
            keys[at] = old - 3;
          });
        }
        const least = Math.min(...keys.filter((present) => present !== undefined));
        expect(tree.winnerKey).toBe(least);
        if (least < Infinity) expect(keys[tree.winner]).toBe(least);
      }
    };
    fc.assert(fc.property(fc.array(change, { minLength: 1, maxLength: 200 }), law), {
      seed: 5,
      numRuns: 300,
    });
  });
});
