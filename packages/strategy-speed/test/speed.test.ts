import { strategySuite } from "@fairlead/compliance";
import type { Outcome } from "@fairlead/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { speed } from "../src/index.js";
import { commandAt, measure, sharesOf, testPaths } from "./rounds.js";

strategySuite({ describe, it }, () => speed());

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

  it("has no figure before eight commands", () => {
    const strategy = speed({ overheadBytes: 0 });
    const paths = testPaths("a");
    const nowMs = measure(strategy, paths, 0, 7, () => ({ elapsedMs: 300 }));
    expect(strategy.shares()).toEqual([{ id: "a", bytesPerSecond: 0, share: 1 }]);
    measure(strategy, paths, nowMs, 1, () => ({ elapsedMs: 300 }));
    expect(strategy.shares()[0]?.bytesPerSecond).toBeCloseTo(8_192_000 / 300, 6);
  });

  it("does not rest on one late answer alone, however long the interval is over", () => {
    const strategy = speed();
    const paths = testPaths("a");
    const nowMs = measure(strategy, paths, 0, 64, () => ({ elapsedMs: 1 }));
    const [before] = strategy.shares();
    measure(strategy, paths, nowMs + 5000, 1, () => ({ elapsedMs: 4 }));
    const [after] = strategy.shares();
    // As if eight had come as expected beside it: 12 ms for nine.
    expect(before!.bytesPerSecond / after!.bytesPerSecond).toBeCloseTo(12 / 9, 6);
  });

  it("begins with what was seen from the start, where a path was busy before", () => {
    const strategy = speed({ overheadBytes: 0 });
    const paths = testPaths("a");
    strategy.pathsChanged?.(paths);
    paths[0]!.pendingCommands = 20;
    // Sent over it long before by another strategy, and completed 2 ms apart.
    for (let place = 0; place < 12; place++) {
      strategy.completed?.(paths[0]!, commandAt(0, 10_000), 900 + 2 * place, "good");
    }
    expect(strategy.shares()[0]?.bytesPerSecond).toBe(5_000_000);
  });

  it("counts from when a command was sent again, over an idle path and without a question", () => {
    const strategy = speed({ overheadBytes: 0 });
    const paths = testPaths("a");
    strategy.pathsChanged?.(paths);
    strategy.select(paths, commandAt(0));
    strategy.completed?.(paths[0]!, commandAt(0), 1, "busy");
    for (let turn = 1; turn <= 8; turn++) {
      strategy.completed?.(paths[0]!, commandAt(100 * turn, 10_000), 2, "good");
    }
    expect(strategy.shares()[0]?.bytesPerSecond).toBe(5_000_000);
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
