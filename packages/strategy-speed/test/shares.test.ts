import { leastPending } from "@fairlead/strategy-least-pending";
import { roundRobin } from "@fairlead/strategy-round-robin";
import { describe, expect, it } from "vitest";
import { speed } from "../src/index.js";
import { distance, Model, type PathModel, seeded } from "./path-model.js";

/** Four paths, the last one four times slower: the published case of dm-historical-service-time. */
const SLOWDOWNS = [1, 1, 1, 4];
const IDEAL = [4 / 13, 4 / 13, 4 / 13, 1 / 13];
const SEEDS = [1, 2, 3, 4, 5];
const DEPTHS = [
  { depth: 1, distanceMax: 0.035 },
  { depth: 64, distanceMax: 0.03 },
];

/** Path models whose service times are those of a disk array, exponential or fixed, times the slowdown. */
function servers(random: (() => number) | undefined): PathModel[] {
  return SLOWDOWNS.map((slowdown) => ({
    serviceMs: (lengthBytes) =>
      slowdown * (0.1 + lengthBytes / 200_000) * (random === undefined ? 1 : -Math.log(1 - random())),
  }));
}

describe("the split among four paths, one of which is four times slower", () => {
  for (const { depth, distanceMax } of DEPTHS) {
    it(`is within ${distanceMax} of the ideal at depth ${depth}, with fixed service times`, () => {
      const model = new Model(speed(), servers(undefined), { depth, lengthBytes: () => 4096 });
      model.run(2000);
      model.restart();
      model.run(20_000);
      expect(distance(model.split, IDEAL)).toBeLessThanOrEqual(distanceMax);
    });

    it(`is within ${distanceMax} of the ideal at depth ${depth}, with random service times`, () => {
      for (const seed of SEEDS) {
        const model = new Model(speed(), servers(seeded(seed)), { depth, lengthBytes: () => 4096 });
        model.run(2000);
        model.restart();
        model.run(20_000);
        expect(distance(model.split, IDEAL), `seed ${seed}`).toBeLessThanOrEqual(distanceMax);
      }
    });

    it(`is within ${distanceMax} of the ideal at depth ${depth}, with 4 KiB to 1 MiB, by commands and by bytes`, () => {
      for (const seed of SEEDS) {
        const random = seeded(seed);
        const lengthBytes = () => 4096 << Math.floor(random() * 9);
        const model = new Model(speed(), servers(random), { depth, lengthBytes });
        model.run(2000);
        model.restart();
        model.run(20_000);
        expect(distance(model.split, IDEAL), `commands, seed ${seed}`).toBeLessThanOrEqual(distanceMax);
        expect(distance(model.byteSplit, IDEAL), `bytes, seed ${seed}`).toBeLessThanOrEqual(distanceMax);
      }
    });
  }

  it("keeps all of them busy at depth 64", () => {
    const model = new Model(speed(), servers(undefined), { depth: 64, lengthBytes: () => 65_536 });
    model.runUntil(10_000);
    model.restart();
    model.runUntil(40_000);
    const possible = SLOWDOWNS.reduce(
      (sum, slowdown) => sum + 30_000 / (slowdown * (0.1 + 65_536 / 200_000)),
      0,
    );
    expect(model.completedCommands).toBeGreaterThan(0.995 * possible);
  });
});

describe("paths that delay and serve side by side", () => {
  /** Network latencies around these means. */
  function links(meansMs: readonly number[], random: () => number): PathModel[] {
    return meansMs.map((meanMs) => ({
      serviceMs: () => 0,
      get delayMs() {
        return meanMs * (0.9 + 0.2 * random());
      },
    }));
  }

  it("carries 3.3 × what round-robin does and 1.5 × what queue depth does where one has 30 ms more", () => {
    for (const seed of SEEDS) {
      const commands = [speed(), roundRobin(), leastPending({ by: "commands" })].map((strategy) => {
        // 5.7 ms: 350 MiB/s with 16 readers of 128 KiB, as published.
        const load = { depth: 16, lengthBytes: () => 131_072 };
        const model = new Model(strategy, links([5.7, 35.7], seeded(seed)), load);
        model.runUntil(3000);
        model.restart();
        model.runUntil(33_000);
        return model.completedCommands;
      });
      const [bySpeed = 0, byTurn = 0, byDepth = 0] = commands;
      expect(bySpeed / byTurn, `round-robin, seed ${seed}`).toBeGreaterThanOrEqual(3.3);
      expect(bySpeed / byDepth, `queue depth, seed ${seed}`).toBeGreaterThanOrEqual(1.5);
    }
  });

  it("splits evenly among equal ones, whatever split it began with", () => {
    for (const seed of SEEDS) {
      const load = { depth: 32, lengthBytes: () => 16_384 };
      const model = new Model(speed(), links([5, 5, 5], seeded(seed)), load);
      model.runUntil(40_000);
      model.restart();
      model.runUntil(50_000);
      expect(distance(model.split, [1 / 3, 1 / 3, 1 / 3]), `seed ${seed}`).toBeLessThan(0.02);
    }
  });

  it("uses both where one alone can't carry the load", () => {
    // Each serves a command in 0.35 ms and delays it by 5 ms.
    const models = [1, 2].map((): PathModel => ({ serviceMs: () => 0.35, delayMs: 5 }));
    const model = new Model(speed(), models, { depth: 64, lengthBytes: () => 16_384 });
    model.runUntil(5000);
    model.restart();
    model.runUntil(15_000);
    expect(model.completedCommands).toBeGreaterThan((0.99 * 2 * 10_000) / 0.35);
  });
});
