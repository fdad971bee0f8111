import { describe, expect, it } from "vitest";
import { type DiskSchedulerOptions, diskScheduler } from "../src/index.js";
import { Lun, setShares } from "./harness.js";

const INVALID: [option: string, values: unknown[]][] = [
  ["sharesDefault", [-1, Number.NaN, 1_000_001, "1000"]],
  ["sharesMin", [-1, Number.NaN, Infinity, "0"]],
  ["sharesMax", [0, -1, Number.NaN, 1e9 + 1, Infinity, "5000"]],
  ["unitBytes", [0, -1, 1.5, Number.NaN, Infinity, "4096"]],
  ["quantum", [0, -1, 1.5, Number.NaN, Infinity, "8"]],
  ["sequentialBytes", [-1, Number.NaN, "0"]],
  ["rangeUnits", [-1, Number.NaN, Infinity, "64"]],
  ["catchUp", [0.99, 0, Number.NaN, Infinity, "2"]],
  ["intervalMs", [0, -1, Number.NaN, "1000"]],
  ["floor", [-0.001, 0.011, Number.NaN, "0"]],
  ["limitBurstMs", [-1, Number.NaN, Infinity, "50"]],
  ["guaranteeWindowMs", [-1, Number.NaN, Infinity, "1000"]],
  ["backlogCommands", [0, -1, 1.5, Number.NaN, Infinity, "8"]],
  ["latencyDepth", [0, -1, 1.5, Number.NaN, Infinity, "4"]],
];

describe("options", () => {
  it.each(INVALID)(
    "refuses a bad %s by name, at construction and while running, and changes nothing",
    (option, values) => {
      const scheduler = diskScheduler();
      const before = scheduler.settings;
      for (const value of values) {
        const options = { [option]: value } as DiskSchedulerOptions;
        const message = new RegExp(`option ${option} must be`);
        expect(() => diskScheduler(options)).toThrow(message);
        expect(() => scheduler.configure({ quantum: 2, unitBytes: 512, ...options })).toThrow(message);
      }
      expect(scheduler.settings).toBe(before);
    },
  );

  it("refuses a bad factor", () => {
    for (const kind of ["read", "write", "flush"]) {
      for (const value of [0, -1, Number.NaN, Infinity, "1"]) {
        expect(() => diskScheduler({ factors: { [kind]: value } })).toThrow(`option factors.${kind} must be`);
      }
    }
  });

  it("tells its settings, and keeps those that are not named", () => {
    const scheduler = diskScheduler({ quantum: 4, factors: { write: 2 } });
    scheduler.configure({ unitBytes: 8192, factors: { flush: 3 } });
    expect(scheduler.settings).toEqual({
      sharesDefault: 1000,
      sharesMin: 0,
      sharesMax: 1_000_000,
      unitBytes: 8192,
      factors: { read: 1, write: 2, flush: 3 },
      quantum: 4,
      sequentialBytes: 1_024_000,
      rangeUnits: 64,
      catchUp: 2,
      intervalMs: 1000,
      floor: 0.01,
      limitBurstMs: 50,
      guaranteeWindowMs: 1000,
      backlogCommands: 8,
      latencyDepth: 4,
    });
  });

  it("counts another unit for commands that come later, not for those that wait", () => {
    const lun = new Lun();
    const early = lun.enqueue(1, { lengthBytes: 65536 });
    lun.scheduler.configure({ unitBytes: 65536 });
    const late = lun.enqueue(1, { lengthBytes: 65536 });
    lun.serveMany(2);
    expect([early.units, late.units]).toEqual([16, 1]);
    expect(lun.scheduler.entry(1)?.consumedUnits).toBe(17);
  });

  it("gives later entries another default, and none of the old ones", () => {
    const lun = new Lun({ sharesDefault: 10 });
    lun.enqueue(1);
    lun.scheduler.setEntry(2, {}, 0);
    lun.scheduler.configure({ sharesDefault: 20 });
    lun.enqueue(3);
    lun.scheduler.setEntry(2, {}, 0);
    expect([1, 2, 3].map((vm) => lun.scheduler.entry(vm)?.shares)).toEqual([10, 10, 20]);
  });

  it("bounds the shares of an entry, and is not narrowed below what a VM has", () => {
    const lun = new Lun({ sharesMin: 100, sharesMax: 4000 });
    for (const shares of [99, 0, 4001, -1, Number.NaN, "500" as never]) {
      expect(() => lun.scheduler.setEntry(1, { shares }, 0)).toThrow(
        /option shares must be from 100 to 4000/,
      );
    }
    expect(lun.scheduler.entry(1)).toBeUndefined();
    setShares(lun, { 1: 100, 2: 4000 });
    expect(() => lun.scheduler.configure({ sharesMin: 101 })).toThrow(
      /sharesMin must be at most 100, which a VM has/,
    );
    expect(() => lun.scheduler.configure({ sharesMax: 3999 })).toThrow(
      /sharesMax must be at least 4000, which a VM has/,
    );
    expect(lun.scheduler.settings.sharesMax).toBe(4000);
    lun.scheduler.removeEntry(2);
    lun.scheduler.configure({ sharesMax: 3999 });
    expect(() => setShares(lun, { 1: 4000 })).toThrow(/from 100 to 3999/);
  });

  it("change `rangeUnits`, `catchUp`, `intervalMs` and `floor` while commands wait", () => {
    const lun = new Lun({ floor: 0, rangeUnits: 0 });
    setShares(lun, { 1: 1_000_000, 2: 1 });
    lun.saturate(1);
    lun.saturate(2);
    lun.run(5000, 1000);
    expect(lun.take([2])[0]).toBeLessThanOrEqual(1);
    lun.scheduler.configure({ floor: 0.01, intervalMs: 100 });
    lun.run(5000, 1000);
    expect(lun.take([2])[0]).toBeGreaterThanOrEqual(40);
    lun.scheduler.configure({ rangeUnits: 50, catchUp: 10 });
    setShares(lun, { 3: 1_000_000 });
    lun.run(5000, 1000);
    lun.saturate(3);
    lun.take([]);
    lun.serveMany(55);
    expect(lun.take([3])[0]).toBeGreaterThanOrEqual(48);
  });
});
