import { createManualClock } from "@fairlead/compliance";
import {
  Command,
  type HostEvent,
  type LoadDistributionStrategy,
  type Path,
  type Transfer,
} from "@fairlead/core";
import { ScriptedAdapter } from "@fairlead/testing";
import { describe, expect, it } from "vitest";
import { type Member, PathTeam, type PathTeamOptions } from "../src/index.js";

type Select = LoadDistributionStrategy["select"];

/** Always the last usable path: what was stepped over is on the first, and can be told from what was chosen. */
const last: LoadDistributionStrategy = { name: "last", select: (paths) => paths.length - 1 };

let reads = 0;

function refuses(): never {
  throw new Error("no");
}

function named(name: string, select: Select): LoadDistributionStrategy {
  return { name, select };
}

function setUp(
  strategies: LoadDistributionStrategy[],
  options: PathTeamOptions = {},
  stopwatchMs?: () => number,
) {
  const clock = createManualClock(1e6);
  const events: HostEvent[] = [];
  const ended: Command[] = [];
  const adapters = ["vmhba0:0:1", "vmhba1:0:1", "vmhba2:0:1"].map((id) => new ScriptedAdapter(id));
  const team: PathTeam = new PathTeam(
    {
      name: "naa.1",
      clock,
      strategies,
      ...(stopwatchMs && { stopwatchMs }),
      onCompleted: (command, outcome) => {
        if (outcome === "good") ended.push(command);
      },
      onChanged: () => {},
      onEvent: (event) => events.push(event),
    },
    options,
  );
  for (const adapter of adapters) team.add(adapter);
  /** One command from submit to its end; answers with the place of the path that carried it. */
  const send = (): number => {
    const command = new Command();
    team.submit(command);
    const place = adapters.findIndex(({ pending }) => pending.includes(command));
    adapters[place]?.complete(command);
    return place;
  };
  const sendMany = (count: number): number[] => Array.from({ length: count }, send);
  const told = (kind: string): HostEvent[] => events.filter((event) => event.kind === kind);
  return { clock, events, told, ended, adapters, team, send, sendMany };
}

/** Loops for `ms` in each call from the `first`-th on, on the clock that it is given later. */
function looping(ms: number, first = 0) {
  let calls = 0;
  const strategy = {
    name: "looping",
    clock: createManualClock(),
    get calls() {
      return calls;
    },
    select,
  };
  function select(paths: readonly Path[]): number {
    if (calls++ >= first) strategy.clock.advance(ms);
    return paths.length - 1;
  }
  return strategy;
}

describe("a strategy that fails", () => {
  it("loses nothing by throwing at every tenth call, and is replaced after the third", () => {
    let calls = 0;
    const flaky = named("flaky", () => {
      if (++calls % 10 === 0) throw new Error("tenth");
      return 1;
    });
    const { sendMany, ended, told, team } = setUp([flaky, last]);
    const places = sendMany(50);
    expect(ended).toHaveLength(50);
    const tenth = [...new Array(9).fill(1), 0];
    expect(places).toEqual([...tenth, ...tenth, ...tenth, ...new Array(20).fill(2)]);
    expect(calls).toBe(30);
    expect(told("strategy-fault").map(({ reason }) => reason)).toEqual([
      "flaky: select threw tenth",
      "flaky: select threw tenth",
    ]);
    expect(told("strategy-replaced")).toMatchObject([
      {
        severity: "error",
        subject: "naa.1",
        reason: "flaky failed 3 times, at last: select threw tenth; last takes its place",
        inputs: { from: "flaky", to: "last", faults: 3 },
      },
    ]);
    expect([team.strategyName, team.strategyFaults]).toEqual(["last", 3]);
    expect(team.strategyNames).toEqual(["flaky", "last"]);
  });

  it.each<[string, unknown]>([
    ["99", 99],
    ["3", 3],
    ["-2", -2],
    ["0.5", 0.5],
    ["NaN", Number.NaN],
    ["undefined", undefined],
    ["1", "1"],
    ["an object", {}],
  ])("is stepped over and replaced where it answers %s", (words, answer) => {
    const { sendMany, events, team } = setUp([named("broken", () => answer as number), last]);
    expect(sendMany(5)).toEqual([0, 0, 0, 2, 2]);
    expect(events[0]?.reason).toBe(`broken: select answered ${words} for 3 paths`);
    expect(team.strategyFaults).toBe(3);
  });

  it("is replaced where its methods are asynchronous, and a rejection ends nothing", async () => {
    const rejects = async (): Promise<never> => {
      throw new Error("late");
    };
    const selecting = setUp([named("async", rejects as never), last]);
    expect(selecting.sendMany(4)).toEqual([0, 0, 0, 2]);
    expect(selecting.events[0]?.reason).toBe("async: select answered a promise, which nobody waits for");
    const other = setUp([{ ...last, name: "async", completed: rejects, pathsChanged: rejects }, last]);
    other.sendMany(4);
    expect(other.team.strategyName).toBe("last");
    await new Promise(setImmediate); // An unhandled rejection would fail the run here.
  });

  it("is at fault where it wants no path although nothing is pending, which would be for ever", () => {
    const { sendMany, events } = setUp([named("shy", () => -1), last]);
    expect(sendMany(4)).toEqual([0, 0, 0, 2]);
    expect(events[0]?.reason).toContain("answered -1 although nothing is pending");
  });

  it("is not at fault where it answers a number in its other methods", () => {
    const { sendMany, events, team } = setUp([
      { ...last, completed: () => 7, pathsChanged: () => 7, vmChanged: () => 7 },
    ]);
    team.setVm(1, { shares: 1 });
    sendMany(8);
    expect(events).toEqual([]);
  });

  it.each(["pathsChanged", "completed", "vmChanged"] as const)(
    "is replaced where it throws in %s",
    (method) => {
      const broken = {
        ...last,
        name: "broken",
        [method]: () => {
          throw new Error("no");
        },
      };
      const { sendMany, team, told, adapters } = setUp([broken, named("first", () => 0)]);
      for (let round = 0; round < 3; round++) {
        team.setVm(round, { shares: 10 });
        sendMany(1);
        adapters[0]?.fail();
        adapters[0]?.restore();
      }
      expect(told("strategy-fault")[0]?.reason).toBe(`broken: ${method} threw no`);
      expect(team.strategyName).toBe("first");
      expect(sendMany(3)).toEqual([0, 0, 0]);
    },
  );

  it("is told of in few words, whatever it throws", () => {
    const thrown: unknown[] = [new Error("x".repeat(5000)), Object.create(null), Symbol("s"), null, 7n];
    const { sendMany, told } = setUp(
      [
        named("odd", () => {
          throw thrown.shift();
        }),
      ],
      { strategyFaultsMax: 5 },
    );
    expect(sendMany(6)).toEqual(new Array(6).fill(0));
    expect(told("strategy-fault").map(({ reason }) => reason.length < 250)).toEqual([true, true, true]);
    expect(told("strategy-fault")[1]?.reason).toBe("odd: select threw an object");
  });

  it.each<[string, (paths: readonly Path[], transfer: object) => unknown]>([
    ["sets its op", (_, transfer) => Object.assign(transfer, { op: "read" })],
    ["sets its length", (_, transfer) => Object.assign(transfer, { lengthBytes: 512 })],
    ["sets its offset", (_, transfer) => Object.assign(transfer, { offsetBytes: 0 })],
    ["defines its length", (_, transfer) => Object.defineProperty(transfer, "lengthBytes", { value: 1 })],
    ["takes its prototype", (_, transfer) => Object.setPrototypeOf(transfer, null)],
    [
      "gives a path counters of its own",
      (paths) => Object.defineProperty(paths[1], "pendingCommands", { value: 0 }),
    ],
    ["freezes it", (_, transfer) => Object.freeze(transfer)],
    ["looks for the adapter", (paths) => (paths[0] as object as Member).adapter.submit(new Command())],
    ["disables a path", (paths) => (paths[2] as object as Member).setEnabled(false)],
    ...[
      "pendingCommands",
      "pendingBytes",
      "completedBytes",
      "completedCommands",
      "busyMs",
      "state",
      "id",
      "share",
    ].map((field): [string, (paths: readonly Path[]) => unknown] => [
      `sets ${field} of a path`,
      (paths) => Object.assign(paths[1] as object, { [field]: 0 }),
    ]),
  ])("reaches no command and no path where it %s", (what, spoil) => {
    for (const method of ["select", "completed"]) {
      let shown: readonly Path[] = [];
      const spoiling = {
        ...last,
        name: "spoiling",
        pathsChanged: (paths: readonly Path[]) => {
          shown = paths;
        },
        select: (paths: readonly Path[], transfer: object) => {
          if (method === "select") spoil(paths, transfer);
          return 2;
        },
        completed: (_: Path, transfer: object) => {
          if (method === "completed") spoil(shown, transfer);
        },
      };
      const { team, adapters, events } = setUp([spoiling, last]);
      const commands = Array.from({ length: 6 }, (_, n) => {
        const command = new Command();
        Object.assign(command, { op: "write", offsetBytes: 8192 * n, lengthBytes: 512 * (n + 1) });
        return command;
      });
      for (const command of commands) team.submit(command);
      const pendingBytes = team.members.map((member) => member.pendingBytes);
      expect(pendingBytes.reduce((sum, bytes) => sum + bytes)).toBe(512 * 21);
      for (const adapter of adapters) for (const command of [...adapter.pending]) adapter.complete(command);
      commands.forEach((command, n) => {
        expect(command).toMatchObject({ op: "write", offsetBytes: 8192 * n, lengthBytes: 512 * (n + 1) });
      });
      expect(
        team.members.map((member) => [member.id, member.state, member.pendingCommands, member.share]),
      ).toEqual(adapters.map(({ id }) => [id, "active", 0, 1]));
      expect(team.members.reduce((sum, member) => sum + member.completedBytes, 0)).toBe(512 * 21);
      expect(team.strategyName).toBe(what === "freezes it" ? "spoiling" : "last");
      if (what !== "freezes it") expect(events[0]?.reason).toContain(`spoiling: ${method} threw`);
    }
  });

  it("sees what it needs of a command in each call, in one object", () => {
    const seen: object[] = [];
    const kept = new Set<object>();
    const look = (transfer: Transfer): void => {
      const { vm, priority, lengthBytes, sentAtMs } = transfer;
      seen.push({ vm, priority, lengthBytes, sentAtMs });
      kept.add(transfer);
    };
    const { team, adapters } = setUp([
      {
        name: "looks",
        select: (_, transfer) => {
          look(transfer);
          return 0;
        },
        completed: (_, transfer) => look(transfer),
      },
    ]);
    const commands = Array.from({ length: 6 }, (_, n) =>
      Object.assign(new Command(), { vm: n, priority: n + 2, lengthBytes: 512 * n }),
    );
    for (const command of commands) team.submit(command);
    for (const command of [...commands].reverse()) adapters[0]?.complete(command);
    const expected = commands.map(({ vm, priority, lengthBytes }) => ({
      vm,
      priority,
      lengthBytes,
      sentAtMs: 1e6,
    }));
    expect(seen).toEqual([...expected, ...expected.toReversed()]);
    expect(kept.size).toBe(1);
  });

  it.each<[string, unknown, string]>([
    [
      "throws a function that is no text",
      () => {
        throw Object.assign(() => {}, { toString: refuses });
      },
      "select threw a function",
    ],
    [
      "throws an error that hides its message",
      () => {
        throw Object.defineProperty(new Error("x"), "message", { get: refuses });
      },
      "select threw something that can't be described",
    ],
    [
      "throws an error whose message is an object",
      () => {
        throw Object.assign(new Error("x"), { message: { toString: refuses } });
      },
      "select threw an object",
    ],
    [
      "throws a proxy",
      () => {
        throw new Proxy({}, { getPrototypeOf: refuses });
      },
      "select threw something that can't be described",
    ],
    [
      "answers a proxy",
      () => new Proxy({}, { getPrototypeOf: refuses }),
      "select answered an object for 3 paths",
    ],
    [
      "answers a function",
      () => Object.assign(() => {}, { toString: refuses }),
      "select answered a function for 3 paths",
    ],
    [
      "answers a promise that can't be heard",
      () => Object.assign(Promise.resolve(), { catch: refuses }),
      "select answered an object for 3 paths",
    ],
    [
      "throws an escape",
      () => {
        throw new Error("\u001b[2J\nfake\u202e");
      },
      "select threw  [2J fake ",
    ],
  ])("is told of, stepped over and replaced where it %s", (_, select, words) => {
    const { sendMany, team, events } = setUp([named("odd", select as Select), last]);
    expect(sendMany(8)).toEqual([0, 0, 0, 2, 2, 2, 2, 2]);
    expect(events[0]?.reason).toBe(`odd: ${words}`);
    expect(team.strategyFaults).toBe(3);
  });

  it("is replaced where its `completed` can't be read, or answers a proxy", () => {
    const unreadable = Object.defineProperty({ ...last, name: "odd" }, "completed", { get: refuses });
    const proxying = {
      ...last,
      name: "odd",
      completed: () => new Proxy({}, { getPrototypeOf: refuses }) as never,
    };
    const first = setUp([unreadable, last]);
    first.sendMany(8);
    expect(first.team.strategyName).toBe("last");
    const second = setUp([proxying, last]);
    second.sendMany(8);
    expect([second.ended.length, second.team.strategyFaults]).toEqual([8, 0]);
  });

  it.each<[string, () => unknown, string]>([
    ["changes", () => `name-${reads++}`, "name-0"],
    ["is no text", () => 7, "a policy without a name"],
    ["throws", () => (reads++ > 0 ? refuses() : "once"), "once"],
    ["throws at once", refuses, "a policy whose name can't be read"],
    ["is endless and hostile", () => `\u001b[31m${"A".repeat(5000)}`, ` [31m${"A".repeat(59)}`],
  ])("bears the name that it had when it was set, where that %s", (_, get, name) => {
    reads = 0;
    const strategy = Object.defineProperty(
      named("", () => 99),
      "name",
      { get },
    );
    const { sendMany, team, told } = setUp([strategy, last]);
    expect([team.strategyName, team.strategyNames]).toEqual([name, [name, "last"]]);
    sendMany(6);
    expect(told("strategy-replaced")[0]?.inputs).toMatchObject({ from: name, to: "last" });
    reads = 0;
    const second = setUp([named("broken", () => 99), strategy]);
    second.sendMany(3);
    expect(second.told("strategy-replaced")[0]?.inputs).toMatchObject({ from: "broken", to: name });
  });

  it("can't change the order of the paths", () => {
    const { sendMany, team, events } = setUp([
      named("sorts", (paths) => {
        (paths as Path[]).reverse();
        return 0;
      }),
    ]);
    sendMany(1);
    expect(events[0]?.reason).toContain("sorts: select threw");
    expect(team.usablePaths.map(({ id }) => id)).toEqual(["vmhba0:0:1", "vmhba1:0:1", "vmhba2:0:1"]);
  });

  it("that is the last of the list gives way to the first usable path, for good", () => {
    const broken = (name: string) => named(name, () => 99);
    const { sendMany, team, told, adapters } = setUp([broken("one"), broken("two")]);
    adapters[0]?.fail();
    expect(sendMany(40)).toEqual(new Array(40).fill(1));
    expect(told("strategy-replaced").map(({ inputs }) => inputs)).toMatchObject([
      { from: "one", to: "two" },
      { from: "two", to: "first-usable" },
    ]);
    expect(told("strategy-fault").map(({ inputs }) => inputs)).toEqual(
      ["one", "one", "two", "two"].map((strategy, n) => ({ strategy, faults: (n % 2) + 1 })),
    );
    expect(told("strategy-replaced")[1]?.reason).toContain(
      "the first usable path takes its place, since no other strategy is left",
    );
    expect([team.strategyName, team.strategyFaults]).toEqual(["first-usable", 6]);
    expect(team.strategyNames).toEqual(["one", "two"]);
  });
});

describe("faults", () => {
  it.each([
    [59_999, "last"],
    [60_000, "broken"],
  ])("are forgiven after a minute without one: two, %d ms, two more", (pauseMs, inUse) => {
    let faulty = true;
    const { sendMany, team, clock } = setUp([named("broken", () => (faulty ? 99 : 0)), last]);
    sendMany(2);
    faulty = false;
    clock.advance(pauseMs);
    sendMany(5);
    faulty = true;
    sendMany(2);
    expect(team.strategyName).toBe(inUse);
  });

  it.each([
    [1, 1],
    [7, 7],
    [Number.POSITIVE_INFINITY, 100],
  ])("up to %d are borne", (strategyFaultsMax, faults) => {
    const { sendMany, team } = setUp([named("broken", () => 99), last], { strategyFaultsMax });
    sendMany(100);
    expect(team.strategyFaults).toBe(faults);
  });
});

describe("a strategy that loops", () => {
  it("for 50 ms in each call is replaced within a fifth of a second, and its answers are used until then", () => {
    const slow = looping(50);
    const { sendMany, team, clock, told } = setUp([slow, named("first", () => 0)]);
    slow.clock = clock;
    const startMs = clock.now();
    expect(sendMany(10)).toEqual([2, 2, 2, 2, 0, 0, 0, 0, 0, 0]);
    expect(clock.now() - startMs).toBe(200);
    expect(team.strategyName).toBe("first");
    expect(told("strategy-fault")[0]?.reason).toBe(
      "looping: select took 50.0 ms, not for the first time; at most 10 ms are expected",
    );
  });

  it.each([100, 1000, 1007, 5011])(
    "from its call %d on is replaced after little more than a second",
    (first) => {
      const slow = looping(50, first);
      const { sendMany, team, clock } = setUp([slow, last]);
      slow.clock = clock;
      sendMany(first + 26);
      expect(team.strategyName).toBe("last");
      expect(clock.now() - 1e6).toBeLessThanOrEqual(26 * 50);
    },
  );

  it("is found out by its first calls also where it was swapped in", () => {
    const slow = looping(50);
    const { sendMany, team, clock } = setUp([named("first", () => 0)]);
    slow.clock = clock;
    sendMany(1000);
    team.setStrategies([slow, named("first", () => 0)]);
    expect(sendMany(6)).toEqual([2, 2, 2, 2, 0, 0]);
  });

  it("in every 20th call is replaced too", () => {
    let calls = 0;
    const { sendMany, team, clock } = setUp([
      named("often", () => (++calls % 20 === 0 ? pause(clock) : 0)),
      last,
    ]);
    sendMany(20 * 23 + 100);
    expect(team.strategyName).toBe("last");
  });

  it("in one call of a thousand is taken for the machine's doing", () => {
    let calls = 0;
    const { sendMany, team, clock } = setUp([
      named("good", () => (++calls % 1000 === 5 ? pause(clock) : 0)),
      last,
    ]);
    sendMany(50_000);
    expect([team.strategyName, team.strategyFaults]).toEqual(["good", 0]);
  });

  it.each([
    [49, "last"],
    [50, "looping"],
  ])("for 50 ms is borne where %d ms are allowed, or not", (strategySlowMs, inUse) => {
    const slow = looping(50);
    const { sendMany, team, clock } = setUp([slow, last], { strategySlowMs });
    slow.clock = clock;
    sendMany(100);
    expect(team.strategyName).toBe(inUse);
  });

  it("in `completed` is replaced", () => {
    const { sendMany, team, clock } = setUp([
      { ...last, name: "slow", completed: () => void pause(clock) },
      last,
    ]);
    sendMany(5);
    expect(team.strategyName).toBe("last");
  });

  it("in `pathsChanged` or `vmChanged` is replaced, however much goes on in between", () => {
    const slow = {
      ...last,
      name: "slow",
      vmChanged: () => void pause(clock),
      pathsChanged: () => void pause(clock),
    };
    const { sendMany, team, clock, adapters } = setUp([last, last]);
    team.setStrategies([slow, last]);
    sendMany(1000);
    team.setVm(1, { shares: 1 });
    sendMany(1000);
    adapters[1]?.fail();
    expect(team.strategyName).toBe("slow");
    sendMany(1000);
    team.setVm(1, { shares: 2 });
    expect(team.strategyName).toBe("last");
  });

  it("is seen by a stopwatch where the clock stands still, which is asked for one call of 23", () => {
    let nowMs = 0;
    let reads = 0;
    let loopMs = 0;
    const strategy = named("looping", () => {
      nowMs += loopMs;
      return 0;
    });
    const { sendMany, team } = setUp([strategy, last], {}, () => {
      reads++;
      return nowMs;
    });
    sendMany(10_000);
    expect(reads).toBeGreaterThan((2 * 10_000) / 23);
    expect(reads).toBeLessThan((2 * 10_000) / 23 + 100);
    loopMs = 11;
    sendMany(50);
    expect(team.strategyName).toBe("last");
  });
});

describe("a machine that is slow all the time", () => {
  it("ends at the first usable path, of which nothing is said", () => {
    let nowMs = 0;
    const { sendMany, team, events } = setUp([last, last], {}, () => {
      nowMs += 50;
      return nowMs;
    });
    sendMany(50);
    const { length } = events;
    sendMany(500);
    expect([team.strategyName, team.strategyFaults, events.length]).toEqual(["first-usable", 6, length]);
  });
});

describe("a strategy that takes another's place", () => {
  function recording(name: string, faultyMethod?: string) {
    const calls: string[] = [];
    const record = (method: string, words: string): void => {
      calls.push(words);
      if (method === faultyMethod) throw new Error("no");
    };
    const strategy: LoadDistributionStrategy = {
      name,
      select: (paths) => {
        record("select", "select");
        return paths.length - 1;
      },
      pathsChanged: (paths) => record("pathsChanged", `${paths.length} paths`),
      vmChanged: (vm, settings) => record("vmChanged", `vm ${vm}: ${settings?.shares ?? "gone"}`),
    };
    return { strategy, calls };
  }

  it("knows the paths and the VMs before its first command", () => {
    const next = recording("next");
    const { team, adapters, sendMany } = setUp([named("broken", () => 99), next.strategy]);
    for (let vm = 1; vm <= 6; vm++) team.setVm(vm, { shares: 100 * vm });
    team.setVm(3, { shares: 7 });
    team.setVm(5, undefined);
    adapters[1]?.fail();
    expect(sendMany(4)).toEqual([0, 0, 0, 2]);
    expect(next.calls).toEqual([
      "2 paths",
      "vm 1: 100",
      "vm 2: 200",
      "vm 3: 7",
      "vm 4: 400",
      "vm 6: 600",
      "select",
    ]);
    team.setVm(2, undefined);
    expect(next.calls.at(-1)).toBe("vm 2: gone");
  });

  it("gives way itself where it fails while it is told, and the one behind it is told once", () => {
    const second = recording("second", "vmChanged");
    const third = recording("third");
    const { team, sendMany } = setUp([named("broken", () => 99), second.strategy, third.strategy]);
    for (let vm = 1; vm <= 6; vm++) team.setVm(vm, { shares: vm });
    expect(sendMany(4)).toEqual([0, 0, 0, 2]);
    expect(second.calls).toEqual(["3 paths", "vm 1: 1", "vm 2: 2", "vm 3: 3"]);
    expect(third.calls).toEqual(["3 paths", ...[1, 2, 3, 4, 5, 6].map((vm) => `vm ${vm}: ${vm}`), "select"]);
  });

  it("by the administrator's word is told too, begins without faults, and has its own list behind it", () => {
    const next = recording("next", "select");
    const { team, sendMany } = setUp([named("broken", () => 99), last]);
    team.setVm(1, { shares: 5 });
    sendMany(2);
    team.setStrategies([next.strategy, named("middle", () => 1)]);
    expect(team.strategyFaults).toBe(0);
    expect(next.calls).toEqual(["3 paths", "vm 1: 5"]);
    expect(sendMany(4)).toEqual([0, 0, 0, 1]);
    expect(team.strategyNames).toEqual(["next", "middle"]);
  });

  it("takes what waits to be sent again at once", () => {
    let pending = 1;
    const { team, adapters } = setUp([
      named("one", (paths) => (paths.some((path) => path.pendingCommands >= pending) ? -1 : 0)),
    ]);
    const [sent, again] = [new Command(), new Command()];
    pending = 2;
    team.submit(sent);
    team.submit(again);
    pending = 1;
    adapters[0]?.fail("not-sent");
    expect(adapters[1]?.pending).toEqual([sent]);
    team.setStrategies([last]);
    expect(adapters[2]?.pending).toEqual([again]);
  });

  it("must exist: an empty list is refused, and the one before stays", () => {
    const { team, sendMany } = setUp([last]);
    expect(() => team.setStrategies([])).toThrow(
      expect.objectContaining({ code: "OPTION_INVALID", option: "strategies" }),
    );
    expect(sendMany(1)).toEqual([2]);
    expect(() => setUp([])).toThrow(expect.objectContaining({ option: "strategies" }));
  });
});

it("`sentAtMs` is now when a strategy is asked, at each attempt", () => {
  const seen: number[] = [];
  const { team, clock, adapters } = setUp([
    named("clocked", (_, { sentAtMs }) => {
      seen.push(sentAtMs - 1e6);
      return 0;
    }),
  ]);
  clock.advance(7);
  team.submit(new Command());
  clock.advance(5);
  adapters[0]?.fail("not-sent");
  expect(seen).toEqual([7, 12]);
});

function pause(clock: { advance(ms: number): void }): number {
  clock.advance(50);
  return 0;
}
