import { describe, expect, it } from "vitest";
import { type Load, Lun } from "./harness.js";

/** Lengths of the runs in which VM 1 was served, beside VM 2. */
function runsOf(lun: Lun, load: Load, decisions = 200): number[] {
  lun.saturate(1, load);
  lun.saturate(2);
  lun.serveMany(decisions);
  const runs: number[] = [];
  let length = 0;
  for (const vm of lun.order) {
    if (vm === 1) length++;
    else if (length > 0) {
      runs.push(length);
      length = 0;
    }
  }
  return runs;
}

describe("quantum", () => {
  it("lets a VM go on for 8 sequential commands, and then the others catch up [0090]", () => {
    const lun = new Lun();
    const runs = runsOf(lun, { sequential: true });
    expect(new Set(runs.slice(1))).toEqual(new Set([8]));
    expect(Math.abs((lun.units[1] ?? 0) - (lun.units[2] ?? 0))).toBeLessThanOrEqual(8);
  });

  it("ends at once where a command is not sequential", () => {
    expect(Math.max(...runsOf(new Lun(), {}))).toBeLessThanOrEqual(2);
  });

  it("is as long as `quantum` says, from the next decision on", () => {
    const lun = new Lun({ quantum: 3 });
    expect(new Set(runsOf(lun, { sequential: true }).slice(1))).toEqual(new Set([3]));
    lun.scheduler.configure({ quantum: 1 });
    lun.serveMany(6);
    lun.order.length = 0;
    lun.serveMany(100);
    expect(lun.order.join("")).not.toContain("111");
  });

  it("cuts a run that is going on when `quantum` is made smaller", () => {
    const lun = new Lun({ quantum: 1000 });
    lun.saturate(1, { sequential: true });
    lun.serveMany(10);
    lun.saturate(2);
    expect(lun.serve()?.vm).toBe(1);
    lun.scheduler.configure({ quantum: 2 });
    lun.order.length = 0;
    lun.serveMany(4);
    expect(lun.order).toContain(2);
  });

  it("counts a gap of `sequentialBytes` as sequential, in either direction, and a byte more not", () => {
    for (const [gapBytes, sequential] of [
      [1_024_000, true],
      [1_024_001, false],
      [-1_024_000, true],
      [-1_024_001, false],
    ] as const) {
      const lun = new Lun();
      const [first, second] = [lun.enqueue(1), lun.enqueue(1)];
      first.offsetBytes = 2 ** 41;
      second.offsetBytes = first.offsetBytes + first.lengthBytes + gapBytes;
      expect(lun.serve()).toBe(first);
      // Now VM 2 is due, unless the run goes on.
      lun.enqueue(2);
      expect(lun.serve() === second).toBe(sequential);
    }
    const lun = new Lun({ sequentialBytes: 2e7, quantum: 5 });
    for (const length of runsOf(lun, {}).slice(1)) expect(length % 5).toBe(0);
  });

  it("goes on after a flush where it was before it", () => {
    const lun = new Lun();
    lun.enqueue(1, { sequential: true });
    const flush = lun.enqueue(1, { lengthBytes: 0, sequential: true });
    flush.offsetBytes = 0;
    lun.serveMany(2);
    lun.enqueue(2);
    lun.enqueue(1);
    expect(lun.serve()?.vm).toBe(1);
  });

  it("ends at a command without data, which comes after nothing on the LUN", () => {
    const lun = new Lun();
    for (let count = 0; count < 3; count++) {
      const flush = lun.enqueue(1, { lengthBytes: 0, sequential: true });
      flush.offsetBytes = 0;
    }
    for (let count = 0; count < 3; count++) lun.enqueue(2);
    lun.serveMany(6);
    expect(lun.order.join("")).not.toMatch(/111|222/);
  });

  it("is not handed on to the VM that takes the number of one that was removed", () => {
    let others = 0;
    for (let round = 0; round < 40; round++) {
      const lun = new Lun({ quantum: 1000 });
      // Equals fall another way after another number of commands.
      for (let count = 0; count < round; count++) lun.enqueue(9);
      lun.serveMany(round);
      lun.saturate(1, { sequential: true });
      lun.serveMany(5);
      lun.stop(1);
      lun.serveMany(2);
      lun.scheduler.removeEntry(1);
      // VM 3 takes it, and goes on where VM 1 stopped.
      lun.enqueue(3).offsetBytes = 2 ** 40;
      lun.enqueue(2);
      if (lun.serve()?.vm === 2) others++;
    }
    expect(others).toBeGreaterThan(5);
  });
});
