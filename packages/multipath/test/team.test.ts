import { createManualClock } from "@fairlead/compliance";
import {
  Command,
  type HostEvent,
  type LoadDistributionStrategy,
  type Op,
  type Outcome,
  type Path,
} from "@fairlead/core";
import { ScriptedAdapter } from "@fairlead/testing";
import { describe, expect, it } from "vitest";
import { PathTeam, type PathTeamOptions } from "../src/index.js";

const BLOCK_BYTES = 4096;

function command(op: Op, block = 0, blocks = 1): Command {
  const made = new Command();
  made.op = op;
  made.offsetBytes = block * BLOCK_BYTES;
  made.lengthBytes = op === "flush" ? 0 : blocks * BLOCK_BYTES;
  made.data = new Uint8Array(made.lengthBytes);
  return made;
}

/** Always the first usable path, so that a test knows where a command is. */
const first: LoadDistributionStrategy = { name: "first", select: (paths) => (paths.length > 0 ? 0 : -1) };

function setUp(options: PathTeamOptions = {}, strategy = first) {
  const clock = createManualClock(1e9); // A host that has been up for a while.
  const events: HostEvent[] = [];
  const ended: [Command, Outcome][] = [];
  const a = new ScriptedAdapter("vmhba0:0:1");
  const b = new ScriptedAdapter("vmhba1:0:1");
  const team: PathTeam = new PathTeam(
    {
      name: "naa.1",
      clock,
      strategies: [strategy],
      onCompleted: (done, outcome) => ended.push([done, outcome]),
      onChanged: () => {},
      onEvent: (event) => events.push(event),
    },
    options,
  );
  team.add(a);
  team.add(b);
  const kinds = (): string[] => events.map(({ kind }) => kind);
  return { clock, events, kinds, ended, a, b, team };
}

/** A write that went over A, which then failed. */
function inDoubt(options: PathTeamOptions = {}) {
  const house = setUp(options);
  const write = command("write");
  house.team.submit(write);
  house.a.fail();
  return { ...house, write };
}

describe("dispatch", () => {
  it("sends over the strategy's path and counts what is pending there", () => {
    const { team, a, ended } = setUp();
    const write = command("write", 3, 2);
    expect(team.submit(write)).toBe(true);
    expect(a.pending).toEqual([write]);
    expect(team.members[0]).toMatchObject({ pendingCommands: 1, pendingBytes: 8192 });
    a.complete(write);
    expect(team.members[0]).toMatchObject({ pendingCommands: 0, pendingBytes: 0, completedBytes: 8192 });
    expect(ended).toEqual([[write, "good"]]);
  });

  it("counts the time in which a path has something outstanding, once", () => {
    const { team, a, clock } = setUp();
    const [one, two] = [command("read", 0), command("read", 1)];
    team.submit(one);
    clock.advance(10);
    team.submit(two);
    clock.advance(5);
    a.complete(one);
    a.complete(two);
    clock.advance(100);
    expect(team.members[0]?.busyMs).toBe(15);
  });

  it("does not take a command while the strategy wants none", () => {
    const one = {
      name: "one",
      select: (paths: readonly Path[]) => (paths[0]?.pendingCommands === 0 ? 0 : -1),
    };
    const { team, a, events } = setUp({}, one);
    const sent = command("read");
    team.submit(sent);
    expect(team.submit(command("read"))).toBe(false);
    expect(a.pending).toEqual([sent]);
    expect(team.outstandingCommands).toBe(1);
    expect(events).toEqual([]);
  });

  it.each([
    ["throws", () => Number(JSON.parse("{"))],
    ["answers an index that is not there", () => 99],
    ["answers no number", () => Number.NaN],
    ["answers less than -1", () => -2],
    ["answers between two paths", () => 0.5],
  ])("steps over a strategy that %s", (_, select) => {
    const { team, a, events } = setUp({}, { name: "broken", select });
    const read = command("read");
    expect(team.submit(read)).toBe(true);
    expect(a.pending).toEqual([read]);
    expect(events).toMatchObject([{ kind: "strategy-fault", reason: expect.stringContaining("broken") }]);
  });

  it("bears a strategy that throws when paths change or commands end", () => {
    const broken = () => {
      throw new Error("broken");
    };
    const { team, a, ended, kinds } = setUp({}, { ...first, pathsChanged: broken, completed: broken });
    const read = command("read");
    team.submit(read);
    a.complete(read);
    expect(ended).toEqual([[read, "good"]]);
    expect(kinds()).toContain("strategy-fault");
  });

  it("tells of a fault 1, 2, 4, 8 … times only", () => {
    const { team, kinds } = setUp(
      { strategyFaultsMax: Number.POSITIVE_INFINITY },
      { name: "broken", select: () => 99 },
    );
    for (let n = 0; n < 1000; n++) team.submit(command("read", n));
    expect(kinds().filter((kind) => kind === "strategy-fault")).toHaveLength(10);
  });

  it("passes the target's errors on, and fails no path for them", () => {
    const { team, a, ended } = setUp();
    const outcomes: Outcome[] = [
      "medium-error",
      "target-error",
      "no-space",
      "write-protected",
      "invalid",
      "conflict",
    ];
    for (const outcome of outcomes) {
      const write = command("write");
      team.submit(write);
      a.complete(write, outcome);
    }
    expect(ended.map(([, outcome]) => outcome)).toEqual(outcomes);
    expect(team.members.map(({ state }) => state)).toEqual(["active", "active"]);
  });

  it("hands completions to the strategy that was swapped in, and asks it from then on", () => {
    const seen: number[] = [];
    const { team, a, b, clock } = setUp();
    const read = command("read");
    team.submit(read);
    team.setStrategies([
      {
        name: "second",
        select: () => 1,
        completed: (_path, _command, elapsedMs) => seen.push(elapsedMs),
      },
    ]);
    clock.advance(7);
    a.complete(read);
    team.submit(command("read"));
    expect(seen).toEqual([7]);
    expect(b.pending).toHaveLength(1);
  });
});

describe("a path fails", () => {
  it("repeats reads and flushes over another path at once", () => {
    const { team, a, b, ended } = setUp();
    const [read, flush] = [command("read"), command("flush")];
    team.submit(read);
    team.submit(flush);
    a.fail();
    expect(b.pending).toEqual([read, flush]);
    b.complete(read);
    b.complete(flush);
    expect(ended).toEqual([
      [read, "good"],
      [flush, "good"],
    ]);
  });

  it("repeats a write that was not sent at once", () => {
    const { team, a, b } = setUp();
    const write = command("write");
    team.submit(write);
    a.fail("not-sent");
    expect(b.pending).toEqual([write]);
    expect(a.fences).toHaveLength(0);
  });

  it("uses a path again when it is restored", () => {
    const { team, a, b } = setUp();
    a.fail();
    team.submit(command("read", 0));
    a.restore();
    team.submit(command("read", 1));
    expect([a.pending.length, b.pending.length]).toEqual([1, 1]);
  });

  it("takes no I/O on a disabled path, even after it failed and came back", () => {
    const { team, a, b } = setUp();
    const [member] = team.members;
    if (member === undefined) throw new Error("no member");
    team.setEnabled(member, false);
    a.fail();
    a.restore();
    team.submit(command("read"));
    expect([a.pending.length, b.pending.length]).toEqual([0, 1]);
    team.setEnabled(member, true);
    team.submit(command("read"));
    expect(a.pending).toHaveLength(1);
  });

  it("ends a command that fails every path it is given to", () => {
    const { team, a, b, clock, ended, kinds } = setUp({ noPathQueueMs: 1000, retryMs: 4000 });
    const read = command("read");
    team.submit(read);
    for (const adapter of [a, b, a, b, a]) {
      expect(ended).toEqual([]);
      adapter.fail();
      clock.advance(500);
      adapter.restore();
      clock.advance(1000);
    }
    expect(ended).toEqual([[read, "no-path"]]);
    expect(kinds()).toContain("command-given-up");
    const late = command("read");
    team.submit(late);
    expect(a.pending.length + b.pending.length).toBe(1); // The next one gets its own time.
  });

  it("lets what is with a removed path end", () => {
    const { team, a, b, ended } = setUp();
    const read = command("read");
    team.submit(read);
    const [member] = team.members;
    if (member !== undefined) team.remove(member);
    team.submit(command("read", 1));
    expect(b.pending).toHaveLength(1);
    a.complete(read);
    expect(ended).toEqual([[read, "good"]]);
  });
});

describe("a write in doubt", () => {
  it("goes again only after the session is fenced and the LUN reset", () => {
    const { a, b, write, ended } = inDoubt();
    expect(b.pending).toEqual([]);
    expect(b.resets).toHaveLength(0);
    a.fences[0]?.("fenced");
    expect(b.pending).toEqual([]);
    expect(b.resets).toHaveLength(1);
    b.resets[0]?.(true);
    expect(b.pending).toEqual([write]);
    b.complete(write);
    expect(ended).toEqual([[write, "good"]]);
  });

  it("asks for one fence per failure, however many writes", () => {
    const { team, a } = setUp();
    for (let block = 0; block < 8; block++) team.submit(command("write", block));
    a.fail();
    expect(a.fences).toHaveLength(1);
    expect(team.doubtfulWrites).toBe(8);
  });

  it("holds back later writes that overlap it, and lets the rest go on", () => {
    const { team, a, b, write } = inDoubt();
    const [read, later, other] = [command("read"), command("write"), command("write", 1)];
    for (const next of [read, later, other]) team.submit(next);
    expect(b.pending).toEqual([read, other]);
    expect(team.heldCommands).toBe(1);
    b.complete(other);
    b.complete(read);
    a.fences[0]?.("fenced");
    b.resets[0]?.(true);
    expect(b.pending).toEqual([write]);
    b.complete(write);
    expect(b.pending).toEqual([later]);
  });

  it("waits for what is with the healthy paths before the reset, but not for ever", () => {
    const { team, a, b, clock } = inDoubt();
    const read = command("read", 5);
    team.submit(read);
    a.fences[0]?.("fenced");
    expect(team.ready).toBe(false);
    expect(b.resets).toHaveLength(0);
    clock.advance(999);
    expect(b.resets).toHaveLength(0);
    clock.advance(1);
    expect(b.resets).toHaveLength(1);
  });

  it("resets as soon as the healthy paths are idle", () => {
    const { team, a, b } = inDoubt();
    const read = command("read", 5);
    team.submit(read);
    a.fences[0]?.("fenced");
    b.complete(read);
    expect(b.resets).toHaveLength(1);
  });

  it("goes again after the quiesce time where nothing answers", () => {
    const { b, clock, write } = inDoubt({ quiesceMs: 30_000 });
    clock.advance(29_999);
    expect(b.pending).toEqual([]);
    clock.advance(1);
    expect(b.pending).toEqual([write]);
  });

  it("goes again after the quiesce time where the driver has no fence", () => {
    const { a, b, clock, write } = inDoubt({ quiesceMs: 1000 });
    a.fences[0]?.("unfenceable");
    expect(b.resets).toHaveLength(0);
    clock.advance(1000);
    expect(b.pending).toEqual([write]);
  });

  it("falls back on the quiesce time where the reset is refused three times, and thaws the LUN meanwhile", () => {
    const { team, a, b, clock, write } = inDoubt({ quiesceMs: 10_000 });
    a.fences[0]?.("fenced");
    for (let n = 0; n < 3; n++) {
      b.resets[n]?.(false);
      clock.advance(200);
    }
    expect(b.resets).toHaveLength(3);
    expect(team.ready).toBe(true);
    expect(team.submit(command("read", 9))).toBe(true);
    expect(b.pending.includes(write)).toBe(false);
    clock.advance(10_000);
    expect(b.pending.includes(write)).toBe(true);
  });

  it("resets over another path, as often as it takes, where the path itself fails", () => {
    const { a, b, clock, write } = inDoubt({ quiesceMs: 1e9 });
    a.restore();
    a.fences[0]?.("fenced");
    const adapters = [a, b];
    for (let n = 0; n < 8; n++) {
      const resetting = adapters.find(({ resets }) => resets.length > 0);
      resetting?.fail();
      resetting?.resets.shift()?.(false);
      resetting?.restore();
    }
    adapters.find(({ resets }) => resets.length > 0)?.resets.shift()?.(true);
    clock.advance(0);
    expect([...a.pending, ...b.pending]).toEqual([write]);
  });

  it("tries the next reset over another path", () => {
    const { a, b, clock } = inDoubt();
    a.restore();
    a.fences[0]?.("fenced");
    const resets = () => [a, b].map((adapter) => adapter.resets.length);
    const before = resets();
    [a, b].find((adapter) => adapter.resets.length > 0)?.resets.shift()?.(false);
    clock.advance(200);
    expect(resets()).toEqual(before.reverse());
  });

  it("waits for a path before the reset", () => {
    const { a, b, write } = inDoubt();
    b.fail();
    a.fences[0]?.("fenced");
    expect(b.resets).toHaveLength(0);
    a.restore();
    expect(a.resets).toHaveLength(1);
    a.resets[0]?.(true);
    expect(a.pending).toEqual([write]);
  });

  it("keeps a second failure's doubt apart from the first's", () => {
    const { team, a, b, clock } = inDoubt();
    a.restore();
    const second = command("write", 7);
    team.submit(second);
    a.fail();
    expect(a.fences).toHaveLength(2);
    a.fences[0]?.("fenced");
    b.resets[0]?.(true);
    clock.advance(0);
    expect(b.pending.includes(second)).toBe(false);
    expect(team.doubtfulWrites).toBe(1);
  });
});

describe("what a predecessor left on its way", () => {
  it("holds back every write, and no read, until its sessions are fenced and the LUN is reset", () => {
    const { team, a } = setUp();
    team.inheritDoubt();
    const [write, read, flush] = [command("write", 77), command("read", 77), command("flush")];
    for (const next of [write, read, flush]) team.submit(next);
    expect(a.pending).toEqual([read, flush]);
    a.complete(read);
    a.complete(flush);
    expect(a.resets).toHaveLength(0);
    team.predecessorFenced();
    expect(a.pending).toEqual([]);
    a.resets[0]?.(true);
    expect(a.pending).toEqual([write]);
  });

  it("is over after the quiesce time", () => {
    const { team, a, clock } = setUp({ quiesceMs: 1000 });
    team.inheritDoubt();
    const write = command("write");
    team.submit(write);
    clock.advance(999);
    expect(a.pending).toEqual([]);
    clock.advance(1);
    expect(a.pending).toEqual([write]);
  });
});

describe("overlapping writes", () => {
  it("run one after the other", () => {
    const { team, a, ended } = setUp();
    const [one, two, three] = [command("write", 0, 2), command("write", 1, 2), command("write", 2, 1)];
    for (const write of [one, two, three]) team.submit(write);
    expect(a.pending).toEqual([one]); // The third overlaps only the second, and must not pass it.
    a.complete(one);
    expect(a.pending).toEqual([two]);
    a.complete(two);
    a.complete(three);
    expect(ended.map(([write]) => write)).toEqual([one, two, three]);
  });

  it("are looked at again once each, however many wait", () => {
    const { team, a, ended } = setUp();
    const writes = Array.from({ length: 2000 }, () => command("write"));
    for (const write of writes) team.submit(write);
    expect(team.heldCommands).toBe(1999);
    for (let n = 0; n < 2000; n++) {
      const [next] = a.pending;
      if (next !== undefined) a.complete(next);
    }
    expect(ended.map(([write]) => write)).toEqual(writes);
  });

  it("that were held are not too old when they find no path at once", () => {
    const { team, a, b, ended } = setUp();
    const [doubtful, other, held] = [command("write", 9), command("write", 0), command("write", 0)];
    team.submit(doubtful);
    team.setStrategies([{ name: "last", select: (paths) => paths.length - 1 }]);
    team.submit(other);
    team.submit(held);
    a.fail();
    a.fences[0]?.("fenced");
    b.complete(other);
    expect(ended).toEqual([[other, "good"]]);
    b.resets[0]?.(true);
    expect(b.pending).toEqual([held, doubtful]);
  });

  it("go on behind one that is cancelled", () => {
    const { team, a } = setUp();
    const [one, two, three] = [command("write", 0, 2), command("write", 1, 2), command("write", 2, 1)];
    for (const write of [one, two, three]) team.submit(write);
    team.cancel(two);
    expect(a.pending).toEqual([one, three]);
  });

  it("do not hold back reads, flushes or neighbours", () => {
    const { team, a } = setUp();
    team.submit(command("write", 0, 2));
    team.submit(command("read", 0, 2));
    team.submit(command("flush"));
    team.submit(command("write", 2, 1));
    expect(a.pending).toHaveLength(4);
  });

  it("wait behind a write that waits for a path", () => {
    const { team, a, b } = setUp();
    const [one, two] = [command("write"), command("write")];
    team.submit(one);
    b.fail();
    a.fail("not-sent");
    team.submit(two);
    expect(team.heldCommands).toBe(1);
    b.restore();
    expect(b.pending).toEqual([one]);
    b.complete(one);
    expect(b.pending).toEqual([two]);
  });
});

describe("no path is left", () => {
  it("keeps requests for the set time, then fails them, and later ones at once", () => {
    const { team, a, b, clock, ended, kinds } = setUp({ noPathQueueMs: 5000 });
    const read = command("read");
    team.submit(read);
    a.fail();
    b.fail();
    expect(team.ready).toBe(false);
    clock.advance(4999);
    expect(ended).toEqual([]);
    clock.advance(1);
    expect(ended).toEqual([[read, "no-path"]]);
    expect(team.givenUp).toBe(true);
    expect(kinds()).toContain("gave-up");
    a.restore();
    expect(team.givenUp).toBe(false);
    expect(team.ready).toBe(true);
  });

  it("sends what waited when a path comes back in time", () => {
    const { team, a, b, clock } = setUp({ noPathQueueMs: 5000 });
    const read = command("read");
    team.submit(read);
    a.fail();
    b.fail();
    clock.advance(4999);
    b.restore();
    expect(b.pending).toEqual([read]);
    clock.advance(10_000);
    expect(team.givenUp).toBe(false);
  });

  it("keeps the range of a failed write in doubt closed until the doubt ends", () => {
    const { team, a, b, clock, ended, write } = inDoubt({ noPathQueueMs: 1000, quiesceMs: 60_000 });
    b.fail();
    clock.advance(1000);
    expect(ended).toEqual([[write, "no-path"]]);
    b.restore();
    const read = command("read");
    team.submit(read);
    expect(b.pending).toEqual([]);
    a.fences[0]?.("fenced");
    b.resets[0]?.(true);
    expect(b.pending).toEqual([read]);
  });
});

describe("BUSY", () => {
  it("sends again after a pause that grows to a second", () => {
    const { team, a, clock } = setUp();
    const read = command("read");
    team.submit(read);
    const pauses: number[] = [];
    for (let n = 0; n < 10; n++) {
      a.complete(read, "busy");
      const fromMs = clock.now();
      while (a.pending.length === 0) clock.advance(1);
      pauses.push(clock.now() - fromMs);
    }
    expect(pauses).toEqual([5, 10, 20, 40, 80, 160, 320, 640, 1000, 1000]);
  });

  it("ends as an error once it lasts longer than commands may wait", () => {
    const { team, a, clock, ended } = setUp({ noPathQueueMs: 0, retryMs: 100 });
    const read = command("read");
    clock.advance(10_000); // Waiting for its turn does not count.
    team.submit(read);
    while (ended.length === 0) {
      for (const pending of [...a.pending]) a.complete(pending, "busy");
      clock.advance(1);
    }
    expect(ended).toEqual([[read, "no-path"]]);
    expect(team.members.map(({ state }) => state)).toEqual(["active", "active"]);
  });
});

describe("BUSY for long, and no failure", () => {
  it("is no reason to give up before its time", () => {
    const { team, a, clock, ended } = setUp({ retryMs: 1e9 });
    const read = command("read");
    team.submit(read);
    for (let n = 0; n < 200; n++) {
      for (const pending of [...a.pending]) a.complete(pending, "busy");
      clock.advance(1000);
    }
    expect(ended).toEqual([]);
    a.complete(read);
    expect(ended).toEqual([[read, "good"]]);
  });
});

describe("cancel", () => {
  it("takes out what is held or waits to be sent, and nothing else", () => {
    const { team, a, b, ended } = setUp();
    const [sent, held, again] = [command("write", 0), command("write", 0), command("read", 5)];
    team.submit(sent);
    team.submit(held);
    expect(team.cancel(sent)).toBe(false);
    expect(team.cancel(held)).toBe(true);
    b.fail();
    team.submit(again);
    a.fail("not-sent");
    expect(team.cancel(again)).toBe(true);
    expect(ended).toEqual([
      [held, "cancelled"],
      [again, "cancelled"],
    ]);
  });
});

describe("the end", () => {
  it("fails what waits and what its adapters give back, without a word more", () => {
    const { team, a, b, ended, events, clock } = setUp();
    const [sent, held] = [command("write", 0), command("write", 0)];
    team.submit(sent);
    team.submit(held);
    team.close();
    expect(ended).toEqual([[held, "no-path"]]);
    a.fail();
    b.fail();
    expect(ended).toEqual([
      [held, "no-path"],
      [sent, "no-path"],
    ]);
    expect(events).toEqual([]);
    expect(clock.pendingTimers).toBe(0);
  });
});

describe("options", () => {
  it.each([
    [{ noPathQueueMs: -1 }, "noPathQueueMs"],
    [{ quiesceMs: Number.NaN }, "quiesceMs"],
    [{ retryMs: -5 }, "retryMs"],
    [{ strategyFaultsMax: 0 }, "strategyFaultsMax"],
    [{ strategySlowMs: 0 }, "strategySlowMs"],
  ])("refuses %o", (options, option) => {
    expect(() => setUp(options)).toThrow(expect.objectContaining({ code: "OPTION_INVALID", option }));
  });

  it("refuses a name that there is not", () => {
    const options = { noPathQueueMS: 1 } as PathTeamOptions;
    expect(() => setUp(options)).toThrow(expect.objectContaining({ code: "OPTION_UNKNOWN" }));
  });
});
