import type { EntrySettings } from "@fairlead/core";
import { describe, expect, it } from "vitest";
import { type FixedPartitionsOptions, fixedPartitions } from "../src/index.js";
import { Crowd, commandOf } from "./crowd.js";

function crowdOf(shares: Readonly<Record<number, number>>, options: Partial<FixedPartitionsOptions> = {}) {
  const policy = fixedPartitions({ unitsPerSecond: 10_000, ...options });
  for (const [vm, count] of Object.entries(shares)) policy.setEntry(Number(vm), { shares: count }, 0);
  return { policy, crowd: new Crowd(policy) };
}

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
    // A second later half of it is left, and takes a tenth of the time.
    policy.setEntry(1, { shares: 1000 }, 1000);
    expect(policy.nextAt(1000)).toBeCloseTo(1100, -1);
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

  it("of a removed VM stay where they are set again before its queue ends", () => {
    const { policy } = crowdOf({ 1: 100 });
    policy.enqueue(commandOf(1), 0);
    policy.removeEntry(1);
    policy.setEntry(1, { shares: 200 }, 0);
    policy.next(0);
    expect(policy.entry(1)?.shares).toBe(200);
  });

  it("of a VM that is used up may be left without a command", () => {
    const { crowd, policy } = crowdOf({ 1: 100 });
    const commands = Array.from({ length: 9 }, () => commandOf(1));
    for (const command of commands) policy.enqueue(command, 0);
    while (crowd.serve() !== undefined);
    for (const command of commands) policy.cancel(command);
    expect([policy.queuedCommands, policy.nextAt(0)]).toEqual([0, Infinity]);
    // Somebody else is asked for, a second later.
    policy.enqueue(commandOf(2), 1000);
    expect(policy.next(1000)?.vm).toBe(2);
    expect(policy.next(1000)).toBeUndefined();
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
