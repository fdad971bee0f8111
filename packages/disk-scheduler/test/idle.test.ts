import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Lun, setShares } from "./harness.js";

const UNITS_PER_SECOND = 1000;

/** VM 1 works, VM 2 slept through ten minutes and has now come back. */
function afterSleep(options = {}): Lun {
  const lun = new Lun(options);
  lun.saturate(1);
  lun.enqueue(2);
  lun.run(600_000, UNITS_PER_SECOND);
  lun.saturate(2);
  lun.take([]);
  return lun;
}

describe("a VM that was idle", () => {
  it("has its share again within a second, neither less nor more [0091] (B13)", () => {
    const lun = afterSleep();
    lun.run(1000, UNITS_PER_SECOND);
    const [, first = 0] = lun.take([1, 2]);
    expect(first).toBeGreaterThanOrEqual(499);
    expect(first).toBeLessThanOrEqual(500 + 64);
    lun.run(1000, UNITS_PER_SECOND);
    const [, second = 0] = lun.take([1, 2]);
    expect(Math.abs(second - 500)).toBeLessThanOrEqual(1);
  });

  it("never takes more of any window than twice its shares would give, while others wait", () => {
    const lun = afterSleep();
    lun.order.length = 0;
    lun.serveMany(600);
    for (let from = 0; from < 200; from++) {
      for (const length of [3, 10, 50, 100, 400]) {
        const window = lun.order.slice(from, from + length);
        const taken = window.filter((vm) => vm === 2).length;
        expect(taken).toBeLessThanOrEqual((2 / 3) * length + 1);
      }
    }
  });

  it("is owed `rangeUnits` and no more, however long it slept", () => {
    for (const rangeUnits of [0, 16, 200]) {
      const lun = afterSleep({ rangeUnits });
      lun.run(3000, UNITS_PER_SECOND);
      const [one = 0, two = 0] = lun.take([1, 2]);
      // Ahead by what it was owed, which the other paid.
      expect(two - one).toBeGreaterThanOrEqual(rangeUnits - 2);
      expect(two - one).toBeLessThanOrEqual(rangeUnits + 2);
    }
  });

  it("spends what it is owed at `catchUp` times its shares", () => {
    for (const [catchUp, part] of [
      [1, 1 / 2],
      [2, 2 / 3],
      [4, 4 / 5],
    ] as const) {
      const lun = afterSleep({ catchUp, rangeUnits: 1e6 });
      lun.serveMany(3000);
      expect((lun.take([2])[0] ?? 0) / 3000).toBeCloseTo(part, 2);
    }
  });

  it("gets the whole of a pace below its share, command by command", () => {
    const lun = new Lun();
    setShares(lun, { 1: 1000, 2: 1000, 3: 1000 });
    lun.saturate(1, { lengthBytes: 65536 });
    lun.saturate(3, { lengthBytes: 65536, sequential: true });
    let nextArrivalMs = 0;
    let sent = 0;
    lun.run(60_000, UNITS_PER_SECOND, () => {
      for (; nextArrivalMs <= lun.nowMs; nextArrivalMs += 4) {
        lun.enqueue(2);
        sent++;
      }
    });
    expect(sent - (lun.units[2] ?? 0)).toBeLessThanOrEqual(8 * 16);
  });

  it("can't gain by sleeping and waking", () => {
    const law = (burst: number, pause: number) => {
      const lun = new Lun();
      lun.saturate(1);
      for (let round = 0; round < 200; round++) {
        for (let count = 0; count < burst; count++) lun.enqueue(2);
        lun.serveMany(burst + pause);
      }
      // What it asked for, or half of everything, and what it may be owed.
      const [one = 0, two = 0] = lun.take([1, 2]);
      expect(two).toBeLessThanOrEqual(Math.min(200 * burst, (one + two) / 2) + 64 + burst);
    };
    fc.assert(fc.property(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 0, max: 40 }), law), {
      seed: 3,
      numRuns: 40,
    });
  });
});

describe("minimum per interval", () => {
  const SHARES = { 1: 1_000_000, 2: 1 };

  it("gives a waiting VM with shares a command in each interval, whatever the shares of the others are [0091]", () => {
    const lun = new Lun();
    setShares(lun, SHARES);
    lun.saturate(1, { sequential: true });
    lun.saturate(2);
    lun.run(1500, UNITS_PER_SECOND);
    lun.take([]);
    for (let second = 0; second < 30; second++) {
      lun.run(1010, UNITS_PER_SECOND);
      expect(lun.take([2])[0]).toBe(1);
    }
  });

  it("comes at most every `intervalMs`, and not with a `floor` of 0", () => {
    for (const [options, atLeast, atMost] of [
      [{ intervalMs: 250 }, 38, 41],
      [{ intervalMs: 5000 }, 1, 3],
      [{ floor: 0 }, 0, 1],
    ] as const) {
      const lun = new Lun(options);
      setShares(lun, SHARES);
      lun.saturate(1);
      lun.saturate(2);
      lun.run(10_000, UNITS_PER_SECOND);
      expect(lun.units[2] ?? 0).toBeGreaterThanOrEqual(atLeast);
      expect(lun.units[2] ?? 0).toBeLessThanOrEqual(atMost);
    }
  });

  it("comes at once where `intervalMs` is made shorter, or the VM's shares are no longer 0", () => {
    const lun = new Lun({ intervalMs: 1e6 });
    setShares(lun, { 1: 1_000_000, 2: 1, 3: 0 });
    for (const vm of [1, 2, 3]) lun.saturate(vm);
    lun.run(5000, UNITS_PER_SECOND);
    lun.take([]);
    lun.scheduler.configure({ intervalMs: 500 });
    lun.run(1000, UNITS_PER_SECOND);
    expect(lun.take([2, 3])).toEqual([2, 0]);
    setShares(lun, { 3: 1 });
    lun.run(100, UNITS_PER_SECOND);
    expect(lun.take([3])[0]).toBe(1);
  });

  it("takes `floor` of all units at most, for all VMs together and with large commands too", () => {
    for (const floor of [0.01, 0.002]) {
      const lun = new Lun({ floor });
      lun.scheduler.setEntry(0, { shares: 1_000_000 }, 0);
      lun.saturate(0);
      // What nobody needed for a minimum in this time is not saved up.
      lun.run(60_000, UNITS_PER_SECOND);
      for (let vm = 1; vm <= 40; vm++) {
        lun.scheduler.setEntry(vm, { shares: 1 }, 0);
        lun.saturate(vm, { lengthBytes: 65536 });
      }
      // At equal virtual times each may go once.
      lun.serveMany(100);
      lun.take([]);
      lun.run(120_000, UNITS_PER_SECOND);
      const units = lun.units.slice(1).reduce((sum, count) => sum + (count ?? 0), 0);
      expect(units).toBeLessThanOrEqual(120_000 * floor + 16);
      expect(units).toBeGreaterThanOrEqual(120_000 * floor - 17);
    }
  });

  it("reaches each of many VMs in turn", () => {
    const lun = new Lun();
    setShares(lun, SHARES);
    lun.saturate(1);
    for (let vm = 2; vm < 12; vm++) {
      lun.scheduler.setEntry(vm, { shares: 1 }, 0);
      lun.saturate(vm);
    }
    lun.run(10_000, UNITS_PER_SECOND);
    for (let vm = 2; vm < 12; vm++) expect(lun.units[vm] ?? 0).toBeGreaterThanOrEqual(5);
  });

  it("forgives no debt that the VM has from its share", () => {
    const lun = new Lun();
    setShares(lun, SHARES);
    lun.saturate(2, { lengthBytes: 1000 * 4096 });
    lun.serve();
    lun.saturate(1);
    let before = lun.scheduler.entry(2)?.virtualTime ?? 0;
    for (let second = 0; second < 300; second++) {
      lun.run(1000, UNITS_PER_SECOND);
      const after = lun.scheduler.entry(2)?.virtualTime ?? 0;
      expect(after).toBeGreaterThanOrEqual(before);
      before = after;
    }
    expect(lun.scheduler.entry(2)?.consumedUnits).toBeGreaterThan(1000);
  });

  it("leaves the VM in its place at once when a large command was its minimum", () => {
    const lun = new Lun();
    setShares(lun, SHARES);
    lun.saturate(1);
    lun.saturate(2, { lengthBytes: 1000 * 4096 });
    lun.run(250_000, UNITS_PER_SECOND);
    expect(lun.take([2])[0]).toBeGreaterThanOrEqual(2000);
    lun.scheduler.setEntry(3, { shares: 1 }, lun.nowMs);
    lun.saturate(3);
    lun.stop(1);
    lun.serveMany(2);
    lun.take([]);
    while (lun.serve()?.vm !== 2);
    expect(lun.take([3])[0]).toBeLessThanOrEqual(1000 + 64);
  });

  it("leaves no debt beyond the range, which would keep the VM out when the others have gone", () => {
    const lun = new Lun();
    setShares(lun, SHARES);
    lun.saturate(1);
    lun.saturate(2);
    lun.run(400_000, UNITS_PER_SECOND);
    expect(lun.take([2])[0]).toBeGreaterThan(300);
    lun.scheduler.setEntry(3, { shares: 1 }, lun.nowMs);
    lun.saturate(3);
    lun.stop(1);
    lun.serveMany(2);
    lun.take([]);
    lun.serveMany(200);
    expect(lun.take([2])[0]).toBeGreaterThanOrEqual((200 - 64) / 2 - 2);
  });

  it("survives a clock that jumps: tags stay, and minima go on when it was set back", () => {
    const lun = new Lun();
    setShares(lun, { 1: 2000, 2: 1000, 3: 1 });
    lun.saturate(1);
    lun.saturate(2);
    lun.saturate(3);
    for (const jumpMs of [3_600_000, -7_200_000, 1e12, -1e12]) {
      lun.nowMs += jumpMs;
      lun.take([]);
      lun.run(3000, UNITS_PER_SECOND);
      const [one = 0, two = 0, three = 0] = lun.take([1, 2, 3]);
      expect(three).toBeGreaterThanOrEqual(1);
      expect(three).toBeLessThanOrEqual(4);
      expect(Math.abs(one - 2 * two)).toBeLessThanOrEqual(4);
    }
  });

  it("gets its minimum within an interval or two, also among 20,000 that are idle", () => {
    const lun = new Lun();
    lun.scheduler.setEntry(1, { shares: 1_000_000 }, 0);
    lun.scheduler.setEntry(20_001, { shares: 1 }, 0);
    for (let vm = 2; vm <= 20_000; vm++) lun.scheduler.setEntry(vm, {}, 0);
    lun.saturate(1);
    lun.saturate(20_001);
    lun.run(10_000, UNITS_PER_SECOND);
    lun.take([]);
    lun.run(60_000, UNITS_PER_SECOND);
    // An interval, and a round of 20,000 in steps of 16.
    expect(lun.take([20_001])[0]).toBeGreaterThanOrEqual(60 / (1 + 20_001 / 16 / UNITS_PER_SECOND) - 2);
  });
});
