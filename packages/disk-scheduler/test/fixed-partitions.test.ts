import { admissionSuite } from "@fairlead/compliance";
import type { Command } from "@fairlead/core";
import { describe, expect, it } from "vitest";
import { type FixedPartitionsOptions, fixedPartitions } from "../src/index.js";
import { Crowd, commandOf } from "./crowd.js";

// So large that no VM of the suite reaches its part.
admissionSuite({ describe, it }, () => fixedPartitions({ unitsPerSecond: 1e10, sharesTotal: 1_000_000 }), {
  limits: false,
  guarantees: false,
});

function crowdOf(shares: Readonly<Record<number, number>>, options: Partial<FixedPartitionsOptions> = {}) {
  const policy = fixedPartitions({ unitsPerSecond: 10_000, ...options });
  for (const [vm, count] of Object.entries(shares)) policy.setEntry(Number(vm), { shares: count }, 0);
  return { policy, crowd: new Crowd(policy) };
}

describe("fixed partitions", () => {
  it("give each VM its part and no more, although the rest is idle [0093]", () => {
    const { crowd } = crowdOf({ 1: 4000, 2: 2500, 3: 1000, 4: 500, 5: 50, 6: 1950 });
    // VM 6 sends nothing.
    for (const [vm, lengthBytes] of [4096, 65536, 262144, 512, 4096].entries()) {
      crowd.saturate(vm + 1, lengthBytes);
    }
    crowd.run(1000, 1_000_000);
    crowd.take([]);
    crowd.run(40_000, 1_000_000);
    const perSecond = crowd.take([1, 2, 3, 4, 5]).map((units) => units / 40);
    for (const [at, expected] of [4000, 2500, 1000, 500, 50].entries()) {
      // One command of the largest size over 40 s.
      expect(Math.abs(perSecond[at]! - expected)).toBeLessThanOrEqual(64 / 40 + expected * 0.001);
    }
  });

  it("keep the proportions where the LUN is slower than it was said to be", () => {
    const { crowd } = crowdOf({ 1: 5000, 2: 3000, 3: 1500, 4: 500 });
    for (const [vm, lengthBytes] of [4096, 16384, 4096, 65536].entries()) crowd.saturate(vm + 1, lengthBytes);
    crowd.run(60_000, 1000);
    const units = crowd.take([1, 2, 3, 4]);
    const total = units.reduce((sum, had) => sum + had, 0);
    expect(total).toBeGreaterThan(59_000);
    for (const [at, part] of [0.5, 0.3, 0.15, 0.05].entries()) {
      expect(units[at]! / total).toBeCloseTo(part, 2);
    }
  });

  it("do so as well after one was idle, one had its shares changed, and commands of one came back", () => {
    const { crowd, policy } = crowdOf({ 1: 3000, 2: 3000, 3: 1 });
    const split = (): number[] => {
      crowd.take([]);
      crowd.run(10_000, 1000);
      return crowd.take([1, 2, 3]).map((units) => units / 10_000);
    };
    crowd.saturate(1);
    crowd.run(20_000, 1000);
    crowd.saturate(2);
    for (const part of split().slice(0, 2)) expect(part).toBeCloseTo(0.5, 1);
    crowd.saturate(3, 1 << 20);
    crowd.run(3000, 1000);
    policy.setEntry(3, { shares: 3000 }, crowd.nowMs);
    for (const part of split()) expect(part).toBeCloseTo(1 / 3, 1);
    const requeued: Command[] = [];
    for (let count = 0; count < 4000; count++) {
      const command = policy.next(crowd.nowMs);
      if (command?.vm !== 1 || requeued.at(-1) === command) {
        if (command !== undefined) policy.enqueue(command, crowd.nowMs);
        crowd.units[command?.vm ?? 0] = (crowd.units[command?.vm ?? 0] ?? 0) + (command?.units ?? 0);
        crowd.nowMs += command?.units ?? 1;
      } else {
        requeued.push(command);
        policy.requeue(command, crowd.nowMs);
      }
    }
    const [one, two] = crowd.take([1, 2]);
    expect(requeued.length).toBeGreaterThan(10);
    expect(one! / two!).toBeCloseTo(1, 1);
  });

  it("lose nothing by wake-ups that come 4 ms late", () => {
    const { crowd } = crowdOf({ 1: 3000, 2: 1 });
    crowd.saturate(1);
    crowd.run(1000, 1_000_000, 4);
    crowd.take([]);
    crowd.run(10_000, 1_000_000, 4);
    expect(crowd.take([1])[0]! / 10).toBeCloseTo(3000, -1);
  });

  it("let a large command go when its VM's time has come, and be paid for afterwards", () => {
    const { crowd, policy } = crowdOf({ 1: 100 });
    crowd.saturate(1, 1 << 20);
    crowd.run(20_000, 1_000_000);
    // 100 units per second; 256 units each: at 0, 2.56 s less the burst, and so on.
    expect(crowd.take([1])).toEqual([256 * 8]);
    expect(policy.entry(1)).toMatchObject({ state: "limited", consumedUnits: 256 * 8 });
  });

  it.each([
    [50, 500],
    [200, 2000],
  ])(
    "with a burst of %d ms let a VM that was idle have %d units at once, however long it was",
    (burstMs, units) => {
      for (const idleMs of [1000, 3_600_000]) {
        const { crowd } = crowdOf({ 1: 9999 }, { unitsPerSecond: 10_001, burstMs });
        crowd.nowMs = idleMs;
        crowd.saturate(1);
        while (crowd.serve() !== undefined);
        expect(Math.abs(crowd.take([1])[0]! - units)).toBeLessThanOrEqual(2);
      }
    },
  );
});

describe("the common part", () => {
  it("is what is not assigned, in turns by units for all that have no shares", () => {
    const { crowd } = crowdOf({ 1: 5000, 2: 2000, 3: 0 });
    crowd.saturate(1);
    crowd.saturate(2);
    for (const [vm, lengthBytes] of [4096, 65536, 8192, 262144, 4096].entries()) {
      crowd.saturate(vm + 3, lengthBytes);
    }
    crowd.run(50_000, 1_000_000);
    const [, , ...common] = crowd.take([1, 2, 3, 4, 5, 6, 7]);
    for (const units of common) expect(Math.abs(units / 50 - 600)).toBeLessThanOrEqual(4);
  });

  it.each([0.01, 0.1])("is %d of the LUN at least, also where everything is assigned", (floor) => {
    const { crowd } = crowdOf({ 1: 5000, 2: 5000 }, { floor });
    for (const vm of [1, 2, 3, 4]) crowd.saturate(vm);
    crowd.run(20_000, 1_000_000);
    const [one, two, three, four] = crowd.take([1, 2, 3, 4]).map((units) => units / 20);
    for (const own of [one!, two!]) expect(Math.abs(own - 5000)).toBeLessThanOrEqual(20);
    for (const common of [three!, four!]) {
      expect(Math.abs(common - (floor * 10_000) / 2)).toBeLessThanOrEqual(floor * 10_000 * 0.01);
    }
  });

  it("owes nothing to a VM that was idle", () => {
    const { crowd } = crowdOf({});
    crowd.saturate(1);
    crowd.run(5000, 1_000_000);
    crowd.saturate(2);
    crowd.take([]);
    crowd.run(1000, 1_000_000);
    const [one, two] = crowd.take([1, 2]);
    expect(Math.abs(one! - two!)).toBeLessThanOrEqual(2);
  });
});

describe("capacity", () => {
  it("makes all parts smaller at once, and as large again [0110]", () => {
    const { crowd, policy } = crowdOf({ 1: 2000, 2: 600 });
    for (const vm of [1, 2]) crowd.saturate(vm);
    const rates = (): number[] => {
      crowd.take([]);
      crowd.run(10_000, 1_000_000);
      return crowd.take([1, 2]).map((units) => Math.round(units / 10));
    };
    crowd.run(1000, 1_000_000);
    expect(rates()).toEqual([2000, 600]);
    policy.pathsChanged([], 0.5, crowd.nowMs);
    expect(rates()).toEqual([1000, 300]);
    // No path: what goes then is up to the caller.
    policy.pathsChanged([], 0, crowd.nowMs);
    expect(rates()).toEqual([1000, 300]);
    policy.pathsChanged([], 1, crowd.nowMs);
    expect(rates()).toEqual([2000, 600]);
  });

  it("is what it was until the moment of the change", () => {
    const { crowd, policy } = crowdOf({ 1: 1000 });
    while (crowd.serve() !== undefined);
    policy.enqueue(commandOf(1, 400 * 4096), 0);
    expect(policy.next(0)?.units).toBe(400);
    policy.enqueue(commandOf(1), 0);
    // 350 units beyond its burst, at 1000 a second: 350 ms. After 150 of them the other 200 take twice as long.
    expect(policy.nextAt(0)).toBeCloseTo(350, -1);
    policy.pathsChanged([], 0.5, 150);
    expect(policy.nextAt(150)).toBeCloseTo(550, -1);
  });
});

describe("time", () => {
  it("gives at nextAt what it did not give before, each ms that it names being a later one", () => {
    const { policy } = crowdOf({ 1: 7 }, { unitsPerSecond: 3333.3 });
    let nowMs = 123_456_789.123;
    for (let count = 0; count < 200; count++) policy.enqueue(commandOf(1), nowMs);
    let asked = 0;
    while (policy.queuedCommands > 0) {
      const command = policy.next(nowMs);
      if (command !== undefined) continue;
      const atMs = policy.nextAt(nowMs);
      expect(atMs).toBeGreaterThan(nowMs);
      nowMs = atMs;
      asked++;
    }
    expect(asked).toBeGreaterThanOrEqual(199);
    expect(asked).toBeLessThanOrEqual(210);
    expect(policy.nextAt(nowMs)).toBe(Infinity);
  });

  it("that is set back stops no part for that long, and gives none anything twice", () => {
    const { crowd } = crowdOf({ 1: 1000 });
    crowd.saturate(1);
    crowd.run(5000, 1_000_000);
    crowd.take([]);
    crowd.nowMs -= 3_600_000;
    crowd.run(5000, 1_000_000);
    expect(crowd.take([1])[0]! / 5).toBeCloseTo(1000, -1);
    for (let step = 0; step < 100; step++) {
      crowd.nowMs -= 10;
      crowd.run(10, 1_000_000);
    }
    expect(crowd.take([1])[0]!).toBeLessThanOrEqual(1010);
  });

  const NO_TIMES = [undefined as never, Number.NaN, Infinity, null as never, "5000" as never];

  it("that is no finite number counts as the last one: it gives none more than its part, nor stops it", () => {
    const told = crowdOf({ 1: 1000, 2: 10 }).policy;
    const untold = crowdOf({ 1: 1000, 2: 10 }).policy;
    for (let count = 0; count < 4000; count++) {
      for (const policy of [told, untold]) policy.enqueue(commandOf(1 + (count % 7 === 0 ? 1 : 0)), 0);
    }
    const allAt = (policy: typeof told, nowMs: number): number => {
      let given = 0;
      while (policy.next(nowMs) !== undefined) given++;
      return given;
    };
    for (const nowMs of [0, 500, 1000, 1040, 3000]) {
      const given = allAt(told, nowMs);
      expect(given).toBeGreaterThan(0);
      expect(given).toBeLessThan(2500);
      expect(allAt(untold, nowMs)).toBe(given);
      for (const noTime of NO_TIMES) {
        expect(allAt(untold, noTime)).toBe(0);
        expect(untold.nextAt(noTime)).toBe(told.nextAt(nowMs));
        untold.pathsChanged([], 1, noTime);
      }
    }
  });

  it("is needed to set an entry", () => {
    const { policy } = crowdOf({});
    for (const noTime of NO_TIMES) {
      expect(() => policy.setEntry(1, { shares: 10 }, noTime)).toThrow(
        /^option nowMs must be .*finite, but is/,
      );
    }
    expect(policy.entry(1)).toBeUndefined();
  });

  it("that was never told lets a burst go, and all else wait for the first that is", () => {
    const { policy } = crowdOf({});
    for (let count = 0; count < 2000; count++) policy.enqueue(commandOf(1), 0);
    let given = 0;
    while (policy.next(Number.NaN) !== undefined) given++;
    // 50 ms of 10,000 units a second, and the one that goes over it.
    expect(given).toBe(501);
    expect(policy.nextAt(Number.NaN)).toBe(Infinity);
    expect(policy.nextAt(123_456)).toBe(123_457);
    expect(policy.next(123_457)).toBeDefined();
  });
});
