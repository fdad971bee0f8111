import { admissionSuite } from "@fairlead/compliance";
import type { EntrySettings } from "@fairlead/core";
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
});

describe("requeue", () => {
  it("gives the cost back to the part", () => {
    const { crowd, policy } = crowdOf({ 1: 100 });
    crowd.saturate(1, 1 << 20);
    const command = policy.next(0)!;
    expect(policy.next(0)).toBeUndefined();
    for (let bounces = 0; bounces < 10; bounces++) {
      policy.requeue(command, 0);
      expect(policy.entry(1)).toMatchObject({ state: "waiting", consumedUnits: 0 });
      expect(policy.next(0)).toBe(command);
    }
    expect(policy.entry(1)).toMatchObject({ state: "limited", consumedUnits: 256 });
  });

  it("gives the cost back to the VM and to the common part", () => {
    const { crowd, policy } = crowdOf({}, { unitsPerSecond: 100_000 });
    const large = commandOf(1, 1 << 20);
    policy.enqueue(large, 0);
    expect(policy.next(0)).toBe(large);
    crowd.saturate(2);
    for (let count = 0; count < 20; count++) crowd.serve();
    policy.requeue(large, 0);
    // Without the refund VM 2 would go 236 times more.
    expect(policy.next(0)).toBe(large);
    let others = 0;
    while (crowd.serve() !== undefined) others++;
    // A burst of 5000 units in all, 20 of which were had before; the large one is charged once.
    expect(Math.abs(others - (5000 - 256 - 20))).toBeLessThanOrEqual(1);
  });

  it("of a command whose entry is gone, or new, refunds nothing", () => {
    const { policy } = crowdOf({ 1: 100 });
    policy.enqueue(commandOf(1, 65536), 0);
    const command = policy.next(0)!;
    policy.removeEntry(1);
    policy.requeue(command, 0);
    expect(policy.entry(1)).toMatchObject({ consumedUnits: 0, shares: 0, queuedCommands: 1 });
    policy.next(0);
    policy.removeEntry(1);
    policy.setEntry(1, {}, 0);
    policy.requeue(command, 0);
    expect(policy.entry(1)?.consumedUnits).toBe(0);
  });
});

describe("entries", () => {
  it("tell what was set, and what decides nothing here too", () => {
    const { policy } = crowdOf({ 1: 100 });
    policy.setEntry(1, { priority: 9, quantum: 3, latencyCritical: true }, 0);
    expect(policy.entry(1)).toEqual({
      shares: 100,
      priority: 9,
      quantum: 3,
      latencyCritical: true,
      guarantee: null,
      limit: null,
      queuedCommands: 0,
      consumedUnits: 0,
      virtualTime: 0,
      state: "idle",
      unmetMs: 0,
    });
    for (let count = 0; count < 60; count++) policy.enqueue(commandOf(1, 65536), 0);
    expect(policy.entry(1)?.state).toBe("waiting");
    while (policy.next(0) !== undefined);
    expect(policy.entry(1)?.state).toBe("limited");
    const { consumedUnits = 0, virtualTime } = policy.entry(1) ?? {};
    expect(virtualTime).toBe(consumedUnits / 100);
  });

  it("can't have more than what is left, and have their part back when it is given up", () => {
    const { policy } = crowdOf({ 1: 6000, 2: 3700 });
    expect(() => policy.setEntry(3, { shares: 301 }, 0)).toThrow(
      /shares must be at most 300, which is left of 10000/,
    );
    expect(policy.entry(3)).toBeUndefined();
    expect(() => policy.setEntry(2, { shares: 4001 }, 0)).toThrow(/at most 4000/);
    expect(policy.entry(2)?.shares).toBe(3700);
    policy.setEntry(2, { shares: 4000 }, 0);
    policy.removeEntry(1);
    policy.setEntry(3, { shares: 6000 }, 0);
    policy.setEntry(3, { shares: 0 }, 0);
    policy.setEntry(4, { shares: 6000 }, 0);
    expect(() => policy.configure({ sharesTotal: 9999 })).toThrow(
      /sharesTotal must be at least 10000, which/,
    );
    policy.configure({ sharesTotal: 20_000 });
    policy.setEntry(5, { shares: 10_000 }, 0);
  });

  it("keep what they had too much, in units, when their part changes", () => {
    const { policy } = crowdOf({ 1: 100 });
    // 100 units a second, 5 of them in advance.
    policy.enqueue(commandOf(1, 205 * 4096), 0);
    policy.next(0);
    policy.enqueue(commandOf(1), 0);
    expect(policy.nextAt(0)).toBeCloseTo(2000, -1);
    policy.setEntry(1, { shares: 1000 }, 0);
    expect(policy.nextAt(0)).toBeCloseTo(200, -1);
  });

  it("that wait move between the common part and their own, losing nothing", () => {
    const { policy, crowd } = crowdOf({ 1: 9000 });
    for (let count = 0; count < 2000; count++) {
      policy.enqueue(commandOf(1), 0);
      policy.enqueue(commandOf(2), 0);
    }
    policy.setEntry(1, { shares: 0 }, 0);
    policy.setEntry(2, { shares: 9000 }, 0);
    crowd.run(150, 1_000_000);
    const [common, own] = crowd.take([1, 2]);
    expect(Math.abs(common! - 1000 * 0.2)).toBeLessThanOrEqual(5);
    expect(Math.abs(own! - 9000 * 0.2)).toBeLessThanOrEqual(20);
    crowd.run(4000, 1_000_000);
    expect(crowd.take([1, 2])).toEqual([2000 - common!, 2000 - own!]);
  });

  it("of a removed VM go on in the common part and end with what is queued", () => {
    const { policy, crowd } = crowdOf({ 1: 9900 });
    for (let count = 0; count < 300; count++) policy.enqueue(commandOf(1), 0);
    policy.removeEntry(1);
    policy.setEntry(2, { shares: 9900 }, 0);
    crowd.run(1000, 1_000_000);
    expect(Math.abs(crowd.take([1])[0]! - 105)).toBeLessThanOrEqual(2);
    crowd.run(5000, 1_000_000);
    expect(policy.queuedCommands).toBe(0);
    expect(policy.entry(1)).toBeUndefined();
    expect(policy.entry(2)).toBeDefined();
  });
});

describe("options", () => {
  it("change the bandwidth, the burst, the floor and the unit while commands wait", () => {
    const { policy, crowd } = crowdOf({ 1: 1000 });
    const rate = (): number => {
      crowd.run(1000, 1_000_000);
      crowd.take([]);
      crowd.run(10_000, 1_000_000);
      return Math.round(crowd.take([1])[0]! / 10);
    };
    crowd.saturate(1, 65536);
    expect(rate()).toBeCloseTo(1000, -1);
    policy.configure({ unitsPerSecond: 30_000 });
    expect(rate()).toBeCloseTo(3000, -1);
    policy.configure({ sharesTotal: 30_000 });
    expect(rate()).toBeCloseTo(1000, -1);
    policy.configure({ unitBytes: 65536 });
    crowd.serve();
    crowd.serve();
    crowd.take([]);
    expect(crowd.serve()?.units ?? 1).toBe(1);
    expect(policy.settings).toMatchObject({ unitsPerSecond: 30_000, sharesTotal: 30_000, unitBytes: 65536 });
  });

  it.each([
    ["unitsPerSecond", [0, -1, Number.NaN, Infinity, "1000", undefined]],
    ["sharesTotal", [0, -1, Number.NaN, 1_000_001, "10000"]],
    ["burstMs", [4.9, 10_001, Number.NaN, "50"]],
    ["floor", [0, 0.11, Number.NaN, "0.01"]],
    ["unitBytes", [0, -1, 1.5, Number.NaN, Infinity, "4096"]],
  ])("refuse a bad %s, at construction and while running, with nothing changed", (option, values) => {
    const { policy } = crowdOf({});
    const before = policy.settings;
    for (const value of values) {
      const options = { unitsPerSecond: 1000, [option]: value } as FixedPartitionsOptions;
      const message = new RegExp(`option ${option} must be`);
      expect(() => fixedPartitions(options)).toThrow(message);
      expect(() => policy.configure({ ...options, ...{ [option]: value } })).toThrow(message);
    }
    expect(policy.settings).toEqual(before);
  });

  it("must name the bandwidth, and none that does not exist", () => {
    expect(() => fixedPartitions({} as FixedPartitionsOptions)).toThrow(/unitsPerSecond must be/);
    const options = { unitsPerSecond: 1, unitPerSecond: 1 } as FixedPartitionsOptions;
    expect(() => fixedPartitions(options)).toThrow(/no option "unitPerSecond"/);
  });

  it.each(["guarantee", "limit"])("leave no place for a %s", (name) => {
    const { policy } = crowdOf({});
    const settings = { [name]: { commandsPerSecond: 10 } } as EntrySettings;
    expect(() => policy.setEntry(1, settings, 0)).toThrow(
      new RegExp(`option ${name} must be null under fixed-partitions`),
    );
  });
});

it("hands over what it drains and starts anew with it", () => {
  const { policy, crowd } = crowdOf({ 1: 100, 2: 100 });
  for (let count = 0; count < 21; count++) policy.enqueue(commandOf(count % 3), 0);
  let visits = 0;
  policy.drain((command) => {
    visits++;
    policy.enqueue(command, 0);
  });
  expect([visits, policy.queuedCommands]).toEqual([21, 21]);
  crowd.run(1000, 1_000_000);
  expect(crowd.take([0, 1, 2])).toEqual([7, 7, 7]);
});
