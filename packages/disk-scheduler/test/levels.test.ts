import { Command, type EntrySettings } from "@fairlead/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { diskScheduler } from "../src/index.js";
import { diskWith } from "./disk.js";
import { Lun } from "./harness.js";

describe("SIOC's example: 8000 commands/s, shares 1000, 2500, 500, 1000 (B3)", () => {
  const VMS = [1, 2, 3, 4];
  const SHARES = [1000, 2500, 500, 1000];

  function rates(settings: EntrySettings, thirdPerSecond?: number): number[] {
    const disk = diskWith({ perSecond: 8000 });
    for (const [at, vm] of VMS.entries()) disk.scheduler.setEntry(vm, { shares: SHARES[at] ?? 0 }, 0);
    disk.scheduler.setEntry(4, settings, 0);
    for (const vm of VMS)
      disk.start(vm, vm === 3 && thirdPerSecond !== undefined ? { perSecond: thirdPerSecond } : {});
    disk.run(1000);
    disk.forget();
    disk.run(10_000);
    return disk.rates(VMS, 10_000);
  }

  function expectRates(actual: readonly number[], expected: readonly number[]): void {
    for (const [at, rate] of actual.entries())
      expect(Math.abs(rate - (expected[at] ?? 0))).toBeLessThanOrEqual(0.02 * (expected[at] ?? 0));
  }

  it("all backlogged: 1600, 4000, 800, 1600", () => {
    expectRates(rates({}), [1600, 4000, 800, 1600]);
  });

  it("the third uses 10, the fourth is limited to 2000: 1776, 4439, 10, 1776", () => {
    expectRates(rates({ limit: { commandsPerSecond: 2000 } }, 10), [1776, 4439, 10, 1776]);
  });

  it("the fourth limited to 400: the others divide what it leaves", () => {
    expectRates(rates({ limit: { commandsPerSecond: 400 } }), [1900, 4750, 950, 400]);
  });
});

describe("a quantum of its own", () => {
  it("goes before the scheduler's, from the next decision on, until it is null again", () => {
    const lun = new Lun({ quantum: 4 });
    lun.scheduler.setEntry(1, { quantum: 2 }, 0);
    lun.scheduler.setEntry(2, { quantum: 6 }, 0);
    for (const vm of [1, 2, 3]) lun.saturate(vm, { sequential: true });
    lun.serveMany(12);
    lun.order.length = 0;
    lun.serveMany(240);
    // A VM with short runs may have several of them before it is level with the others.
    const shortest = (vm: number) => {
      const runs = lun.order
        .join("")
        .split(new RegExp(`[^${vm}]+`))
        .slice(1, -1);
      return Math.min(...runs.map((run) => run.length));
    };
    expect([1, 2, 3].map(shortest)).toEqual([2, 6, 4]);
    while (lun.serve()?.vm !== 2);
    // Its run of 6 has begun; now it is 1.
    lun.scheduler.setEntry(2, { quantum: 1 }, 0);
    expect(lun.serve()?.vm).not.toBe(2);
    lun.scheduler.setEntry(2, { quantum: null }, 0);
    lun.serveMany(12);
    lun.order.length = 0;
    lun.serveMany(120);
    expect(shortest(2)).toBe(4);
  });
});

describe("a latency-critical VM", () => {
  /** Most commands of VM 2 and 3 that were outstanding at a time while VM 1 was active. */
  function deepest(latencyDepth: number | undefined, latencyCritical: boolean): number {
    const disk = diskWith({ perSecond: 1000, room: 16 }, latencyDepth === undefined ? {} : { latencyDepth });
    disk.scheduler.setEntry(1, { latencyCritical }, 0);
    disk.scheduler.setEntry(3, { guarantee: { commandsPerSecond: 900 } }, 0);
    for (const vm of [2, 3]) disk.start(vm, { depth: 12 });
    disk.start(1, { perSecond: 50 });
    disk.run(500);
    let most = 0;
    for (let step = 0; step < 2000; step++) {
      disk.run(1.5);
      most = Math.max(most, disk.outstanding.filter(({ command }) => command.vm !== 1).length);
    }
    return most;
  }

  it("keeps the others at `latencyDepth` commands while it is active, also those with a guarantee", () => {
    expect(deepest(undefined, true)).toBe(4);
    expect(deepest(2, true)).toBe(2);
    expect(deepest(2, false)).toBeGreaterThan(12);
  });

  it("takes nothing of the others' bandwidth that it doesn't use, and lets them go when it has been idle for an interval", () => {
    const disk = diskWith({ perSecond: 1000, room: 16 });
    disk.scheduler.setEntry(1, { latencyCritical: true }, 0);
    disk.start(2, { depth: 16 });
    disk.start(1, { perSecond: 50 });
    disk.run(2000);
    disk.forget();
    disk.run(5000);
    const [one = 0, two = 0] = disk.rates([1, 2], 5000);
    expect(Math.abs(one - 50)).toBeLessThanOrEqual(1);
    expect(Math.abs(two - 950)).toBeLessThanOrEqual(2);
    disk.stop(1);
    disk.run(900);
    expect(disk.outstanding.length).toBe(4);
    disk.run(200);
    expect(disk.outstanding.length).toBe(16);
  });

  it("is held to its shares, however much it asks for, and to the guarantees of the others", () => {
    const disk = diskWith({ perSecond: 10_000, room: 32 });
    disk.scheduler.setEntry(1, { latencyCritical: true, shares: 10 }, 0);
    for (const vm of [1, 2, 3]) disk.start(vm, { depth: 64 });
    disk.run(1000);
    disk.forget();
    disk.run(5000);
    const [critical = 0, ...others] = disk.rates([1, 2, 3], 5000);
    expect(critical).toBeLessThanOrEqual(60);
    for (const rate of others) expect(Math.abs(rate - 5000)).toBeLessThanOrEqual(50);
    disk.scheduler.setEntry(1, { shares: 1_000_000, priority: 8 }, disk.nowMs);
    disk.scheduler.setEntry(2, { priority: 10, guarantee: { commandsPerSecond: 8000 } }, disk.nowMs);
    disk.run(2000);
    const unmetMs = disk.scheduler.entry(2)?.unmetMs ?? Number.NaN;
    disk.forget();
    disk.run(5000);
    expect(disk.rates([2], 5000)[0]).toBeGreaterThanOrEqual(7950);
    expect(disk.scheduler.entry(2)?.unmetMs).toBe(unmetMs);
  });

  it("is not misled by completions of commands that an earlier policy gave, or by one that comes back", () => {
    const { scheduler } = new Lun();
    scheduler.setEntry(1, { latencyCritical: true }, 0);
    const command = (vm: number) =>
      Object.assign(new Command(), { vm, lengthBytes: 4096, offsetBytes: 2 ** 30 });
    scheduler.enqueue(command(1), 0);
    for (let count = 0; count < 12; count++) scheduler.enqueue(command(2), 0);
    const given: Command[] = [];
    const take = () => {
      for (let next = scheduler.next(0); next !== undefined; next = scheduler.next(0)) given.push(next);
      return given.filter(({ vm }) => vm === 2).length;
    };
    expect(take()).toBe(4);
    for (let count = 0; count < 3; count++) scheduler.completed(command(2), 0);
    expect(take()).toBe(4);
    const last = given.pop();
    if (last !== undefined) scheduler.requeue(last, 0);
    expect(take()).toBe(4);
    const first = given.find(({ vm }) => vm === 2);
    if (first !== undefined) scheduler.completed(first, 0);
    expect(take()).toBe(5);
    // Where none is left, the count begins anew.
    scheduler.setEntry(1, { latencyCritical: false }, 0);
    take();
    expect(scheduler.queuedCommands).toBe(0);
    scheduler.setEntry(1, { latencyCritical: true }, 0);
    for (let count = 0; count < 6; count++) scheduler.enqueue(command(3), 0);
    scheduler.enqueue(command(1), 0);
    take();
    expect(given.filter(({ vm }) => vm === 3).length).toBe(4);
  });
});

describe("a level of service", () => {
  it("is told as it was set, whole, and what is left out stays", () => {
    const { scheduler } = new Lun();
    const guarantee = { bytesPerSecond: 5_000_000 };
    scheduler.setEntry(1, { shares: 7, priority: 9, guarantee, quantum: 3, latencyCritical: true }, 0);
    scheduler.setEntry(1, { limit: { commandsPerSecond: 12 } }, 0);
    guarantee.bytesPerSecond = 1;
    expect(scheduler.entry(1)).toEqual({
      shares: 7,
      priority: 9,
      guarantee: { bytesPerSecond: 5_000_000 },
      limit: { commandsPerSecond: 12 },
      quantum: 3,
      latencyCritical: true,
      queuedCommands: 0,
      consumedUnits: 0,
      virtualTime: 0,
      state: "idle",
      unmetMs: 0,
    });
    scheduler.setEntry(1, { guarantee: null, limit: null, quantum: null }, 0);
    expect(scheduler.entry(1)).toMatchObject({ guarantee: null, limit: null, quantum: null, priority: 9 });
  });

  it.each([
    ["priority", [-1, 11, 1.5, Number.NaN, "5"]],
    ["quantum", [0, -1, 1.5, Number.NaN, Infinity, "8"]],
    ["latencyCritical", [1, "true", null]],
    ["guarantee", [5, "5", {}, { unitsPerSecond: 5 }, { bytesPerSecond: 5, commandsPerSecond: 5 }]],
    ["limit", [5, [], { perSecond: 5 }]],
    [
      "guarantee.bytesPerSecond",
      [0, -1, Number.NaN, Infinity, "5"].map((bytesPerSecond) => ({ bytesPerSecond })),
    ],
    [
      "limit.commandsPerSecond",
      [0, -1, Number.NaN, Infinity, "5"].map((commandsPerSecond) => ({ commandsPerSecond })),
    ],
  ])("with a bad %s is refused by name, and changes nothing", (option, values) => {
    const { scheduler } = new Lun();
    const [setting = ""] = option.split(".");
    for (const value of values) {
      expect(() => scheduler.setEntry(1, { shares: 3, [setting]: value }, 0)).toThrow(
        `option ${option} must be`,
      );
      expect(scheduler.entry(1)).toBeUndefined();
    }
    expect(() => scheduler.setEntry(1, { share: 5 } as EntrySettings, 0)).toThrow(
      /no option "share", known are shares,/,
    );
  });

  it("goes with its VM: what is queued goes on under the default", () => {
    const lun = new Lun({ limitBurstMs: 0 });
    lun.scheduler.setEntry(
      1,
      { limit: { commandsPerSecond: 1 }, priority: 9, latencyCritical: true, quantum: 1 },
      0,
    );
    lun.saturate(1);
    lun.stop(1);
    lun.serve();
    lun.enqueue(1);
    expect(lun.serve()).toBeUndefined();
    lun.scheduler.removeEntry(1);
    expect(lun.scheduler.entry(1)).toMatchObject({
      limit: null,
      priority: 5,
      latencyCritical: false,
      quantum: null,
    });
    lun.serveMany(2);
    expect(lun.scheduler.entry(1)).toBeUndefined();
  });
});

/** Adding, removing and changing VMs while commands wait loses and repeats nothing (D9). */
describe("under any change of levels, options, paths and time", () => {
  const rate = (one: number, other: number) =>
    fc.constantFrom(null, { commandsPerSecond: one }, { bytesPerSecond: other * 4096 });
  const settings: fc.Arbitrary<EntrySettings> = fc.record(
    {
      shares: fc.constantFrom(0, 1, 1000, 50_000),
      priority: fc.integer({ min: 0, max: 10 }),
      guarantee: rate(0.5, 800),
      limit: rate(900, 3000),
      quantum: fc.constantFrom(null, 1, 3, 32),
      latencyCritical: fc.boolean(),
    },
    { requiredKeys: [] },
  );
  const step = fc.tuple(fc.integer({ min: 0, max: 11 }), fc.nat(9), settings, fc.nat(100));

  it("everything that was enqueued is given exactly once, each VM's in order", () => {
    const law = (steps: [kind: number, vm: number, settings: EntrySettings, pick: number][]) => {
      const scheduler = diskScheduler();
      const queued = Array.from({ length: 10 }, (): Command[] => []);
      const outstanding: Command[] = [];
      let nowMs = 1e6;
      const take = () => {
        const command = scheduler.next(nowMs);
        if (command === undefined) {
          expect(scheduler.nextAt(nowMs)).toBeGreaterThan(nowMs);
          return false;
        }
        expect(command).toBe(queued[command.vm]?.shift());
        outstanding.push(command);
        return true;
      };
      for (const [kind, vm, level, pick] of steps) {
        if (kind < 4) {
          const command = Object.assign(new Command(), {
            vm,
            lengthBytes: 4096 * (pick % 20),
            offsetBytes: pick * 4096,
          });
          scheduler.enqueue(command, nowMs);
          queued[vm]?.push(command);
        } else if (kind < 6) take();
        else if (kind === 6) scheduler.setEntry(vm, level, nowMs);
        else if (kind === 7) scheduler.removeEntry(vm);
        else if (kind === 8) {
          const pending = () => ({ pendingCommands: pick % 12 }) as never;
          const paths = Array.from({ length: vm % 3 }, pending);
          scheduler.pathsChanged(paths, (vm % 3) / 2, nowMs);
        } else if (kind === 9) nowMs += [0.25, 60, 2500, -5000][pick % 4] ?? 0;
        else if (kind === 10) {
          scheduler.configure({
            latencyDepth: 1 + (pick % 5),
            backlogCommands: 1 + (pick % 9),
            intervalMs: 50 + pick,
          });
          scheduler.configure({ limitBurstMs: pick, guaranteeWindowMs: pick * 10, floor: (pick % 2) / 100 });
        } else {
          const [command] = outstanding.splice(pick % Math.max(1, outstanding.length), 1);
          if (command !== undefined && pick % 2 === 0) scheduler.completed(command, nowMs);
          else if (command !== undefined) {
            scheduler.requeue(command, nowMs);
            queued[command.vm]?.unshift(command);
          }
        }
        expect(scheduler.queuedCommands).toBe(queued.flat().length);
      }
      scheduler.pathsChanged([], 1, nowMs);
      for (let stalls = 0; queued.flat().length > 0; stalls++) {
        expect(stalls).toBeLessThan(5000);
        while (take());
        for (const command of outstanding.splice(0)) scheduler.completed(command, nowMs);
        nowMs = Math.min(scheduler.nextAt(nowMs), nowMs + 10_000);
      }
      expect(scheduler.next(nowMs)).toBeUndefined();
    };
    fc.assert(fc.property(fc.array(step, { minLength: 10, maxLength: 150 }), law), {
      seed: 17,
      numRuns: 300,
    });
  });
});
