import { admissionSuite } from "@fairlead/compliance";
import { type EntrySettings, OptionError } from "@fairlead/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type StrictPriorityOptions, strictPriority } from "../src/index.js";
import { Crowd, commandOf } from "./crowd.js";

admissionSuite({ describe, it }, () => strictPriority(), { limits: false, guarantees: false });

function crowdOf(priorities: readonly number[], options: StrictPriorityOptions = {}): Crowd {
  const crowd = new Crowd(strictPriority(options));
  for (const [vm, priority] of priorities.entries()) crowd.policy.setEntry(vm, { priority }, 0);
  return crowd;
}

describe("strict priority", () => {
  it("gives the command of the highest priority that waits, whatever the order of arrival [0093]", () => {
    const law = (priorities: number[], lengths: number[]) => {
      const { policy } = crowdOf(priorities, { floor: 0 });
      const waiting = priorities.map(() => 0);
      for (const [at, lengthBytes] of lengths.entries()) {
        const vm = at % priorities.length;
        policy.enqueue(commandOf(vm, lengthBytes), 0);
        waiting[vm]!++;
        if (at % 3 !== 0) continue;
        const given = policy.next(0)!;
        const highest = Math.max(...priorities.filter((_, candidate) => waiting[candidate]! > 0));
        expect(priorities[given.vm]).toBe(highest);
        waiting[given.vm]!--;
      }
    };
    const priorities = fc.array(fc.nat(10), { minLength: 2, maxLength: 14 });
    const lengths = fc.array(fc.constantFrom(0, 512, 4096, 65536, 1 << 20), { minLength: 40, maxLength: 90 });
    fc.assert(fc.property(priorities, lengths, law), { seed: 11, numRuns: 60 });
  });

  it("lets equal ones take turns by units: who sends large commands sends fewer of them", () => {
    const crowd = crowdOf([7, 7, 7, 7, 7, 7, 2], { floor: 0 });
    const lengths = [4096, 65536, 4096, 262144, 8192, 512, 4096];
    for (const [vm, lengthBytes] of lengths.entries()) crowd.saturate(vm, lengthBytes);
    for (let count = 0; count < 8000; count++) crowd.serve();
    const units = crowd.take([0, 1, 2, 3, 4, 5, 6]);
    expect(units[6]).toBe(0);
    for (const had of units.slice(0, 6)) expect(Math.abs(had - units[0]!)).toBeLessThanOrEqual(2 * 64);
  });

  it("does not owe an equal one for the time in which it was idle", () => {
    const crowd = crowdOf([4, 4]);
    crowd.saturate(0);
    for (let count = 0; count < 500; count++) crowd.serve();
    crowd.saturate(1);
    crowd.take([]);
    for (let count = 0; count < 100; count++) crowd.serve();
    for (const had of crowd.take([0, 1])) expect(Math.abs(had - 50)).toBeLessThanOrEqual(1);
  });

  it("serves the lower ones as soon as nobody above them waits", () => {
    const crowd = crowdOf([9, 3]);
    crowd.saturate(0);
    crowd.saturate(1);
    for (let count = 0; count < 30; count++) crowd.serve();
    crowd.stop(0);
    crowd.take([]);
    for (let count = 0; count < 42; count++) crowd.serve();
    expect(crowd.take([0, 1])).toEqual([2, 40]);
  });

  it("keeps the clock of the turns where a command comes back", () => {
    const crowd = crowdOf([5, 5, 5]);
    const large = commandOf(0, 1 << 20);
    crowd.policy.enqueue(large, 0);
    crowd.policy.next(0);
    crowd.saturate(2);
    for (let count = 0; count < 300; count++) crowd.serve();
    crowd.policy.requeue(large, 0);
    expect(crowd.policy.next(0)).toBe(large);
    // Not from where the large one stood, 256 units below the others.
    crowd.saturate(1);
    crowd.take([]);
    for (let count = 0; count < 100; count++) crowd.serve();
    for (const had of crowd.take([1, 2])) expect(Math.abs(had - 50)).toBeLessThanOrEqual(2);
  });

  it("forgives nothing to a VM whose priority is changed to and fro", () => {
    const crowd = crowdOf([5, 5], { floor: 0 });
    crowd.policy.enqueue(commandOf(0, 1 << 20), 0);
    crowd.serve();
    crowd.saturate(0);
    crowd.saturate(1);
    for (const priority of [6, 5]) crowd.policy.setEntry(0, { priority }, 0);
    crowd.take([]);
    for (let count = 0; count < 250; count++) crowd.serve();
    expect(crowd.take([0, 1])).toEqual([0, 250]);
  });

  it("obeys a priority that is changed while commands wait", () => {
    const crowd = crowdOf([9, 3, 6], { floor: 0 });
    for (const vm of [0, 1, 2]) crowd.saturate(vm, 16384);
    for (let count = 0; count < 50; count++) crowd.serve();
    expect(crowd.take([0, 1, 2])).toEqual([200, 0, 0]);
    crowd.policy.setEntry(0, { priority: 6 }, 0);
    for (let count = 0; count < 50; count++) crowd.serve();
    // It had 200 units where it was, ahead of nobody; beside its new equal it begins anew.
    for (const had of crowd.take([0, 2])) expect(Math.abs(had - 100)).toBeLessThanOrEqual(4);
    crowd.policy.setEntry(1, { priority: 10 }, 0);
    for (let count = 0; count < 50; count++) crowd.serve();
    expect(crowd.take([0, 1, 2])).toEqual([0, 200, 0]);
  });
});

describe("the floor", () => {
  it.each([0.01, 0.1])(
    "gives %d of all units to those below, in turns by priority and then by VM",
    (floor) => {
      const crowd = crowdOf([9, 5, 2, 2, 0, 9], { floor });
      const lengths = [4096, 4096, 65536, 4096, 8192, 262144];
      for (const [vm, lengthBytes] of lengths.entries()) crowd.saturate(vm, lengthBytes);
      while ((crowd.units[0] ?? 0) < 100_000) crowd.serve();
      const [first, second, third, fourth, fifth, sixth] = crowd.take([0, 1, 2, 3, 4, 5]) as Six;
      const below = second + third + fourth + fifth;
      expect(below / (first + sixth + below)).toBeCloseTo(floor, 3);
      // Three priorities below, one of which has two VMs.
      expect(second / below).toBeCloseTo(1 / 3, 1);
      expect(fifth / below).toBeCloseTo(1 / 3, 1);
      expect(third / below).toBeCloseTo(1 / 6, 1);
      expect(fourth / below).toBeCloseTo(1 / 6, 1);
    },
  );

  it("is saved up to one unit only while nobody below waits", () => {
    const crowd = crowdOf([9, 1], { floor: 0.01 });
    crowd.saturate(0);
    for (let count = 0; count < 5000; count++) crowd.serve();
    crowd.saturate(1);
    crowd.take([]);
    for (let count = 0; count < 90; count++) crowd.serve();
    expect(crowd.take([1])).toEqual([1]);
  });

  it("is not spent by a command that comes back", () => {
    const crowd = crowdOf([9, 1, 2], { floor: 0.01 });
    crowd.saturate(0);
    crowd.saturate(1, 1 << 20);
    crowd.saturate(2);
    for (let bounces = 0; bounces < 6; ) {
      const command = crowd.policy.next(0)!;
      if (command.vm === 1) {
        bounces++;
        crowd.policy.requeue(command, 0);
        // Due still, although 256 units at 1 % would keep it back for 25,600, and make it the other one's turn.
        expect(crowd.policy.next(0)).toBe(command);
        crowd.policy.requeue(command, 0);
      } else crowd.policy.enqueue(command, 0);
    }
    expect(crowd.policy.entry(1)).toMatchObject({ consumedUnits: 0, virtualTime: 0, queuedCommands: 2 });
  });

  it("owes nothing to a priority for the time in which nobody of it waited", () => {
    const crowd = crowdOf([9, 2, 1], { floor: 0.1 });
    crowd.saturate(0);
    crowd.saturate(1);
    while ((crowd.units[1] ?? 0) < 300) crowd.serve();
    crowd.saturate(2);
    crowd.take([]);
    for (let count = 0; count < 1000; count++) crowd.serve();
    for (const had of crowd.take([1, 2])) expect(Math.abs(had - 50)).toBeLessThanOrEqual(2);
  });

  it("gets nothing back for a command that went by its rank", () => {
    const crowd = crowdOf([9, 1], { floor: 0.01 });
    crowd.saturate(0);
    const command = commandOf(1, 1 << 20);
    crowd.policy.enqueue(command, 0);
    while (crowd.serve() !== command);
    crowd.stop(0);
    crowd.serve();
    crowd.serve();
    crowd.policy.enqueue(command, 0);
    expect(crowd.policy.next(0)).toBe(command);
    crowd.policy.requeue(command, 0);
    crowd.saturate(0);
    crowd.take([]);
    for (let count = 0; count < 5000; count++) crowd.serve();
    expect(crowd.take([0, 1])).toEqual([5000, 0]);
  });

  it("of 0 lets nobody through, also where it is set while something was owed", () => {
    const policy = strictPriority({ floor: 0.5 });
    const crowd = new Crowd(policy);
    policy.setEntry(0, { priority: 9 }, 0);
    crowd.saturate(0);
    for (let count = 0; count < 10; count++) crowd.serve();
    policy.configure({ floor: 0 });
    crowd.saturate(1);
    for (let count = 0; count < 2000; count++) crowd.serve();
    expect(crowd.take([0, 1])).toEqual([2010, 0]);
  });
});

describe("requeue", () => {
  it("gives the cost back, so that its VM is next among its equals", () => {
    const crowd = crowdOf([5, 5]);
    const large = commandOf(0, 1 << 20);
    crowd.policy.enqueue(large, 0);
    expect(crowd.policy.next(0)).toBe(large);
    crowd.saturate(1);
    for (let count = 0; count < 20; count++) crowd.serve();
    crowd.policy.requeue(large, 0);
    expect(crowd.policy.next(0)).toBe(large);
    expect(crowd.policy.entry(0)?.consumedUnits).toBe(256);
  });

  it("of its only command leaves it beside its equals, which went on meanwhile", () => {
    const crowd = crowdOf([5, 5]);
    crowd.policy.enqueue(commandOf(0), 0);
    const command = crowd.policy.next(0)!;
    crowd.saturate(1);
    for (let count = 0; count < 500; count++) crowd.serve();
    crowd.policy.requeue(command, 0);
    crowd.saturate(0);
    crowd.take([]);
    for (let count = 0; count < 100; count++) crowd.serve();
    for (const had of crowd.take([0, 1])) expect(Math.abs(had - 50)).toBeLessThanOrEqual(2);
  });

  it("of a command whose entry is gone charges and refunds nothing", () => {
    const { policy } = crowdOf([5, 5]);
    policy.enqueue(commandOf(0, 65536), 0);
    const command = policy.next(0)!;
    policy.removeEntry(0);
    policy.requeue(command, 0);
    expect(policy.entry(0)).toMatchObject({ consumedUnits: 0, virtualTime: 0, queuedCommands: 1 });
    // Nor of one whose VM got a new entry.
    policy.next(0);
    policy.removeEntry(0);
    policy.setEntry(0, {}, 0);
    policy.requeue(command, 0);
    expect(policy.entry(0)?.consumedUnits).toBe(0);
  });
});

describe("entries", () => {
  it("tell what was set, what decides nothing here too, and who is outranked", () => {
    const { policy } = crowdOf([8, 3]);
    const settings = { shares: 250, quantum: 3, latencyCritical: true };
    policy.setEntry(1, settings, 0);
    const told = { ...settings, guarantee: null, limit: null, unmetMs: 0 };
    expect(policy.entry(1)).toMatchObject({ ...told, priority: 3, state: "idle" });
    policy.enqueue(commandOf(1), 0);
    expect(policy.entry(1)).toMatchObject({ state: "waiting", queuedCommands: 1 });
    policy.enqueue(commandOf(0), 0);
    expect([0, 1].map((vm) => policy.entry(vm)?.state)).toEqual(["waiting", "deferred"]);
    policy.next(0);
    expect([0, 1].map((vm) => policy.entry(vm)?.state)).toEqual(["idle", "waiting"]);
  });

  it("of a removed VM stay where they are set again before its queue ends", () => {
    const { policy } = crowdOf([8]);
    policy.enqueue(commandOf(0), 0);
    policy.removeEntry(0);
    policy.setEntry(0, { priority: 7 }, 0);
    policy.next(0);
    expect(policy.entry(0)?.priority).toBe(7);
  });

  it("of a removed VM go on at priority 5 and end with what is queued", () => {
    const crowd = crowdOf([9, 5, 9], { floor: 0 });
    for (const vm of [0, 1, 1, 0]) crowd.policy.enqueue(commandOf(vm), 0);
    crowd.policy.removeEntry(0);
    crowd.saturate(2);
    crowd.serve();
    expect(crowd.order).toEqual([2]);
    crowd.stop(2);
    for (let count = 0; count < 6; count++) crowd.serve();
    expect(crowd.order.slice(0, 3)).toEqual([2, 2, 2]);
    expect([0, 1, 2].map((vm) => crowd.units[vm])).toEqual([2, 2, 3]);
    expect(crowd.policy.entry(0)).toBeUndefined();
    expect(crowd.policy.entry(1)).toBeDefined();
  });
});

const BAD_SETTINGS: [name: string, values: unknown[]][] = [
  ["priority", [-1, 11, 2.5, Number.NaN, "5"]],
  ["shares", [-1, 1_000_001, Number.NaN, "1000"]],
  ["quantum", [0, -1, 1.5, Number.NaN, "8"]],
  ["latencyCritical", [1, "true", null]],
  ["guarantee", [{ bytesPerSecond: 1 }, 5]],
  ["limit", [{ commandsPerSecond: 100 }, 0]],
];

describe("what is refused", () => {
  it.each(BAD_SETTINGS)("a bad %s of an entry, with nothing changed", (name, values) => {
    const { policy } = crowdOf([3]);
    const before = policy.entry(0);
    for (const value of values) {
      const settings = { priority: 4, [name]: value } as EntrySettings;
      expect(() => policy.setEntry(0, settings, 0)).toThrow(new RegExp(`option ${name} must be`));
      expect(() => policy.setEntry(1, settings, 0)).toThrow(OptionError);
    }
    expect(policy.entry(0)).toEqual(before);
    expect(policy.entry(1)).toBeUndefined();
    policy.setEntry(0, { guarantee: null, limit: null, quantum: null }, 0);
  });

  it("names that do not exist", () => {
    const policy = strictPriority();
    expect(() => policy.setEntry(1, { prio: 3 } as EntrySettings, 0)).toThrow(/no option "prio"/);
    expect(() => policy.setEntry(-1, {}, 0)).toThrow(/option vm must be/);
  });
});

it("counts units of another size for commands that come later", () => {
  const policy = strictPriority({ unitBytes: 8192 });
  policy.enqueue(commandOf(0, 65536), 0);
  policy.configure({ unitBytes: 65536 });
  policy.enqueue(commandOf(0, 65536), 0);
  expect([policy.next(0)?.units, policy.next(0)?.units]).toEqual([8, 1]);
  expect(policy.settings).toEqual({ floor: 0.01, unitBytes: 65536 });
});

it("hands over what it drains and starts anew with it", () => {
  const { policy } = crowdOf([1, 9, 4]);
  for (let count = 0; count < 21; count++) policy.enqueue(commandOf(count % 3), 0);
  let visits = 0;
  policy.drain((command) => {
    visits++;
    policy.enqueue(command, 0);
  });
  expect(visits).toBe(21);
  expect(policy.queuedCommands).toBe(21);
  expect(policy.next(0)?.vm).toBe(1);
  expect(policy.nextAt(0)).toBe(Infinity);
});

type Six = [number, number, number, number, number, number];
