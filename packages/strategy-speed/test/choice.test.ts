import { Frame } from "@fairlead/core";
import { describe, expect, it } from "vitest";
import { type SpeedStrategy, speed } from "../src/index.js";
import { commandAt, measure, sharesOf, type TestPath, testPaths } from "./rounds.js";

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
      const load = (index: number, commands: number) => {
        paths[index]!.pendingCommands = commands;
        paths[index]!.pendingBytes = commands * 8192;
      };
      // Both have been idle for a minute, which is no silence. a has one command, and b five that were just sent.
      load(1, 1);
      expect(strategy.select(paths, commandAt(nowMs + 60_000))).toBe(0);
      load(0, 1);
      load(1, 0);
      expect(strategy.select(paths, commandAt(nowMs + 60_000 + silentMs))).toBe(1);
      load(1, 5);
      return strategy.select(paths, commandAt(nowMs + 60_000 + silentMs));
    };
    expect(chosenAfter(2)).toBe(0);
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
    // What it has left takes it 10 ms; it has been passed over for 500.
    paths[0]!.pendingCommands = 10;
    paths[0]!.pendingBytes = 10 * 8192;
    expect(strategy.select(paths, commandAt(nowMs))).toBe(1);
    paths[0]!.pendingCommands = 0;
    paths[0]!.pendingBytes = 0;
    const taken = Array.from({ length: 20 }, () => strategy.select(paths, commandAt(nowMs)));
    expect(taken.filter((index) => index === 0).length).toBeLessThanOrEqual(12);
    expect(taken).toContain(1);
  });
});

describe("a path that is much slower", () => {
  /** Two paths, the second of which takes 1000 ms and the first 1. */
  function unequal(): { strategy: SpeedStrategy; paths: TestPath[]; nowMs: number } {
    const strategy = speed();
    const paths = testPaths("a", "b");
    strategy.pathsChanged?.(paths);
    const nowMs = measure(strategy, paths, 0, 4000, (index) => ({ elapsedMs: index === 0 ? 1 : 1000 }));
    expect(sharesOf(strategy)[1]).toBeLessThan(0.002);
    return { strategy, paths, nowMs };
  }

  it("gets one command in a hundred where nothing is heard of it", () => {
    const { strategy, paths, nowMs } = unequal();
    let probes = 0;
    for (let turn = 0; turn < 5000; turn++) {
      const command = commandAt(nowMs + 2000 + turn);
      const index = strategy.select(paths, command);
      if (index === 0) strategy.completed?.(paths[0]!, command, 1, "good");
      else probes++;
    }
    expect(probes).toBeGreaterThanOrEqual(48);
    expect(probes).toBeLessThanOrEqual(55);
  });

  it("pays in commands and not in time for what it had, once it is fast", () => {
    const { strategy, paths, nowMs } = unequal();
    // Some turns later it has its own, which puts it a second ahead of the other.
    let sentAtMs = nowMs;
    for (let index = 0; index !== 1; sentAtMs++) index = strategy.select(paths, commandAt(sentAtMs));
    for (let turn = 0; turn < 64; turn++) {
      strategy.completed?.(paths[1]!, commandAt(sentAtMs + turn), 1, "good");
    }
    const taken = Array.from({ length: 40 }, () => strategy.select(paths, commandAt(sentAtMs + 64)));
    expect(taken.filter((index) => index === 1).length).toBeGreaterThanOrEqual(16);
  });
});

describe("paths that come and go", () => {
  it("are noticed without a word, also where their number stays the same", () => {
    const strategy = speed();
    const paths = testPaths("a", "b", "c");
    strategy.pathsChanged?.(paths);
    measure(strategy, paths, 0, 40, () => ({ elapsedMs: 1 }));
    paths.splice(1, 1, ...testPaths("d"));
    measure(strategy, paths, 1000, 10, () => ({ elapsedMs: 1 }));
    expect(strategy.shares().map(({ id }) => id)).toEqual(["a", "d", "c"]);
    expect(strategy.shares()[1]?.bytesPerSecond).toBeGreaterThan(0);
  });

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
