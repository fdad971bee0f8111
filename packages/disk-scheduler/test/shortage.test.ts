import { Command, type Path } from "@fairlead/core";
import { describe, expect, it } from "vitest";
import type { DiskSchedulerOptions } from "../src/index.js";
import { diskWith } from "./disk.js";
import { Lun, setShares } from "./harness.js";

function path(at: number, pendingCommands: number): Path {
  const fixed = {
    state: "active",
    pendingBytes: 0,
    completedBytes: 0,
    completedCommands: 0,
    busyMs: 0,
  } as const;
  return { id: `vmhba${at}:0:1`, ...fixed, share: 1, pendingCommands };
}

/** VM 1 uses 15 % of the LUN, VM 2 with a higher priority 40 %, VM 3 the rest; entitled to 20, 40 and 40 %. */
function atFifteenPercent(priority = 7): Lun {
  const lun = new Lun();
  setShares(lun, { 1: 1000, 2: 2000, 3: 2000 });
  lun.scheduler.setEntry(2, { priority }, 0);
  lun.saturate(2);
  lun.saturate(3);
  lun.scheduler.pathsChanged([path(0, 9), path(1, 9)], 1, 0);
  let nextArrivalMs = 0;
  lun.run(10_000, 1000, () => {
    for (; nextArrivalMs <= lun.nowMs; nextArrivalMs += 1000 / 150) lun.enqueue(1);
  });
  while (lun.scheduler.entry(1)?.queuedCommands) lun.serve();
  return lun;
}

/** Whether one more command of VM 1 goes within the next 20 decisions. */
function goes(lun: Lun): boolean {
  lun.enqueue(1);
  for (let count = 0; count < 20; count++) if (lun.serve()?.vm === 1) return true;
  return false;
}

describe("a path fails", () => {
  it("and 15 % of use of an entitlement of 20 % count as 30 %: the next request is queued [0110]", () => {
    const lun = atFifteenPercent();
    expect(goes(lun)).toBe(true);
    // 15 % are 17.6 % now, and then 30 %.
    lun.scheduler.pathsChanged([path(0, 9), path(1, 9)], 0.85, lun.nowMs);
    expect(goes(lun)).toBe(true);
    lun.scheduler.pathsChanged([path(0, 9), path(1, 9)], 0.5, lun.nowMs);
    expect(goes(lun)).toBe(false);
    expect(lun.scheduler.entry(1)?.state).toBe("deferred");
    // The path is back, and 15 % are 15 %.
    lun.scheduler.pathsChanged([path(0, 9), path(1, 9)], 1, lun.nowMs);
    expect(lun.scheduler.entry(1)?.state).toBe("waiting");
    expect(goes(lun)).toBe(true);
  });

  it("and what the LUN gives is measured anew: a VM below its part goes on", () => {
    const lun = atFifteenPercent();
    lun.scheduler.pathsChanged([path(0, 9), path(1, 9)], 0.5, lun.nowMs);
    lun.take([]);
    let nextArrivalMs = lun.nowMs;
    lun.run(20_000, 500, () => {
      for (; nextArrivalMs <= lun.nowMs; nextArrivalMs += 1000 / 150) lun.enqueue(1);
    });
    const [one = 0, two = 0, three = 0] = lun.take([1, 2, 3]);
    // It asks for 30 %, and gets its 20; VM 3, outranked and entitled to 40, gets these too.
    const all = one + two + three;
    expect(one / all).toBeGreaterThan(0.17);
    expect(one / all).toBeLessThan(0.23);
    expect(three / all).toBeGreaterThan(0.35);
  });

  it("and nobody is deferred while a path has no backlog, or among equals [0109]", () => {
    const goesWith = (lun: Lun, pending: readonly [number, number]) => {
      const [first, second] = pending;
      lun.scheduler.pathsChanged([path(0, first), path(1, second)], 0.5, lun.nowMs);
      return goes(lun);
    };
    expect(goesWith(atFifteenPercent(), [9, 8])).toBe(false);
    expect(goesWith(atFifteenPercent(), [9, 7])).toBe(true);
    expect(goesWith(atFifteenPercent(5), [9, 9])).toBe(true);
  });

  it("and a path that comes back after there was none compares with what there was before", () => {
    const lun = atFifteenPercent();
    lun.scheduler.pathsChanged([], 0, lun.nowMs);
    lun.scheduler.pathsChanged([path(0, 9), path(1, 9)], 0.5, lun.nowMs);
    expect(goes(lun)).toBe(false);
  });

  it("and with none left nobody is deferred by use", () => {
    const lun = atFifteenPercent();
    lun.scheduler.pathsChanged([path(0, 9)], 0.5, lun.nowMs);
    lun.scheduler.pathsChanged([], 0, lun.nowMs);
    expect(goes(lun)).toBe(true);
  });

  it("and commands that came back are no use", () => {
    const lun = atFifteenPercent();
    lun.enqueue(1);
    for (let bounces = 0; bounces < 2000; bounces++) {
      const command = lun.scheduler.next(lun.nowMs);
      if (command?.vm === 1) lun.scheduler.requeue(command, lun.nowMs);
      else if (command !== undefined) {
        lun.scheduler.completed(command, lun.nowMs);
        lun.enqueue(command.vm);
      }
    }
    lun.scheduler.pathsChanged([path(0, 9), path(1, 9)], 0.9, lun.nowMs);
    expect(lun.scheduler.entry(1)?.state).toBe("waiting");
  });

  it("and a guarantee goes before none as a higher priority does", () => {
    const lun = atFifteenPercent(5);
    lun.scheduler.setEntry(2, { guarantee: { commandsPerSecond: 1 } }, lun.nowMs);
    lun.scheduler.pathsChanged([path(0, 9), path(1, 9)], 0.5, lun.nowMs);
    lun.enqueue(1);
    expect(lun.scheduler.entry(1)?.state).toBe("deferred");
    lun.scheduler.setEntry(1, { guarantee: { commandsPerSecond: 0.001 } }, lun.nowMs);
    expect(lun.scheduler.entry(1)?.state).toBe("waiting");
  });
});

/** One path is left; VM 1 has priority 3, VM 2 has 8. Both always have commands waiting. */
function onePath(pendingCommands: number, options: DiskSchedulerOptions = {}): Lun {
  const lun = new Lun(options);
  lun.scheduler.setEntry(1, { shares: 5000, priority: 3 }, 0);
  lun.scheduler.setEntry(2, { shares: 100, priority: 8 }, 0);
  lun.saturate(1, { sequential: true });
  lun.saturate(2);
  lun.scheduler.pathsChanged([path(0, pendingCommands)], 0.5, 0);
  return lun;
}

describe("one path is left", () => {
  it("and has a backlog: the VM with the lower priority is queued while the other is active [0109]", () => {
    const lun = onePath(8);
    lun.serveMany(200);
    expect(lun.take([1, 2])).toEqual([0, 200]);
    expect(lun.scheduler.entry(1)?.state).toBe("deferred");
    expect(lun.scheduler.entry(2)?.state).toBe("waiting");
  });

  it("and has none: shares decide", () => {
    const lun = onePath(7);
    lun.serveMany(510);
    expect(Math.abs((lun.take([2])[0] ?? 0) - 10)).toBeLessThanOrEqual(1);
    expect(lun.scheduler.entry(1)?.state).toBe("waiting");
  });

  it("and room for a few commands only: half of it is a backlog", () => {
    const lun = onePath(4);
    lun.scheduler.pathsChanged([path(0, 4)], 1, 0, 8);
    lun.serveMany(100);
    expect(lun.take([1])).toEqual([0]);
    lun.scheduler.pathsChanged([path(0, 3)], 1, 0, 8);
    lun.serveMany(510);
    expect(lun.take([1])[0]).toBeGreaterThan(10);
    // Backlogs are never more than `backlogCommands`.
    lun.scheduler.pathsChanged([path(0, 8)], 1, 0, 64);
    lun.serveMany(100);
    expect(lun.take([1])).toEqual([0]);
  });

  it("also where it always was the only one", () => {
    const lun = onePath(8);
    lun.scheduler.pathsChanged([path(0, 8)], 1, 0);
    lun.serveMany(100);
    expect(lun.take([1])).toEqual([0]);
  });

  it("or two are: what matters then is use, and capacity, not priority alone", () => {
    const lun = onePath(8);
    lun.scheduler.pathsChanged([path(0, 8), path(1, 8)], 1, 0);
    lun.serveMany(510);
    expect(lun.take([2])[0]).toBeLessThanOrEqual(12);
  });

  it("and `backlogCommands` says what a backlog is, while commands wait", () => {
    const lun = onePath(8, { backlogCommands: 9 });
    lun.serveMany(100);
    expect(lun.take([1])[0]).toBeGreaterThan(90);
    lun.scheduler.configure({ backlogCommands: 3 });
    lun.serveMany(100);
    expect(lun.take([1])[0]).toBeLessThanOrEqual(0);
    lun.scheduler.pathsChanged([path(0, 2)], 0.5, 0);
    lun.serveMany(100);
    expect(lun.take([1])[0]).toBeGreaterThan(90);
  });

  it("and nothing is lost or starved: a deferred VM has its minimum, also with a `floor` of 0", () => {
    for (const floor of [0.01, 0]) {
      const lun = onePath(8, { floor });
      lun.run(20_000, 1000);
      const [one = 0] = lun.take([1]);
      expect(one).toBeGreaterThanOrEqual(18);
      expect(one).toBeLessThanOrEqual(200);
    }
  });

  it("and a change of priority or of the paths is in force at the next decision", () => {
    const lun = onePath(8);
    lun.serveMany(10);
    lun.scheduler.setEntry(1, { priority: 8 }, 0);
    expect(lun.serve()?.vm).toBe(1);
    lun.scheduler.setEntry(1, { priority: 7 }, 0);
    expect(lun.serve()?.vm).toBe(2);
    lun.scheduler.pathsChanged([path(0, 8), path(1, 8)], 1, 0);
    expect(lun.serve()?.vm).toBe(1);
    lun.scheduler.pathsChanged([path(0, 8)], 0.5, 0);
    expect(lun.serve()?.vm).toBe(2);
    lun.scheduler.pathsChanged([], 0, 0);
    expect(lun.serve()?.vm).toBe(1);
  });

  it("and a VM that was deferred for long is owed `rangeUnits` when that ends, and no more", () => {
    const lun = onePath(8);
    setShares(lun, { 1: 1000, 2: 1000 });
    lun.serveMany(5000);
    lun.take([]);
    lun.scheduler.pathsChanged([path(0, 8), path(1, 8)], 1, 0);
    lun.serveMany(1000);
    const [one = 0, two = 0] = lun.take([1, 2]);
    expect(one - two).toBeGreaterThanOrEqual(64 - 10);
    expect(one - two).toBeLessThanOrEqual(64 + 10);
  });

  it("and a VM with 0 shares goes where it is the others that are deferred", () => {
    const lun = onePath(8);
    lun.scheduler.setEntry(2, { shares: 0 }, 0);
    lun.serveMany(100);
    expect(lun.take([1, 2])).toEqual([0, 100]);
  });

  it("and a VM that took the number of another has nothing of its priority", () => {
    const lun = new Lun();
    lun.scheduler.setEntry(1, { priority: 5 }, 0);
    lun.scheduler.setEntry(2, { priority: 9 }, 0);
    lun.scheduler.setEntry(3, { priority: 8 }, 0);
    lun.saturate(1);
    lun.enqueue(2);
    while (lun.serve()?.vm !== 2);
    lun.scheduler.removeEntry(2);
    lun.enqueue(4);
    lun.saturate(3);
    lun.scheduler.pathsChanged([path(0, 9)], 1, 0);
    lun.order.length = 0;
    lun.serveMany(50);
    expect(new Set(lun.order)).toEqual(new Set([3]));
  });

  it("and while everything waits for a completion, `nextAt` is an interval ahead at most", () => {
    const lun = onePath(8);
    lun.stop(2);
    lun.serveMany(2);
    expect(lun.serve()).toBeUndefined();
    expect(lun.scheduler.nextAt(lun.nowMs)).toBe(1000);
    // What VM 2 has outstanding keeps it active, however long that takes.
    lun.scheduler.enqueue(Object.assign(new Command(), { vm: 2, lengthBytes: 4096 }), 0);
    const command = lun.scheduler.next(0);
    expect(command?.vm).toBe(2);
    lun.nowMs = 900;
    expect(lun.serve()).toBeUndefined();
    if (command !== undefined) lun.scheduler.completed(command, lun.nowMs);
    // Its minimum.
    lun.nowMs = 1899;
    expect(lun.serve()?.vm).toBe(1);
    expect(lun.serve()).toBeUndefined();
    lun.nowMs = 1900;
    expect(lun.serve()?.vm).toBe(1);
  });

  it("and the LUN is used to the full: the low VM fills the path up to the backlog", () => {
    const disk = diskWith({ perSecond: 1000, room: 32 });
    disk.scheduler.setEntry(1, { priority: 3 }, 0);
    disk.scheduler.setEntry(2, { priority: 8 }, 0);
    disk.start(1, { depth: 64 });
    disk.start(2, { depth: 3 });
    disk.setPaths(1, 0.5);
    disk.run(2000);
    disk.forget();
    disk.run(10_000);
    const [one = 0, two = 0] = disk.rates([1, 2], 10_000);
    expect(one + two).toBeGreaterThanOrEqual(499);
    // 8 are outstanding, 3 of which are VM 2's, where 32 would be.
    expect(two / (one + two)).toBeGreaterThan(0.3);
  });
});

describe("the quantum", () => {
  it("ends early for a VM above its part while capacity has shrunk and another has a higher priority or a guarantee [0111]", () => {
    for (const [settings, capacity, runsOn] of [
      [{ priority: 7 }, 0.5, false],
      [{ guarantee: { commandsPerSecond: 1 } }, 0.5, false],
      [{ priority: 7 }, 1, true],
      [{}, 0.5, true],
    ] as const) {
      const lun = new Lun({ quantum: 1000 });
      setShares(lun, { 1: 1000, 2: 4000 });
      lun.scheduler.setEntry(2, settings, 0);
      lun.saturate(1, { sequential: true });
      // VM 2 is active, but has nothing waiting most of the time.
      let nextArrivalMs = 0;
      lun.run(5500, 1000, () => {
        for (; nextArrivalMs <= lun.nowMs; nextArrivalMs += 50) lun.enqueue(2);
      });
      lun.saturate(2);
      lun.order.length = 0;
      // Without a backlog: nobody is deferred.
      lun.scheduler.pathsChanged([path(0, 0), path(1, 0)], capacity, lun.nowMs);
      lun.serveMany(40);
      const ofTwo = lun.order.filter((vm) => vm === 2).length;
      if (runsOn) expect(ofTwo).toBe(0);
      else expect(ofTwo).toBeGreaterThan(20);
    }
  });

  it("goes on for a VM that is below its part, or has the highest priority itself", () => {
    for (const [priority, perSecond, runsOn] of [
      [3, 50, true],
      [3, 400, false],
      [8, 400, true],
    ] as const) {
      const lun = new Lun({ quantum: 1000 });
      setShares(lun, { 1: 1000, 2: 1000, 3: 3000 });
      lun.scheduler.setEntry(1, { priority }, 0);
      lun.scheduler.setEntry(2, { priority: 7 }, 0);
      for (const vm of [2, 3]) lun.saturate(vm);
      let nextArrivalMs = 0;
      lun.run(5500, 1000, () => {
        for (; nextArrivalMs <= lun.nowMs; nextArrivalMs += 1000 / perSecond)
          lun.enqueue(1, { sequential: true });
      });
      lun.saturate(1, { sequential: true });
      while (lun.serve()?.vm !== 1);
      lun.order.length = 0;
      lun.scheduler.pathsChanged([path(0, 0), path(1, 0)], 0.6, lun.nowMs);
      lun.serveMany(40);
      const ofOne = lun.order.filter((vm) => vm === 1).length;
      if (runsOn) expect(ofOne).toBe(40);
      else expect(ofOne).toBeLessThan(20);
    }
  });
});

describe("what the LUN gives", () => {
  /** VM 1 and VM 2, who has a higher priority and asks for 100/s, have the same shares; VM 3 is of no account. */
  function measured(): Lun {
    const lun = new Lun();
    setShares(lun, { 1: 1000, 2: 1000 });
    lun.scheduler.setEntry(2, { priority: 8 }, 0);
    lun.scheduler.pathsChanged([path(0, 9), path(1, 9)], 1, 0);
    lun.saturate(1);
    runBesideTwo(lun, 6000, 1000);
    return lun;
  }

  function runBesideTwo(lun: Lun, durationMs: number, unitsPerSecond: number, each = () => {}): void {
    let nextArrivalMs = lun.nowMs;
    lun.run(durationMs, unitsPerSecond, () => {
      for (; nextArrivalMs <= lun.nowMs; nextArrivalMs += 10) lun.enqueue(2);
      each();
    });
  }

  it("is not what is left when somebody is deferred", () => {
    const lun = measured();
    lun.scheduler.pathsChanged([path(0, 9), path(1, 9)], 0.5, lun.nowMs);
    runBesideTwo(lun, 5000, 500);
    lun.take([]);
    runBesideTwo(lun, 10_000, 500);
    // Half of the 500 that one path gives, not half of what they use together.
    const [one = 0] = lun.take([1]);
    expect(one).toBeGreaterThan(2200);
    expect(one).toBeLessThan(2900);
  });

  it("is not what is asked for while there is room", () => {
    const lun = measured();
    lun.stop(1);
    let nextArrivalMs = lun.nowMs;
    runBesideTwo(lun, 6000, 1000, () => {
      for (; nextArrivalMs <= lun.nowMs; nextArrivalMs += 5) lun.enqueue(1);
    });
    // 200 of 1000 are 40 % of half of it, and not two thirds of everything.
    lun.scheduler.pathsChanged([path(0, 9), path(1, 9)], 0.5, lun.nowMs);
    lun.enqueue(1);
    expect(lun.scheduler.entry(1)?.state).toBe("waiting");
  });

  it("is not what came while it stood still", () => {
    const lun = measured();
    lun.stop(1);
    lun.nowMs += 60_000;
    lun.serveMany(2);
    let nextArrivalMs = lun.nowMs;
    runBesideTwo(lun, 2500, 1000, () => {
      for (; nextArrivalMs <= lun.nowMs; nextArrivalMs += 4) lun.enqueue(1);
    });
    lun.scheduler.pathsChanged([path(0, 9), path(1, 9)], 0.6, lun.nowMs);
    lun.enqueue(1);
    expect(lun.scheduler.entry(1)?.state).toBe("waiting");
  });

  it("is judged VM by VM: one that has not used too much any more does not wait for one that has", () => {
    const lun = new Lun({ rangeUnits: 1e6, catchUp: 20 });
    lun.scheduler.setEntry(3, { priority: 8 }, 0);
    lun.enqueue(1);
    for (const vm of [2, 3]) lun.saturate(vm);
    lun.run(10_000, 1000);
    // VM 1 takes nearly everything for a second, and is owed more: its virtual time is the lowest.
    lun.saturate(1);
    lun.run(1000, 1000);
    lun.scheduler.pathsChanged([path(0, 9), path(1, 9)], 0.5, lun.nowMs);
    lun.take([]);
    lun.run(2000, 500);
    expect(lun.take([1, 2])).toEqual([1, 1]);
    lun.run(400, 500);
    // VM 2 had used less, and is let go before VM 1.
    const [one = 0, two = 0] = lun.take([1, 2]);
    expect(two).toBeGreaterThan(2.5 * one);
  });

  it("falls where the disk has become slower", () => {
    const lun = measured();
    setShares(lun, { 1: 10_000 });
    runBesideTwo(lun, 6000, 300);
    setShares(lun, { 1: 1000 });
    // VM 1 has 200 of 300, and of the 1000 that there were a fifth.
    lun.scheduler.pathsChanged([path(0, 9), path(1, 9)], 0.99, lun.nowMs);
    lun.enqueue(1);
    expect(lun.scheduler.entry(1)?.state).toBe("deferred");
  });

  it("does not spiral down with those that are deferred", () => {
    const disk = diskWith({ perSecond: 1000, room: 32 });
    disk.scheduler.setEntry(1, { priority: 3 }, 0);
    disk.scheduler.setEntry(2, { priority: 8 }, 0);
    disk.start(1, { depth: 64 });
    disk.start(2, { perSecond: 100 });
    disk.run(5000);
    disk.setPaths(2, 0.5);
    disk.run(10_000);
    disk.forget();
    disk.run(20_000);
    const [one = 0, two = 0] = disk.rates([1, 2], 20_000);
    expect(two).toBeGreaterThanOrEqual(99);
    // 16 are outstanding at least, so the disk is never idle, and what VM 2 leaves is VM 1's.
    expect(one).toBeGreaterThanOrEqual(395);
  });

  it("makes no difference where no VM is before another: decisions are the same with any capacity", () => {
    const orders = [1, 0.5].map((capacity) => {
      const lun = new Lun();
      setShares(lun, { 1: 100, 2: 200, 3: 0, 4: 50 });
      for (const vm of [1, 2, 3, 4]) lun.saturate(vm, { sequential: vm < 3 });
      lun.scheduler.pathsChanged([path(0, 20)], capacity, 0);
      lun.run(5000, 1000);
      return lun.order;
    });
    expect(orders[0]).toEqual(orders[1]);
  });
});
