import { Command, Frame, type Outcome, type Path } from "@fairlead/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type SpeedStrategy, speed } from "../src/index.js";
import { keepsTheLaws } from "./laws.js";

keepsTheLaws({});

type TestPath = { -readonly [field in keyof Path]: Path[field] };

function testPaths(...ids: string[]): TestPath[] {
  return ids.map((id) => ({
    id,
    state: "active",
    pendingBytes: 0,
    pendingCommands: 0,
    completedBytes: 0,
    completedCommands: 0,
    busyMs: 0,
    share: 1,
  }));
}

function commandAt(sentAtMs: number, lengthBytes = 8192): Command {
  const command = new Command();
  command.sentAtMs = sentAtMs;
  command.lengthBytes = lengthBytes;
  return command;
}

/**
 * One command at a time for `rounds` rounds over all paths, each path with its own time and length; gives when it ended.
 */
function measure(
  strategy: SpeedStrategy,
  paths: readonly Path[],
  startMs: number,
  rounds: number,
  each: (index: number) => { elapsedMs: number; lengthBytes?: number; outcome?: Outcome },
): number {
  let nowMs = startMs;
  for (let left = rounds * paths.length; left > 0; left--) {
    const command = commandAt(nowMs);
    const index = strategy.select(paths, command);
    const { elapsedMs, lengthBytes = 8192, outcome = "good" } = each(index);
    command.lengthBytes = lengthBytes;
    strategy.completed?.(paths[index]!, command, elapsedMs, outcome);
    nowMs += elapsedMs;
  }
  return nowMs;
}

function sharesOf(strategy: SpeedStrategy): number[] {
  return strategy.shares().map(({ share }) => share);
}

describe("speed", () => {
  it("is data ÷ time, and the shares are those of the speeds 004.c14 004.c15", () => {
    const strategy = speed({ overheadBytes: 8192 });
    const paths = testPaths("a", "b", "c", "d", "e", "f");
    strategy.pathsChanged?.(paths);
    measure(strategy, paths, 0, 100, (index) => ({ elapsedMs: 1 + index }));
    const expected = paths.map((_, index) => (16_384 * 1000) / (1 + index));
    const sum = expected.reduce((total, bytesPerSecond) => total + bytesPerSecond, 0);
    for (const [index, { id, bytesPerSecond, share }] of strategy.shares().entries()) {
      expect(id).toBe(paths[index]?.id);
      expect(bytesPerSecond).toBeCloseTo(expected[index]!, 3);
      // 3 % of a difference may be noise.
      expect(share / (expected[index]! / sum)).toBeGreaterThan(0.95);
      expect(share / (expected[index]! / sum)).toBeLessThan(1.06);
    }
  });

  it("gives paths of any speeds shares that add up to 1 and fall with their times", () => {
    const law = (times: number[]) => {
      const strategy = speed();
      const paths = testPaths(...times.map((_, index) => `p${index}`));
      strategy.pathsChanged?.(paths);
      measure(strategy, paths, 0, 100, (index) => ({ elapsedMs: times[index]! }));
      const shares = sharesOf(strategy);
      expect(shares.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 9);
      for (const [left, leftMs] of times.entries()) {
        for (const [right, rightMs] of times.entries()) {
          if (leftMs < rightMs) expect(shares[left]!).toBeGreaterThanOrEqual(shares[right]! * 0.999999);
          if (leftMs * 1.2 < rightMs) expect(shares[left]!).toBeGreaterThan(shares[right]!);
        }
      }
    };
    const times = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 2, maxLength: 9 });
    fc.assert(fc.property(times, law), { seed: 4, numRuns: 60 });
  });

  it("is not the time that a command waited behind others on the same path", () => {
    const strategy = speed({ overheadBytes: 0 });
    const paths = testPaths("a", "b");
    strategy.pathsChanged?.(paths);
    const sent = [0, 1].map((index) =>
      Array.from({ length: 40 }, () => {
        const command = commandAt(0, 10_000);
        strategy.select(paths.slice(0), command);
        paths[index]!.pendingCommands++;
        return command;
      }),
    );
    for (const [index, commands] of sent.entries()) {
      for (const [place, command] of commands.entries()) {
        paths[index]!.pendingCommands--;
        strategy.completed?.(paths[index]!, command, (place + 1) * (index + 1), "good");
      }
    }
    expect(strategy.shares().map(({ bytesPerSecond }) => bytesPerSecond)).toEqual([10_000_000, 5_000_000]);
  });

  it("counts what a command costs besides its data: small ones don't make a path slow", () => {
    // A command takes 0.5 ms, and 1 ms more for each 32 KiB; a carries 4 KiB each, b 512 KiB, c none at all.
    const lengths = [4096, 524_288, 0];
    const timed = (overheadBytes: number) => {
      const strategy = speed({ overheadBytes });
      const paths = testPaths("a", "b", "c");
      strategy.pathsChanged?.(paths);
      measure(strategy, paths, 0, 60, (index) => ({
        elapsedMs: 0.5 + lengths[index]! / 32_768,
        lengthBytes: lengths[index]!,
      }));
      return sharesOf(strategy);
    };
    for (const share of timed(16_384)) expect(share).toBeCloseTo(1 / 3, 3);
    expect(timed(0)[0]).toBeLessThan(0.25);
  });

  it("takes no failure for an answer", () => {
    const strategy = speed();
    const paths = testPaths("a", "b");
    strategy.pathsChanged?.(paths);
    measure(strategy, paths, 0, 40, () => ({ elapsedMs: 1 }));
    const before = strategy.shares();
    const outcomes: Outcome[] = ["busy", "not-sent", "in-doubt", "medium-error", "conflict", "invalid"];
    let turn = 0;
    measure(strategy, paths, 5000, 40, () => ({ elapsedMs: 0.01, outcome: outcomes[turn++ % 6]! }));
    expect(strategy.shares()).toEqual(before);
  });

  it("does not count the time of a failure as that of the next command", () => {
    const strategy = speed();
    const paths = testPaths("a", "b");
    strategy.pathsChanged?.(paths);
    const nowMs = measure(strategy, paths, 0, 40, () => ({ elapsedMs: 1 }));
    const before = sharesOf(strategy);
    // a has something pending all the time; a second of it ends with BUSY, and then one with GOOD.
    paths[0]!.pendingCommands = 1;
    strategy.completed?.(paths[0]!, commandAt(nowMs), 1000, "busy");
    strategy.completed?.(paths[0]!, commandAt(nowMs), 1001, "good");
    expect(sharesOf(strategy)).toEqual(before);
  });
});

describe("choice", () => {
  it("takes equal paths in turn, before and after anything is known of them", () => {
    const strategy = speed();
    const paths = testPaths("a", "b", "c", "d", "e", "f", "g");
    strategy.pathsChanged?.(paths);
    const count = new Array<number>(7).fill(0);
    const counted = (index: number) => {
      count[index]!++;
      return { elapsedMs: 1 };
    };
    const nowMs = measure(strategy, paths, 0, 6, counted);
    expect(count).toEqual([6, 6, 6, 6, 6, 6, 6]);
    measure(strategy, paths, nowMs, 100, counted);
    expect(Math.max(...count) - Math.min(...count)).toBeLessThanOrEqual(1);
  });

  it("is that of the least pending while nothing is known, commands counted with their overhead", () => {
    const bytes = [300_000, 65_536, 200_000, 0, 400_000, 500_000];
    const commands = [1, 1, 1, 100, 1, 1];
    const chosen = (overheadBytes: number) => {
      const paths = testPaths("a", "b", "c", "d", "e", "f");
      for (const [index, path] of paths.entries()) {
        path.pendingBytes = bytes[index]!;
        path.pendingCommands = commands[index]!;
      }
      const strategy = speed({ overheadBytes });
      strategy.pathsChanged?.(paths);
      return strategy.select(paths, commandAt(1));
    };
    expect(chosen(16_384)).toBe(1);
    expect(chosen(0)).toBe(3);
  });

  it("passes over a path that has been silent for longer than its backlog explains", () => {
    const chosenAfter = (silentMs: number) => {
      const strategy = speed();
      const paths = testPaths("a", "b");
      strategy.pathsChanged?.(paths);
      const nowMs = measure(strategy, paths, 0, 40, () => ({ elapsedMs: 1 }));
      // Each has its first command since then; b has nine more, and one of them has just ended.
      paths[1]!.pendingCommands = 5;
      paths[1]!.pendingBytes = 5 * 8192;
      strategy.select(paths, commandAt(nowMs));
      paths[0]!.pendingCommands = 1;
      paths[0]!.pendingBytes = 8192;
      strategy.completed?.(paths[1]!, commandAt(nowMs + silentMs - 1), 1, "good");
      return strategy.select(paths, commandAt(nowMs + silentMs));
    };
    expect(chosenAfter(1)).toBe(0);
    expect(chosenAfter(20)).toBe(1);
  });

  it("owes a path one command and no more for the time that its backlog kept it out", () => {
    const strategy = speed();
    const paths = testPaths("a", "b");
    strategy.pathsChanged?.(paths);
    const nowMs = measure(strategy, paths, 0, 40, () => ({ elapsedMs: 1 }));
    paths[0]!.pendingCommands = 1;
    paths[0]!.pendingBytes = 1e9;
    for (let turn = 0; turn < 500; turn++) expect(strategy.select(paths, commandAt(nowMs))).toBe(1);
    paths[0]!.pendingCommands = 0;
    paths[0]!.pendingBytes = 0;
    const taken = Array.from({ length: 20 }, () => strategy.select(paths, commandAt(nowMs)));
    expect(taken.filter((index) => index === 0).length).toBeLessThanOrEqual(12);
    expect(taken).toContain(1);
  });
});

describe("paths that come and go", () => {
  it("takes a new one for as fast as the mean of the others, until it is measured", () => {
    const strategy = speed();
    strategy.pathsChanged?.(testPaths("a", "b"));
    measure(strategy, testPaths("a", "b"), 0, 60, (index) => ({ elapsedMs: index === 0 ? 1 : 3 }));
    const [first = 0, second = 0] = strategy.shares().map(({ bytesPerSecond }) => bytesPerSecond);
    const paths = testPaths("a", "c", "b");
    strategy.pathsChanged?.(paths);
    const shares = strategy.shares();
    expect(shares.map(({ bytesPerSecond }) => bytesPerSecond)).toEqual([first, 0, second]);
    expect(shares[1]?.share).toBeCloseTo(1 / 3, 2);
    // It is no debtor for what was before it: it gets its part and not everything.
    const taken = Array.from({ length: 30 }, (_, turn) => strategy.select(paths, commandAt(1000 + turn)));
    const count = taken.filter((index) => index === 1).length;
    expect(count).toBeGreaterThanOrEqual(8);
    expect(count).toBeLessThanOrEqual(12);
  });

  it("forgets one that went", () => {
    const strategy = speed();
    const both = testPaths("a", "b");
    strategy.pathsChanged?.(both);
    measure(strategy, both, 0, 60, (index) => ({ elapsedMs: index === 0 ? 1 : 50 }));
    expect(sharesOf(strategy)[1]).toBeLessThan(0.05);
    strategy.pathsChanged?.(testPaths("a"));
    strategy.pathsChanged?.(both);
    expect(sharesOf(strategy)).toEqual([0.5, 0.5]);
  });

  it("serves NICs, and transfers without VM information, alike", () => {
    const strategy = speed({ overheadBytes: 100 });
    const nics = testPaths("eth1", "eth2", "eth3");
    strategy.pathsChanged?.(nics);
    const count = [0, 0, 0];
    let nowMs = 0;
    for (let turn = 0; turn < 3000; turn++) {
      const frame = new Frame();
      frame.lengthBytes = turn % 2 === 0 ? 1514 : 64;
      frame.sentAtMs = nowMs;
      const index = strategy.select(nics, frame);
      const elapsedMs = ((index === 2 ? 2 : 1) * (frame.lengthBytes + 100)) / 100_000;
      strategy.completed?.(nics[index]!, frame, elapsedMs, "good");
      nowMs += elapsedMs;
      count[index]!++;
    }
    expect(count[0]! / count[2]!).toBeGreaterThan(1.75);
    expect(count[0]! / count[2]!).toBeLessThan(2.1);
    expect(count[0]! / count[1]!).toBeCloseTo(1, 1);
  });
});

describe("options", () => {
  it("are refused where they make no sense", () => {
    for (const intervalMs of [0, -1, Number.NaN, Infinity]) {
      expect(() => speed({ intervalMs })).toThrow(/option intervalMs must be greater than 0 and finite/);
    }
    for (const probePart of [-0.01, 0.51, Number.NaN]) {
      expect(() => speed({ probePart })).toThrow(/option probePart must be 0 to 0.5/);
    }
    for (const overheadBytes of [-1, Number.NaN, Infinity]) {
      expect(() => speed({ overheadBytes })).toThrow(/option overheadBytes must be 0 or more and finite/);
    }
  });

  it("are refused where there is none of that name", () => {
    const wrong = { intervalMs: 5, interval: 5 };
    expect(() => speed(wrong)).toThrow(expect.objectContaining({ code: "OPTION_UNKNOWN" }));
  });
});
