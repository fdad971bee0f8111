import type { EntrySettings } from "@fairlead/core";
import { describe, expect, it } from "vitest";
import { diskWith, mostWithin } from "./disk.js";
import { Lun, setShares } from "./harness.js";

const MIB = 1 << 20;

describe("a limit", () => {
  it.each([
    ["3000 commands/s", { commandsPerSecond: 3000 }, 4096, 3000],
    ["3000 commands/s of 64 KiB", { commandsPerSecond: 3000 }, 65_536, 3000],
    ["12 MB/s in commands of 4 KiB", { bytesPerSecond: 12_288_000 }, 4096, 3000],
    ["50 MiB/s in commands of 1 MiB", { bytesPerSecond: 50 * MIB }, MIB, 50],
  ])(
    "of %s is kept within 1 percent over 10 s, and within 1.1 times in any second, with late wake-ups (B10)",
    (_, limit, lengthBytes, perSecond) => {
      for (const others of [false, true]) {
        const disk = diskWith({ perSecond: 10_000, room: 32 });
        // More than enough, in commands of any size.
        disk.scheduler.setEntry(1, { limit, shares: 1_000_000 }, 0);
        disk.run(100);
        disk.start(1, { lengthBytes, depth: 24 });
        if (others) disk.start(2, { depth: 24 });
        disk.run(200);
        disk.forget();
        disk.run(10_000);
        const [rate = 0] = disk.rates([1], 10_000);
        expect(Math.abs(rate / perSecond - 1)).toBeLessThanOrEqual(0.01);
        expect(mostWithin(disk.sentMs[1] ?? [], 1000)).toBeLessThanOrEqual(1.1 * perSecond);
      }
    },
  );

  it("lets a command go that costs more than the burst, and makes its VM pay afterwards", () => {
    const disk = diskWith({ perSecond: 1000 });
    disk.scheduler.setEntry(1, { limit: { bytesPerSecond: 100_000 } }, 0);
    disk.start(1, { lengthBytes: MIB, depth: 2 });
    disk.run(60_000);
    const sent = disk.sentMs[1] ?? [];
    expect(sent[0]).toBe(0);
    expect(sent.length).toBe(6);
    for (let at = 1; at < sent.length; at++) {
      expect((sent[at] ?? 0) - at * (MIB / 100)).toBeGreaterThanOrEqual(-51);
      expect((sent[at] ?? 0) - at * (MIB / 100)).toBeLessThanOrEqual(5);
    }
  });

  it("that was not used allows a burst of `limitBurstMs`, however long it was not", () => {
    for (const limitBurstMs of [0, 50, 400]) {
      const lun = new Lun({ limitBurstMs });
      lun.scheduler.setEntry(1, { limit: { commandsPerSecond: 100 } }, 0);
      for (const idleMs of [1000, 3_600_000]) {
        lun.nowMs += idleMs;
        lun.saturate(1);
        let burst = 0;
        while (lun.serve() !== undefined) burst++;
        expect(burst).toBe(limitBurstMs / 10 + 1);
        lun.stop(1);
        lun.nowMs += 1000;
        lun.serveMany(2);
      }
    }
  });

  it("is told by `state`, and `nextAt` says when it ends", () => {
    const lun = new Lun({ limitBurstMs: 0 });
    const { scheduler } = lun;
    lun.nowMs = 1_700_000_000_000.125;
    for (const vm of [1, 2]) scheduler.setEntry(vm, { limit: { commandsPerSecond: vm * 3 } }, lun.nowMs);
    for (const vm of [1, 2]) lun.saturate(vm);
    lun.serveMany(2);
    expect(lun.serve()).toBeUndefined();
    for (const vm of [1, 2]) expect(scheduler.entry(vm)?.state).toBe("limited");
    const atMs = scheduler.nextAt(lun.nowMs);
    expect(atMs - lun.nowMs).toBeCloseTo(1000 / 6, 2);
    lun.nowMs = atMs - 0.01;
    expect(lun.serve()).toBeUndefined();
    lun.nowMs = atMs;
    expect(lun.serve()?.vm).toBe(2);
    expect(scheduler.entry(2)?.state).toBe("limited");
    lun.nowMs += 1000;
    expect(scheduler.entry(1)?.state).toBe("limited");
    lun.enqueue(3);
    expect(scheduler.entry(1)?.state).toBe("waiting");
    expect(scheduler.entry(4)).toBeUndefined();
  });

  it("holds nobody else up, also a VM with 0 shares", () => {
    const disk = diskWith({ perSecond: 1000 });
    disk.scheduler.setEntry(1, { limit: { commandsPerSecond: 100 } }, 0);
    disk.scheduler.setEntry(2, { shares: 0 }, 0);
    for (const vm of [1, 2]) disk.start(vm);
    disk.run(10_000);
    const [one = 0, two = 0] = disk.rates([1, 2], 10_000);
    expect(Math.abs(one - 100)).toBeLessThanOrEqual(2);
    expect(one + two).toBeGreaterThanOrEqual(998);
  });

  it("is not charged for a command that comes back", () => {
    const lun = new Lun({ limitBurstMs: 0 });
    lun.scheduler.setEntry(1, { limit: { bytesPerSecond: 1000 } }, 0);
    lun.enqueue(1, { lengthBytes: 500 });
    lun.enqueue(1, { lengthBytes: 500 });
    for (let round = 0; round < 4; round++) {
      const command = lun.scheduler.next(0);
      expect(command).toBeDefined();
      expect(lun.scheduler.next(0)).toBeUndefined();
      expect(lun.scheduler.nextAt(0)).toBe(500);
      if (command !== undefined) lun.scheduler.requeue(command, 0);
    }
    lun.serve();
    expect(lun.serve()).toBeUndefined();
    expect(lun.scheduler.nextAt(0)).toBe(500);
  });

  it("can be set, changed and taken away while its VM has reached it", () => {
    const lun = new Lun({ limitBurstMs: 0 });
    const { scheduler } = lun;
    lun.saturate(1);
    scheduler.setEntry(1, { limit: { commandsPerSecond: 1 } }, 0);
    lun.serve();
    expect(lun.serve()).toBeUndefined();
    // What it had too much stays one command.
    scheduler.setEntry(1, { limit: { commandsPerSecond: 10 } }, 0);
    expect(lun.serve()).toBeUndefined();
    expect(scheduler.nextAt(0)).toBe(100);
    // Nothing of it is bytes.
    scheduler.setEntry(1, { limit: { bytesPerSecond: 4096 } }, 0);
    expect(lun.serve()?.vm).toBe(1);
    expect(lun.serve()).toBeUndefined();
    expect(scheduler.nextAt(0)).toBe(1000);
    scheduler.setEntry(1, { limit: null }, 0);
    expect(lun.serve()?.vm).toBe(1);
    expect(scheduler.nextAt(0)).toBe(Infinity);
  });

  it("holds where callers read the clock at slightly different times", () => {
    const lun = new Lun();
    lun.scheduler.setEntry(1, { limit: { commandsPerSecond: 1000 } }, 0);
    lun.saturate(1);
    let served = 0;
    for (; lun.nowMs < 10_000; lun.nowMs++) {
      while (lun.scheduler.next(lun.nowMs) !== undefined) {
        served++;
        lun.nowMs--; // What comes in was seen a moment ago.
        lun.enqueue(1);
        lun.nowMs++;
      }
    }
    expect(served).toBeGreaterThanOrEqual(9950);
    expect(served).toBeLessThanOrEqual(10_060);
  });

  it("holds for minima, too", () => {
    const lun = new Lun({ limitBurstMs: 0 });
    setShares(lun, { 1: 1_000_000, 2: 1 });
    lun.scheduler.setEntry(2, { limit: { commandsPerSecond: 0.2 } }, 0);
    lun.saturate(1);
    lun.saturate(2);
    lun.run(60_000, 1000);
    expect(lun.take([2])[0]).toBeLessThanOrEqual(13);
  });

  it("in bytes counts a flush as 4 KiB", () => {
    const lun = new Lun({ limitBurstMs: 0 });
    lun.scheduler.setEntry(1, { limit: { bytesPerSecond: 40_960 } }, 0);
    for (let count = 0; count < 100; count++) lun.enqueue(1, { lengthBytes: 0 });
    let served = 0;
    for (; lun.nowMs < 1000; lun.nowMs++) while (lun.serve() !== undefined) served++;
    expect(served).toBe(10);
  });

  it("ends a run of sequential commands", () => {
    const lun = new Lun({ limitBurstMs: 0 });
    lun.scheduler.setEntry(1, { limit: { commandsPerSecond: 1 } }, 0);
    lun.saturate(1, { sequential: true });
    lun.serve();
    lun.saturate(2);
    lun.serveMany(20);
    expect(lun.units[1]).toBe(1);
  });

  it("goes before the guarantee where they are in different units", () => {
    const disk = diskWith({ perSecond: 1000 });
    disk.scheduler.setEntry(
      1,
      { guarantee: { commandsPerSecond: 500 }, limit: { bytesPerSecond: 409_600 } },
      0,
    );
    for (const vm of [1, 2]) disk.start(vm);
    disk.run(10_000);
    const [one = 0] = disk.rates([1], 10_000);
    expect(Math.abs(one - 100)).toBeLessThanOrEqual(2);
    expect(disk.scheduler.entry(1)?.unmetMs).toBe(0);
  });
});

describe("a clock that steps", () => {
  /** What VM 1 gets in 3 s beside VM 2 if the scheduler's clock steps before them; the disk's own does not. */
  function afterStep(stepMs: number, settings: EntrySettings): number {
    const disk = diskWith({ perSecond: 1000 });
    disk.scheduler.setEntry(1, settings, 0);
    for (const vm of [1, 2]) disk.start(vm);
    disk.run(5000);
    disk.forget();
    disk.skewMs = stepMs;
    disk.run(3000);
    const [one = 0] = disk.rates([1], 3000);
    return one * 3;
  }

  it.each([-3_600_000, -1, 3_600_000])(
    "by %i ms moves no tag of limits and guarantees by more than an interval",
    (stepMs) => {
      expect(Math.abs(afterStep(stepMs, { limit: { commandsPerSecond: 200 } }) - 600)).toBeLessThanOrEqual(
        12,
      );
      const guaranteed = afterStep(stepMs, { shares: 1, guarantee: { commandsPerSecond: 300 } });
      expect(guaranteed).toBeGreaterThanOrEqual(890);
      expect(guaranteed).toBeLessThanOrEqual(900 + 310);
    },
  );
});
