import { type AdmissionPolicy, type Command, OptionError } from "@fairlead/core";
import { strictPriority } from "@fairlead/disk-scheduler";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { guardedAdmission } from "../src/index.js";
import { flawed, METHODS, WAYS } from "./broken-admission.js";
import { Driver } from "./guarded-driver.js";
import { ConfigurableQueue, Queue } from "./queue.js";

/** A sound queue with some methods of somebody's own. */
function queueWith(methods: object): Queue {
  return Object.assign(new Queue("odd"), methods);
}

/** Calls each method at least once, with more than five commands of unequal size. */
function useAll(driver: Driver): void {
  for (let n = 0; n < 9; n++) driver.enqueue(n % 4, 512 * (n + 1));
  driver.policy.setEntry(1, { shares: 500 }, driver.nowMs);
  driver.policy.setEntry(2, { shares: 100, priority: 9 }, driver.nowMs);
  driver.policy.entry(1);
  driver.next();
  driver.next();
  driver.requeue();
  driver.policy.nextAt(driver.nowMs);
  driver.complete();
  driver.cancel(3);
  driver.setPaths(["vmhba1:0:1"]);
  driver.policy.removeEntry(2);
  driver.drain();
  driver.exhaust();
}

describe("a policy that fails", () => {
  it.each(METHODS)("by throwing in %s is replaced at once, loses nothing and is asked no more", (method) => {
    const broken = flawed({ way: "throws", method, from: method === "pathsChanged" ? 1 : 0 });
    const driver = new Driver(broken);
    useAll(driver);
    expect(driver.given).toHaveLength(8); // Nine, one of which was cancelled.
    expect(driver.events).toMatchObject([
      {
        kind: "admission-fault",
        severity: "error",
        subject: "naa.1",
        reason: `flawed: ${method} threw broken`,
        inputs: { policy: "flawed", method },
      },
      {
        kind: "admission-replaced",
        reason: `flawed failed: ${method} threw broken; disk-scheduler takes its place`,
        inputs: { from: "flawed", to: "disk-scheduler", method },
      },
    ]);
    expect(driver.policy.name).toBe("disk-scheduler");
  });

  it.each(METHODS)(
    "by being asynchronous in %s is replaced, and its rejection ends nothing",
    async (method) => {
      const driver = new Driver(flawed({ way: "rejects", method, from: 0 }));
      useAll(driver);
      expect(driver.given).toHaveLength(8);
      expect(driver.told("admission-fault")[0]?.reason).toBe(
        `flawed: ${method} answered a promise, which nobody waits for`,
      );
      await new Promise(setImmediate); // An unhandled rejection would fail the run here.
    },
  );

  it.each<[string, unknown, string]>([
    [
      "a function",
      Object.assign(() => {}, {
        toString: () => {
          throw new Error("no");
        },
      }),
      "threw a function",
    ],
    [
      "an error whose message can't be read",
      Object.defineProperty(new Error("x"), "message", {
        get() {
          throw new Error("no");
        },
      }),
      "threw something that can't be described",
    ],
    [
      "a proxy",
      new Proxy(
        {},
        {
          getPrototypeOf() {
            throw new Error("no");
          },
        },
      ),
      "threw something that can't be looked at",
    ],
    ["nothing", undefined, "threw undefined"],
    ["a long text with an escape", `\u001b[2J${"x".repeat(5000)}`, `threw  [2J${"x".repeat(196)}`],
  ])("is told of in few words though it throws %s", (_, thrown, words) => {
    const driver = new Driver(
      queueWith({
        next() {
          throw thrown;
        },
      }),
    );
    for (let n = 0; n < 7; n++) driver.enqueue(n);
    driver.exhaust();
    expect(driver.told("admission-fault")[0]?.reason).toBe(`odd: next ${words}`);
  });

  it.each<[string, unknown, string]>([
    ["5", 5, "answered 5, which is no command that is queued here"],
    ["null", null, "answered null, which is no command that is queued here"],
    ["an object", {}, "answered an object, which is no command that is queued here"],
  ])("by giving %s is replaced", (_, answer, words) => {
    const driver = new Driver(queueWith({ next: () => answer }));
    for (let n = 0; n < 7; n++) driver.enqueue(n);
    driver.exhaust();
    expect(driver.told("admission-fault")[0]?.reason).toBe(`odd: next ${words}`);
  });

  it("by counting what it has given is replaced, and the command that it gave just then is not lost", () => {
    const queue = new Queue();
    let outstanding = 0;
    const policy = queueWith({
      enqueue: (command: Command) => queue.enqueue(command),
      next: () => {
        outstanding++;
        return queue.next(0);
      },
    });
    Object.defineProperty(policy, "queuedCommands", { get: () => queue.queuedCommands + outstanding });
    const driver = new Driver(policy);
    for (let n = 0; n < 7; n++) driver.enqueue(n);
    driver.exhaust();
    expect(driver.given).toHaveLength(7);
    expect(driver.told("admission-fault")[0]?.reason).toBe("odd: next left queuedCommands at 7, expected 6");
  });

  it("by keeping what it has handed over is replaced, and what it visits later is nobody's", () => {
    const kept: Command[] = [];
    let late = (): void => {};
    const policy = queueWith({
      enqueue: (command: Command) => kept.push(command),
      next: () => undefined,
      drain: (visit: (command: Command) => void) => {
        late = () => kept.forEach(visit);
        late();
      },
    });
    Object.defineProperty(policy, "queuedCommands", { get: () => kept.length });
    const driver = new Driver(policy);
    for (let n = 0; n < 7; n++) driver.enqueue(n);
    driver.drain();
    late();
    driver.exhaust();
    expect(driver.given).toHaveLength(7);
    expect(driver.told("admission-fault")[0]?.reason).toBe("odd: drain left queuedCommands at 7, expected 0");
  });

  it("by throwing at a completion is replaced by one that is told of that completion", () => {
    const next = new Queue();
    const driver = new Driver(flawed({ way: "throws", method: "completed", from: 0 }), {
      successor: () => next,
    });
    const commands = [1, 2, 3, 4, 5, 6].map((vm) => driver.enqueue(vm));
    driver.next();
    driver.complete();
    expect(next.completions).toEqual([commands[0]]);
    driver.exhaust();
  });

  it("hands on everything oldest first, what was requeued before the rest", () => {
    const driver = new Driver(flawed({ way: "throws", method: "cancel", from: 0 }), {
      successor: () => new Queue("behind"),
    });
    const commands = [1, 2, 1, 3, 1, 2, 4].map((vm) => driver.enqueue(vm));
    driver.next();
    driver.next();
    driver.requeue();
    driver.requeue();
    driver.cancel(4); // By the driver's own count: the third that is left.
    const left = commands.filter((command) => driver.queued.has(command));
    expect(left).toHaveLength(6);
    driver.exhaust();
    expect(driver.given).toEqual(left);
  });

  it("is succeeded by one that knows the paths and the levels of service, as they are then", () => {
    const next = new Queue("next");
    let refused = 0;
    const driver = new Driver(flawed({ way: "throws", method: "entry", from: 9 }), {
      successor: () => next,
    });
    for (let vm = 1; vm <= 6; vm++) driver.policy.setEntry(vm, { shares: 10 * vm }, 1);
    driver.policy.setEntry(2, { priority: 9 }, 1);
    driver.policy.removeEntry(5);
    driver.policy.pathsChanged([], 0.25, 2);
    while (driver.policy.name === "flawed" && refused++ < 9) driver.policy.entry(1);
    expect([...next.entries]).toEqual([
      [1, { shares: 10 }],
      [2, { shares: 20, priority: 9 }],
      [3, { shares: 30 }],
      [4, { shares: 40 }],
      [6, { shares: 60 }],
    ]);
    expect(next.capacities).toEqual([0.25]);
  });

  it("is succeeded also by one that refuses a level, which is told", () => {
    const driver = new Driver(flawed({ way: "throws", method: "next", from: 2 }), {
      successor: () => strictPriority(),
    });
    driver.policy.setEntry(7, { limit: { bytesPerSecond: 1000 } }, 1);
    for (let n = 0; n < 6; n++) driver.enqueue(n);
    driver.exhaust();
    expect(driver.told("entry-refused")).toMatchObject([{ subject: "naa.1", inputs: { vm: 7 } }]);
    expect(driver.policy.name).toBe("strict-priority");
  });

  it("is succeeded by one queue for all where no successor can be made", () => {
    const driver = new Driver(flawed({ way: "throws", method: "entry", from: 0 }), {
      successor() {
        throw new Error("out of stock");
      },
    });
    useAll(driver);
    expect(driver.policy.name).toBe("first-come");
    expect(driver.told("admission-replaced")[0]?.reason).toContain(
      "first-come takes its place, since its successor could not be made: out of stock",
    );
  });

  it("is succeeded by the next of a list, which is guarded too", () => {
    const driver: Driver = new Driver(flawed({ way: "throws", method: "next", from: 7 }), {
      successor: () =>
        guardedAdmission(flawed({ way: "gives twice", method: "next", from: 12 }), {
          name: "second",
          team: "naa.1",
          successor: () => new Queue("third"),
          onEvent: (event) => driver.events.push(event),
        }),
    });
    for (let n = 0; n < 12; n++) driver.enqueue(n % 5);
    driver.exhaust();
    expect(driver.given).toHaveLength(12);
    expect(driver.told("admission-replaced").map(({ inputs }) => [inputs?.from, inputs?.to])).toEqual([
      ["flawed", "second"],
      ["second", "third"],
    ]);
  });
});

it("nothing is lost or given twice, however and whenever a policy breaks", () => {
  const step = fc.constantFrom(
    "enqueue",
    "enqueue",
    "next",
    "next",
    "requeue",
    "complete",
    "cancel",
    "drain",
    "paths",
    "entry",
    "set",
    "remove",
    "nextAt",
    "wait",
  );
  const replaced = new Set<string>();
  fc.assert(
    fc.property(
      fc.constantFrom(...WAYS),
      fc.constantFrom(...METHODS),
      fc.nat(25),
      fc.array(fc.tuple(step, fc.nat(40)), { minLength: 10, maxLength: 60 }),
      (way, method, from, steps) => {
        const driver = new Driver(flawed({ way, method, from }));
        let [enqueued, cancelled] = [0, 0];
        for (const [kind, n] of steps) {
          const { policy, nowMs } = driver;
          if (kind === "enqueue") {
            enqueued++;
            driver.enqueue(n % 6, 512 * n);
          } else if (kind === "next") driver.next();
          else if (kind === "requeue") driver.requeue();
          else if (kind === "complete") driver.complete();
          else if (kind === "cancel") {
            cancelled += Math.min(1, driver.queued.size);
            driver.cancel(n);
          } else if (kind === "drain") driver.drain();
          else if (kind === "paths") driver.setPaths(["a", "b", "c"].slice(n % 3));
          else if (kind === "entry") policy.entry(n % 6);
          else if (kind === "set") policy.setEntry(n % 6, { shares: n * 10 + 1 }, nowMs);
          else if (kind === "remove") policy.removeEntry(n % 6);
          else if (kind === "nextAt") policy.nextAt(nowMs);
          else driver.nowMs += n * 50;
        }
        driver.exhaust();
        expect(new Set(driver.given).size).toBe(driver.given.length);
        expect(driver.given).toHaveLength(enqueued - cancelled);
        if (driver.told("admission-replaced").length > 0) replaced.add(way);
      },
    ),
    { seed: 12, numRuns: 600 },
  );
  expect([...replaced].toSorted()).toEqual(WAYS.toSorted());
});

describe("what a policy sees of a command", () => {
  it("is a copy: what it does to it reaches no command", () => {
    const seen: object[] = [];
    const spoil = (command: Command) => {
      seen.push({
        vm: command.vm,
        op: command.op,
        lengthBytes: command.lengthBytes,
        priority: command.priority,
      });
      Object.assign(command, {
        op: "read",
        lengthBytes: 1,
        offsetBytes: 0,
        vm: 99,
        data: null,
        next: command,
      });
    };
    class Spoiling extends Queue {
      override enqueue(command: Command): void {
        super.enqueue(command);
        spoil(command);
      }
      override completed(command: Command): void {
        spoil(command);
      }
    }
    const driver = new Driver(new Spoiling());
    const commands = Array.from({ length: 6 }, (_, n) => driver.enqueue(n, 512 * (n + 1)));
    driver.exhaust();
    while (driver.outstanding.length > 0) driver.complete();
    commands.forEach((command, n) => {
      expect(command).toMatchObject({ vm: n, op: "write", lengthBytes: 512 * (n + 1), next: null });
      expect(seen[n]).toEqual({ vm: n, op: "write", lengthBytes: 512 * (n + 1), priority: 5 });
    });
    expect(driver.events).toEqual([]);
  });

  it("stays the same one from enqueue over requeue to its completion", () => {
    const queue = new Queue();
    const seen: Command[][] = [];
    const record = (command: Command) => (seen.at(-1) ?? []).push(command);
    const policy = queueWith({
      enqueue(command: Command) {
        seen.push([command]);
        queue.enqueue(command);
      },
      next: () => queue.next(0),
      requeue(command: Command) {
        record(command);
        queue.requeue(command);
      },
      completed: record,
    });
    Object.defineProperty(policy, "queuedCommands", { get: () => queue.queuedCommands });
    const driver = new Driver(policy);
    driver.enqueue(1);
    driver.next();
    driver.requeue();
    driver.next();
    driver.complete();
    const [tickets = []] = seen;
    expect(tickets).toHaveLength(3);
    expect(new Set(tickets).size).toBe(1);
    expect(driver.events).toEqual([]);
  });
});

describe("a policy that gives nothing although nothing is outstanding", () => {
  const never = (nextAt: (nowMs: number) => number) => queueWith({ next: () => undefined, nextAt });

  /** As a LUN does: asks again when the policy says. */
  function ask(driver: Driver, untilMs: number): number {
    let asked = 0;
    while (driver.nowMs < untilMs && driver.policy.name === "odd") {
      asked++;
      if (driver.next() !== undefined) break;
      driver.nowMs = Math.min(untilMs, driver.policy.nextAt(driver.nowMs));
    }
    return asked;
  }

  it.each<[string, (nowMs: number) => number, number]>([
    ["names no time", () => Number.POSITIVE_INFINITY, 3],
    ["names times gone by", () => 0, 502],
    ["names now", (nowMs) => nowMs, 502],
    ["names a time soon, again and again", (nowMs) => nowMs + 100, 53],
  ])("and %s is replaced after five seconds", (_, nextAt, askedMax) => {
    const driver = new Driver(never(nextAt));
    for (let n = 0; n < 7; n++) driver.enqueue(n);
    const startMs = driver.nowMs;
    const asked = ask(driver, startMs + 4999);
    expect(driver.policy.name).toBe("odd");
    expect(asked + ask(driver, startMs + 5200)).toBeLessThanOrEqual(askedMax);
    expect(driver.told("admission-fault")[0]?.reason).toBe(
      "odd: next gave nothing for 5000 ms although 7 commands are queued and none is outstanding",
    );
    driver.exhaust();
    expect(driver.given).toHaveLength(7);
  });

  it("is not replaced before the time that it names, which has to come, nor after it has given something", () => {
    let fromMs = 60_000;
    const queue = new Queue("odd");
    const policy = queueWith({
      enqueue: (command: Command) => queue.enqueue(command),
      next: (nowMs: number) => (nowMs < fromMs ? undefined : queue.next(0)),
      nextAt: () => fromMs,
    });
    Object.defineProperty(policy, "queuedCommands", { get: () => queue.queuedCommands });
    const driver = new Driver(policy);
    for (let n = 0; n < 6; n++) driver.enqueue(n);
    for (; driver.nowMs < 59_000; driver.nowMs += 1000) {
      expect(driver.next()).toBeUndefined();
      expect(driver.policy.nextAt(driver.nowMs)).toBe(60_000);
    }
    driver.nowMs = 60_000;
    expect(driver.next()).toBeDefined();
    driver.complete();
    fromMs = 120_000;
    driver.nowMs = 66_000;
    expect(driver.next()).toBeUndefined();
    expect(driver.policy.nextAt(driver.nowMs)).toBe(120_000);
    expect(driver.events).toEqual([]);
  });

  it.each(["gave something", "had something outstanding"])("has five seconds anew once it %s", (what) => {
    const queue = new Queue("odd");
    let open = false;
    const policy = queueWith({
      enqueue: (command: Command) => queue.enqueue(command),
      next: () => (open ? queue.next(0) : undefined),
      nextAt: () => Number.POSITIVE_INFINITY,
    });
    Object.defineProperty(policy, "queuedCommands", { get: () => queue.queuedCommands });
    const driver = new Driver(policy);
    for (let n = 0; n < 7; n++) driver.enqueue(n);
    const wait = (nowMs: number): number => {
      driver.nowMs = nowMs;
      expect(driver.next()).toBeUndefined();
      return driver.policy.nextAt(nowMs);
    };
    expect(wait(1000)).toBe(6000);
    if (what === "gave something") {
      open = true;
      driver.next();
      driver.complete();
      open = false;
    } else {
      const counters = { pendingBytes: 9, pendingCommands: 1, completedBytes: 0, completedCommands: 0 };
      driver.policy.pathsChanged([{ id: "a", state: "active", ...counters, busyMs: 0, share: 1 }], 1, 2000);
      expect(wait(3000)).toBe(Number.POSITIVE_INFINITY);
      driver.setPaths(["a"]);
    }
    expect(wait(5500)).toBe(10_500);
    expect(wait(10_499)).toBe(10_500);
    expect(driver.events).toEqual([]);
    driver.nowMs = 10_500;
    expect(driver.next()).toBeDefined();
    expect(driver.told("admission-replaced")).toHaveLength(1);
  });

  it.each(["given by it", "given by an earlier one"])(
    "is not replaced while a command is outstanding, %s",
    (whose) => {
      const queue = new Queue("odd");
      let open = true;
      const policy = queueWith({
        enqueue: (command: Command) => queue.enqueue(command),
        next: () => (open ? queue.next(0) : undefined),
        nextAt: () => Number.POSITIVE_INFINITY,
      });
      Object.defineProperty(policy, "queuedCommands", { get: () => queue.queuedCommands });
      const driver = new Driver(policy);
      for (let n = 0; n < 7; n++) driver.enqueue(n);
      if (whose === "given by it") driver.next();
      else {
        const counters = { pendingBytes: 9, pendingCommands: 1, completedBytes: 0, completedCommands: 0 };
        driver.policy.pathsChanged([{ id: "a", state: "active", ...counters, busyMs: 0, share: 1 }], 1, 0);
      }
      open = false;
      for (let n = 0; n < 10; n++) {
        expect(driver.next()).toBeUndefined();
        expect(driver.policy.nextAt(driver.nowMs)).toBe(Number.POSITIVE_INFINITY);
        driver.nowMs += 1000;
      }
      expect(driver.events).toEqual([]);
    },
  );

  it("is asked again after ten milliseconds where it names a time gone by and something is outstanding", () => {
    const driver = new Driver(queueWith({ nextAt: () => 5 }));
    for (let n = 0; n < 6; n++) driver.enqueue(n);
    driver.next();
    expect(driver.policy.nextAt(2000)).toBe(2010);
  });

  it("is replaced at once where its time is no number", () => {
    const driver = new Driver(never(() => Number.NaN));
    for (let n = 0; n < 6; n++) driver.enqueue(n);
    expect(driver.next()).toBeUndefined();
    expect(driver.policy.nextAt(2000)).toBe(2000);
    expect(driver.told("admission-fault")[0]?.reason).toBe("odd: nextAt answered NaN, expected a time");
    driver.exhaust();
  });
});

describe("what a policy answers of an entry", () => {
  const sound = new Queue().entry.call(Object.assign(new Queue(), { entries: new Map([[1, {}]]) }), 1);

  it("is passed on, as a copy", () => {
    const driver = new Driver(queueWith({ entry: () => sound }));
    expect(driver.policy.entry(1)).toEqual(sound);
    expect(driver.policy.entry(1)).not.toBe(sound);
    const rates = { ...sound, guarantee: { bytesPerSecond: 5 }, limit: { commandsPerSecond: 6 }, quantum: 7 };
    expect(new Driver(queueWith({ entry: () => rates })).policy.entry(1)).toEqual(rates);
    expect(new Driver(queueWith({ entry: () => undefined })).policy.entry(1)).toBeUndefined();
  });

  it.each<[string, unknown]>([
    ["answered 7, expected an object or undefined", 7],
    ["answered null, expected an object or undefined", null],
    ["answered a shares of NaN, expected a finite number", { ...sound, shares: Number.NaN }],
    ["answered a priority of 5, expected a finite number", { ...sound, priority: "5" }],
    [
      "answered a consumedUnits of undefined, expected a finite number",
      { ...sound, consumedUnits: undefined },
    ],
    ["answered a unmetMs of Infinity, expected a finite number", { ...sound, unmetMs: Infinity }],
    ["answered a state of busy, expected idle, waiting, limited or deferred", { ...sound, state: "busy" }],
    ["answered a latencyCritical of 1, expected true or false", { ...sound, latencyCritical: 1 }],
    ["answered a limit of an object, expected null or a rate", { ...sound, limit: {} }],
    [
      "answered a guarantee of NaN, expected a finite number",
      { ...sound, guarantee: { bytesPerSecond: NaN } },
    ],
  ])("replaces it where it %s", (words, answer) => {
    const driver = new Driver(queueWith({ entry: () => answer }));
    for (let n = 0; n < 6; n++) driver.enqueue(1);
    expect(driver.policy.entry(1)?.queuedCommands).toBe(6); // Of the successor.
    expect(driver.told("admission-fault")[0]?.reason).toBe(`odd: entry ${words}`);
  });
});

describe("a refusal", () => {
  it("of a level of service or an option is no fault, and is for whoever wanted it", () => {
    const driver = new Driver(new ConfigurableQueue());
    expect(() => driver.policy.setEntry(1, { shares: 1001 }, 0)).toThrow(OptionError);
    expect(() => driver.policy.configure?.({ sharesMax: -1, other: 1 })).not.toThrow();
    driver.policy.setEntry(2, { shares: -5 }, 0);
    expect(() => driver.policy.configure?.({ sharesMax: -9 })).toThrow(OptionError);
    expect(driver.events).toEqual([]);
    const { policy } = new Driver(new Queue());
    expect(policy.configure).toBeUndefined();
  });

  it("of options that is none is POLICY_FAILED, and the successor has its own options", () => {
    const configure = () => {
      throw new TypeError("no");
    };
    const driver = new Driver(queueWith({ configure }));
    expect(() => driver.policy.configure?.({ any: 1 })).toThrow(
      expect.objectContaining({
        code: "POLICY_FAILED",
        message: "configure of odd threw no; disk-scheduler has taken its place, without these options",
      }),
    );
    expect(driver.policy.name).toBe("disk-scheduler");
    expect(() => driver.policy.configure?.({ any: 1 })).toThrow(
      expect.objectContaining({ code: "OPTION_UNKNOWN" }),
    );
    driver.policy.configure?.({ quantum: 3 });
  });

  it("of what a successor can't take reaches whoever wanted it too", () => {
    const broken: AdmissionPolicy = flawed({ way: "throws", method: "setEntry", from: 0 });
    const driver = new Driver(broken, { successor: () => new Queue() });
    expect(() => driver.policy.setEntry(1, { shares: 1001 }, 0)).toThrow(OptionError);
    driver.policy.setEntry(1, { shares: 999 }, 0);
    expect(driver.policy.entry(1)?.shares).toBe(999);
  });
});
