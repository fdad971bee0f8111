import { Command, OptionError } from "@fairlead/core";
import { describe, expect, it } from "vitest";
import { Lun, setShares } from "./harness.js";

describe("entries", () => {
  it("serve VM ids from 0 to a million, and refuse what is none", () => {
    const lun = new Lun();
    const vms = [0, 1, 63, 64, 65, 4095, 4096, 1_000_000];
    for (const vm of vms) lun.enqueue(vm);
    lun.serveMany(vms.length);
    expect(lun.order.toSorted((left, right) => left - right)).toEqual(vms);
    for (const vm of [-1, 1.5, 2 ** 24, Number.NaN]) {
      const command = new Command();
      command.vm = vm;
      expect(() => lun.scheduler.enqueue(command, 0)).toThrow(OptionError);
      expect(() => lun.scheduler.setEntry(vm, {}, 0)).toThrow(/vm must be a whole number from 0 to 16777215/);
    }
    expect(lun.scheduler.queuedCommands).toBe(0);
  });

  it("share one number again after a removal, with nothing left over from the VM before", () => {
    const lun = new Lun();
    setShares(lun, { 5: 77 });
    lun.enqueue(5, { lengthBytes: 1 << 20 });
    lun.serve();
    lun.scheduler.removeEntry(5);
    expect(lun.scheduler.entry(5)).toBeUndefined();
    lun.enqueue(6);
    expect(lun.scheduler.entry(6)).toMatchObject({
      shares: 1000,
      queuedCommands: 1,
      consumedUnits: 0,
      virtualTime: 0,
    });
    expect(lun.scheduler.entry(5)).toBeUndefined();
  });

  it("share one number again, and not the place of the VM before", () => {
    const lun = new Lun();
    lun.saturate(1);
    lun.enqueue(2, { lengthBytes: 65536 });
    lun.serveMany(3);
    // It waits, but not in front, and is cancelled there.
    lun.scheduler.cancel(lun.enqueue(2));
    lun.scheduler.removeEntry(2);
    lun.scheduler.configure({ sharesDefault: 0 });
    lun.enqueue(3);
    lun.order.length = 0;
    lun.serveMany(50);
    // VM 1 has shares, VM 3 has none.
    expect(new Set(lun.order)).toEqual(new Set([1]));
  });

  it("of a removed VM go on under the default shares until nothing is queued, unless they are set again", () => {
    const lun = new Lun();
    setShares(lun, { 1: 5000, 2: 1000 });
    for (let count = 0; count < 100; count++) {
      lun.enqueue(1);
      lun.enqueue(2);
    }
    lun.scheduler.removeEntry(1);
    lun.serveMany(100);
    const [one = 0, two = 0] = lun.take([1, 2]);
    expect(Math.abs(one - two)).toBeLessThanOrEqual(2);
    lun.serveMany(100);
    expect(lun.scheduler.entry(1)).toBeUndefined();
    expect(lun.scheduler.entry(2)?.consumedUnits).toBe(100);

    lun.enqueue(1);
    lun.scheduler.removeEntry(1);
    lun.scheduler.setEntry(1, {}, 0);
    lun.serve();
    expect(lun.scheduler.entry(1)?.shares).toBe(1000);
  });

  it("of a removed VM end with a cancelled or a drained queue as well", () => {
    const lun = new Lun();
    for (const end of [
      (command: Command) => lun.scheduler.cancel(command),
      () => lun.scheduler.drain(() => {}),
    ]) {
      const command = lun.enqueue(1);
      lun.scheduler.removeEntry(1);
      expect(lun.scheduler.entry(1)?.queuedCommands).toBe(1);
      end(command);
      expect(lun.scheduler.entry(1)).toBeUndefined();
      // The next one with its number stays.
      lun.enqueue(6);
      lun.serve();
      expect(lun.scheduler.entry(6)?.consumedUnits).toBe(1);
      lun.scheduler.removeEntry(6);
    }
  });

  it("are not charged for a command that comes back after their removal", () => {
    const lun = new Lun();
    const command = lun.enqueue(1);
    lun.serve();
    lun.scheduler.removeEntry(1);
    lun.scheduler.requeue(command, 0);
    expect(lun.scheduler.entry(1)).toMatchObject({ queuedCommands: 1, consumedUnits: 0, virtualTime: 0 });
    expect(lun.serve()).toBe(command);
  });
});

describe("requeue", () => {
  it("keeps the split, however often commands of one VM come back", () => {
    const lun = new Lun();
    lun.saturate(1);
    lun.saturate(2);
    const sent = [0, 0, 0];
    for (let bounces = 0; sent[1]! + sent[2]! < 2000; ) {
      const command = lun.scheduler.next(0)!;
      if (command.vm === 1 && bounces < 4) {
        bounces++;
        lun.scheduler.requeue(command, 0);
        continue;
      }
      if (command.vm === 1) bounces = 0;
      sent[command.vm]!++;
      lun.enqueue(command.vm);
    }
    expect(Math.abs(sent[1]! - sent[2]!)).toBeLessThanOrEqual(2);
  });

  it("puts its VM where it stood, ahead of those that went on meanwhile", () => {
    const lun = new Lun();
    setShares(lun, { 1: 1000, 2: 1000 });
    const large = lun.enqueue(1, { lengthBytes: 100 * 4096 });
    lun.serve();
    lun.saturate(2);
    lun.serveMany(20);
    lun.enqueue(1);
    lun.scheduler.requeue(large, 0);
    // Without the refund VM 2 would go 80 times more.
    expect(lun.serve()).toBe(large);
  });
});

describe("virtual time", () => {
  it("is as fine after 2^53 units as at the start", () => {
    const lun = new Lun({ unitBytes: 1, rangeUnits: 0 });
    setShares(lun, { 1: 2, 2: 1 });
    for (let count = 0; count < 8; count++) lun.enqueue(1, { lengthBytes: 2 ** 50 });
    for (let count = 0; count < 4; count++) lun.enqueue(2, { lengthBytes: 2 ** 50 });
    lun.serveMany(12);
    lun.take([]);
    lun.saturate(1, { lengthBytes: 1 });
    lun.saturate(2, { lengthBytes: 1 });
    lun.serveMany(3000);
    const [one = 0, two = 0] = lun.take([1, 2]);
    expect(Math.abs(one - 2000)).toBeLessThanOrEqual(3);
    expect(Math.abs(two - 1000)).toBeLessThanOrEqual(3);
    // And is told as one sum all the same.
    expect(lun.scheduler.entry(1)?.virtualTime).toBeGreaterThan(2 ** 51);
  });

  it("holds the split of a million shares over many rebases, and remembers who slept", () => {
    const lun = new Lun({ unitBytes: 1, rangeUnits: 1000 });
    setShares(lun, { 1: 1_000_000, 2: 333_333, 3: 1000, 4: 0, 5: 0 });
    lun.saturate(4, { lengthBytes: 100_000 });
    lun.saturate(5, { lengthBytes: 100_000 });
    lun.serveMany(100);
    const [four = 0, five = 0] = lun.take([4, 5]);
    expect(Math.abs(four - five)).toBeLessThanOrEqual(100_000);
    lun.enqueue(3, { lengthBytes: 1 });
    for (const vm of [1, 2]) lun.saturate(vm, { lengthBytes: 2 ** 36 });
    lun.serveMany(40_000);
    const [one = 0, two = 0] = lun.take([1, 2]);
    expect(one / two).toBeCloseTo(3, 2);
    lun.stop(1);
    lun.stop(2);
    lun.serveMany(4);
    setShares(lun, { 6: 1000 });
    lun.saturate(3, { lengthBytes: 1 });
    lun.saturate(6, { lengthBytes: 1 });
    lun.take([]);
    lun.serveMany(8000);
    const [slept = 0, fresh = 0] = lun.take([3, 6]);
    expect(slept - fresh).toBeGreaterThanOrEqual(998);
    expect(slept - fresh).toBeLessThanOrEqual(1002);
    lun.stop(3);
    lun.stop(6);
    lun.serveMany(4);
    // The rebases were of the others' virtual time, not of those without shares.
    setShares(lun, { 7: 0 });
    lun.saturate(7, { lengthBytes: 100_000 });
    lun.take([]);
    lun.serveMany(300);
    for (const units of lun.take([4, 5, 7])) expect(Math.abs(units - 1e7)).toBeLessThanOrEqual(2e5);
  });
});

describe("drain", () => {
  it("lets a successor go on where it stopped, VM by VM", () => {
    const lun = new Lun();
    const successor = new Lun().scheduler;
    const commands = Array.from({ length: 20 }, (_, count) => lun.enqueue(count % 3));
    lun.scheduler.drain((command) => {
      expect(command.next).toBeNull();
      successor.enqueue(command, 0);
    });
    expect(successor.queuedCommands).toBe(20);
    const served: Command[] = [];
    for (let command = successor.next(0); command !== undefined; command = successor.next(0))
      served.push(command);
    for (const vm of [0, 1, 2]) {
      expect(served.filter((command) => command.vm === vm)).toEqual(
        commands.filter((command) => command.vm === vm),
      );
    }
  });

  it("may hand a command back to the very policy that is drained", () => {
    const lun = new Lun();
    for (let count = 0; count < 6; count++) lun.enqueue(count % 2);
    let visits = 0;
    lun.scheduler.drain((command) => {
      visits++;
      lun.scheduler.enqueue(command, 0);
    });
    expect(visits).toBe(6);
    expect(lun.scheduler.queuedCommands).toBe(6);
  });
});

it("has nothing to wait for: nextAt is Infinity, since something goes while anything is queued", () => {
  const lun = new Lun();
  expect(lun.scheduler.nextAt(0)).toBe(Infinity);
  lun.enqueue(1);
  expect(lun.scheduler.nextAt(0)).toBe(Infinity);
});

it("divides a LUN alike over whatever paths", () => {
  const lun = new Lun();
  setShares(lun, { 1: 2000, 2: 1000 });
  lun.saturate(1);
  lun.saturate(2);
  lun.scheduler.pathsChanged([], 0.5, 0);
  lun.serveMany(300);
  expect(lun.take([1, 2])).toEqual([200, 100]);
});
