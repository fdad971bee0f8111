import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Lun, setShares } from "./harness.js";

describe("shares", () => {
  it("gives 2000:2000:1000 shares 40, 40 and 20 %, and 66.7 and 33.3 % once the first has stopped [0087]", () => {
    const lun = new Lun();
    setShares(lun, { 1: 2000, 2: 2000, 3: 1000 });
    for (const vm of [1, 2, 3]) lun.saturate(vm);
    lun.serveMany(5000);
    expect(lun.take([1, 2, 3])).toEqual([2000, 2000, 1000]);
    lun.stop(1);
    lun.serveMany(2);
    lun.take([]);
    lun.serveMany(3000);
    const [first, second, third] = lun.take([1, 2, 3]);
    expect(first).toBeLessThanOrEqual(2);
    expect(second).toBeCloseTo(2000, -1);
    expect(third).toBeCloseTo(1000, -1);
  });

  it("divides what the first leaves of its 40 % by the shares of the others: 20, 53.3 and 26.7 % [0088]", () => {
    const lun = new Lun();
    setShares(lun, { 1: 2000, 2: 2000, 3: 1000 });
    lun.saturate(2);
    lun.saturate(3);
    let nextArrivalMs = 0;
    lun.run(30_000, 1000, () => {
      for (; nextArrivalMs <= lun.nowMs; nextArrivalMs += 5) lun.enqueue(1);
    });
    const [first = 0, second = 0, third = 0] = lun.take([1, 2, 3]);
    const total = first + second + third;
    expect(first / total).toBeCloseTo(0.2, 3);
    expect(second / total).toBeCloseTo(0.5333, 3);
    expect(third / total).toBeCloseTo(0.2667, 3);
  });

  it("keeps every pair of backlogged VMs within one quantum of the largest command, for any shares and sizes", () => {
    const vm = fc.record({
      shares: fc.integer({ min: 1, max: 20_000 }),
      lengthBytes: fc.constantFrom(512, 4096, 5000, 65536, 262144),
      sequential: fc.boolean(),
    });
    const law = (vms: { shares: number; lengthBytes: number; sequential: boolean }[], quantum: number) => {
      const lun = new Lun({ quantum });
      vms.forEach(({ shares, ...load }, index) => {
        lun.scheduler.setEntry(index, { shares }, 0);
        lun.saturate(index, load);
      });
      for (let count = 0; count < 600; count++) {
        lun.serve();
        const due = vms.map(({ shares }, index) => (lun.units[index] ?? 0) / shares);
        const slack = vms.map(
          ({ shares, lengthBytes }) => (quantum * Math.ceil(lengthBytes / 4096)) / shares,
        );
        for (const [one, oneDue] of due.entries()) {
          for (const [other, otherDue] of due.entries()) {
            const ahead = oneDue - otherDue - (slack[one] ?? 0) - (slack[other] ?? 0);
            if (ahead > 1e-9)
              expect.fail(`VM ${one} is ahead of VM ${other} by ${ahead} more than it may be`);
          }
        }
      }
    };
    const vms = fc.array(vm, { minLength: 2, maxLength: 6 });
    fc.assert(fc.property(vms, fc.constantFrom(1, 4, 8), law), { seed: 7, numRuns: 25 });
  });

  it("changes the split at the next decision, and takes what a VM had too much with it in units", () => {
    const lun = new Lun();
    setShares(lun, { 1: 1, 2: 1000 });
    lun.enqueue(1, { lengthBytes: 100 * 4096 });
    lun.serve();
    lun.saturate(1);
    lun.saturate(2);
    lun.scheduler.setEntry(1, { shares: 1000 }, 0);
    lun.take([]);
    // At 1 share it would wait until VM 2 had 100,000 units.
    while (lun.serve()?.vm !== 1);
    expect(lun.take([2])[0]).toBeGreaterThanOrEqual(99);
    expect(lun.order.length).toBeLessThan(110);
    lun.serveMany(1000);
    const [one = 0, two = 0] = lun.take([1, 2]);
    expect(Math.abs(one - two)).toBeLessThanOrEqual(2);
  });

  it("does not always put the same VM first among equals", () => {
    const lun = new Lun();
    const first = [0, 0, 0, 0, 0];
    for (let round = 0; round < 1000; round++) {
      for (const vm of first.keys()) lun.enqueue(vm);
      const command = lun.serve();
      first[command?.vm ?? 0] = (first[command?.vm ?? 0] ?? 0) + 1;
      lun.serveMany(4);
    }
    for (const count of first) expect(count).toBeGreaterThan(80);
  });

  it("goes by the lowest local virtual time, which starts at 0 and grows by units ÷ shares [0089]", () => {
    const lun = new Lun();
    setShares(lun, { 1: 500, 2: 2000 });
    expect(lun.scheduler.entry(1)?.virtualTime).toBe(0);
    lun.saturate(1, { lengthBytes: 10 * 4096 });
    lun.saturate(2);
    for (let count = 0; count < 50; count++) {
      const one = lun.scheduler.entry(1);
      const two = lun.scheduler.entry(2);
      const lower = (one?.virtualTime ?? 0) < (two?.virtualTime ?? 0) ? 1 : 2;
      const tied = one?.virtualTime === two?.virtualTime;
      const vm = lun.serve()?.vm;
      if (!tied) expect(vm).toBe(lower);
    }
    const one = lun.scheduler.entry(1);
    expect(one?.consumedUnits).toBe(lun.units[1]);
    expect(one?.virtualTime).toBeCloseTo((lun.units[1] ?? 0) / 500, 9);
  });
});

describe("0 shares", () => {
  it("are served only while nobody else waits, also in the middle of a run, and in equal parts", () => {
    const lun = new Lun();
    setShares(lun, { 1: 0, 2: 0, 3: 1 });
    lun.saturate(1, { sequential: true });
    lun.saturate(2, { lengthBytes: 16 * 4096 });
    lun.serveMany(4000);
    const [one = 0, two = 0] = lun.take([1, 2]);
    expect(Math.abs(one - two)).toBeLessThanOrEqual(8 + 16);
    lun.saturate(3);
    lun.order.length = 0;
    lun.run(20_000, 100);
    expect(new Set(lun.order)).toEqual(new Set([3]));
    lun.stop(3);
    lun.serveMany(2);
    expect(lun.serve()?.vm).not.toBe(3);
  });

  it("can be given to and taken from a VM that waits", () => {
    const lun = new Lun();
    lun.saturate(1);
    lun.saturate(2);
    lun.serveMany(100);
    lun.scheduler.setEntry(1, { shares: 0 }, 0);
    lun.take([]);
    lun.serveMany(100);
    expect(lun.take([1, 2])).toEqual([0, 100]);
    expect(lun.scheduler.entry(1)?.virtualTime).toBe(0);
    lun.scheduler.setEntry(1, { shares: 1000 }, 0);
    lun.serveMany(100);
    const [one = 0, two = 0] = lun.take([1, 2]);
    // What it did not get while it had no shares is not owed.
    expect(Math.abs(one - two)).toBeLessThanOrEqual(2);
  });
});
