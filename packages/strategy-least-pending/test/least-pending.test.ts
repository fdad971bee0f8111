import { strategySuite } from "@fairlead/compliance";
import { Command, FairleadError, type Path } from "@fairlead/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { leastPending } from "../src/index.js";

strategySuite({ describe, it }, () => leastPending());
strategySuite({ describe, it }, () => leastPending({ by: "commands", pendingBytesMax: 1 << 20 }));

/** Paths with these bytes, and commands, pending. */
function testPaths(bytes: readonly number[], commands: readonly number[] = bytes): Path[] {
  return bytes.map((pendingBytes, index) => ({
    id: `p${index}`,
    state: "active",
    pendingBytes,
    pendingCommands: commands[index] ?? 0,
    completedBytes: 0,
    completedCommands: 0,
    busyMs: 0,
    share: 1,
  }));
}

const command = new Command();
const loads = fc.array(fc.nat(20), { minLength: 1, maxLength: 12 });

describe("leastPending", () => {
  it("takes a path than which none has fewer bytes pending [0115]", () => {
    const strategy = leastPending();
    const law = (bytes: number[], commands: number[]) => {
      const index = strategy.select(testPaths(bytes, commands), command);
      expect(bytes[index]).toBe(Math.min(...bytes));
    };
    fc.assert(fc.property(loads, loads, law), { seed: 2, numRuns: 300 });
  });

  it("takes a path than which none has fewer commands pending, where that is what counts", () => {
    const strategy = leastPending({ by: "commands" });
    const law = (commands: number[]) => {
      const bytes = commands.map((count) => 1000 - count);
      expect(commands[strategy.select(testPaths(bytes, commands), command)]).toBe(Math.min(...commands));
    };
    fc.assert(fc.property(loads, law), { seed: 2, numRuns: 300 });
  });

  it("takes equal ones in turn, whatever else is more loaded", () => {
    const strategy = leastPending();
    const paths = testPaths([4096, 9, 4096, 9, 9, 70_000]);
    const taken = Array.from({ length: 9 }, () => strategy.select(paths, command));
    expect(taken).toEqual([1, 3, 4, 1, 3, 4, 1, 3, 4]);
  });

  it("spreads idle paths evenly, also where their number changes", () => {
    const strategy = leastPending();
    const count = [0, 0, 0, 0];
    for (let turn = 0; turn < 12; turn++) count[strategy.select(testPaths([0, 0, 0, 0]), command)]!++;
    expect(count).toEqual([3, 3, 3, 3]);
    for (const paths of [testPaths([0]), testPaths([0, 0]), testPaths([0, 0, 0])]) {
      const taken = new Set(paths.map(() => strategy.select(paths, command)));
      expect(taken.size).toBe(paths.length);
    }
  });

  it("passes over a path with `pendingBytesMax` or more, and waits where all have", () => {
    const strategy = leastPending({ pendingBytesMax: 1000 });
    expect(strategy.select(testPaths([1000, 999, 5000]), command)).toBe(1);
    expect(strategy.select(testPaths([1000, 2000, 5000]), command)).toBe(-1);
    const byCommands = leastPending({ by: "commands", pendingBytesMax: 1000 });
    expect(byCommands.select(testPaths([1000, 999, 10], [1, 2, 3]), command)).toBe(1);
    expect(leastPending().select(testPaths([1e15, 1e14]), command)).toBe(1);
  });

  it("keeps its turn where it had to wait", () => {
    const strategy = leastPending({ pendingBytesMax: 1000 });
    expect(strategy.select(testPaths([0, 0, 0]), command)).toBe(0);
    expect(strategy.select(testPaths([5000, 5000, 5000]), command)).toBe(-1);
    expect(strategy.select(testPaths([0, 0, 0]), command)).toBe(1);
  });

  it.each<[options: unknown, message: string]>([
    [null, "option options must be an object { by, pendingBytesMax }, but is null"],
    [5, "option options must be an object { by, pendingBytesMax }, but is 5"],
    ["bytes", 'option options must be an object { by, pendingBytesMax }, but is "bytes"'],
    [[], "option options must be an object { by, pendingBytesMax }, but is an array"],
    [{ by: "latency" }, 'option by must be "bytes" or "commands", but is "latency"'],
    [{ by: null }, 'option by must be "bytes" or "commands", but is null'],
    [{ pendingBytesMax: 0 }, "option pendingBytesMax must be greater than 0, but is 0"],
    [{ pendingBytesMax: -1 }, "option pendingBytesMax must be greater than 0, but is -1"],
    [{ pendingBytesMax: Number.NaN }, "option pendingBytesMax must be greater than 0, but is NaN"],
    [{ pendingBytesMax: "8" }, 'option pendingBytesMax must be a number, greater than 0, but is "8"'],
    [{ pendingBytesMax: null }, "option pendingBytesMax must be a number, greater than 0, but is null"],
    [{ pendingBytesMax: 9, turns: 3 }, 'there is no option "turns", known are by, pendingBytesMax'],
  ])("refuses %o", (options, message) => {
    expect(() => leastPending(options as never)).toThrow(FairleadError);
    expect(() => leastPending(options as never)).toThrow(message);
  });

  it("takes undefined for what is left out", () => {
    const strategy = leastPending({ by: undefined, pendingBytesMax: undefined } as never);
    expect(strategy.select(testPaths([1e15, 1e14], [1, 2]), command)).toBe(1);
  });
});
