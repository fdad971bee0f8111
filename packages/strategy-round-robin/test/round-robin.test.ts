import { strategySuite } from "@fairlead/compliance";
import { Command, FairleadError, type LoadDistributionStrategy, type Path } from "@fairlead/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { roundRobin } from "../src/index.js";

strategySuite({ describe, it }, () => roundRobin());
strategySuite({ describe, it }, () => roundRobin({ commandsPerTurn: 3, bytesPerTurn: 100_000 }));

function testPaths(...ids: string[]): Path[] {
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

/** Ids of the paths that commands of these lengths take. */
function route(
  strategy: LoadDistributionStrategy,
  paths: readonly Path[],
  lengthsBytes: readonly number[],
): string {
  return lengthsBytes
    .map((lengthBytes) => {
      const command = new Command();
      command.lengthBytes = lengthBytes;
      return paths[strategy.select(paths, command)]?.id ?? "-";
    })
    .join("");
}

const six = [4096, 4096, 4096, 4096, 4096, 4096];

describe("roundRobin", () => {
  it("gives every path the same number of commands, in the order of rank [0115]", () => {
    expect(route(roundRobin(), testPaths("a", "b", "c"), [...six, 4096])).toBe("abcabca");
  });

  it("keeps any number of paths within one turn of one another", () => {
    const law = (pathCount: number, commandsPerTurn: number, commandCount: number) => {
      const paths = testPaths(
        ...Array.from({ length: pathCount }, (_, index) => String.fromCharCode(97 + index)),
      );
      const routed = route(roundRobin({ commandsPerTurn }), paths, new Array(commandCount).fill(4096));
      const counts = paths.map(({ id }) => routed.split(id).length - 1);
      expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(commandsPerTurn);
    };
    const small = fc.integer({ min: 1, max: 12 });
    fc.assert(fc.property(small, small, fc.integer({ min: 0, max: 400 }), law), { seed: 1, numRuns: 100 });
  });

  it("stays for `commandsPerTurn` commands", () => {
    expect(route(roundRobin({ commandsPerTurn: 2 }), testPaths("a", "b", "c"), [...six, 0])).toBe("aabbcca");
  });

  it("stays until `bytesPerTurn` are reached; the command that reaches them still goes", () => {
    const lengths = [60_000, 30_000, 10_000, 100_000, 99_999, 1, 250_000, 5];
    expect(route(roundRobin({ bytesPerTurn: 100_000 }), testPaths("a", "b", "c"), lengths)).toBe("aaabccab");
  });

  it("ends a turn with whichever bound is reached first", () => {
    const strategy = roundRobin({ commandsPerTurn: 3, bytesPerTurn: 10_000 });
    expect(route(strategy, testPaths("a", "b"), [1, 1, 1, 10_000, 5_000, 5_000, 1])).toBe("aaabaab");
  });

  it("goes on with the path after the one that went, and skips none", () => {
    const strategy = roundRobin();
    expect(route(strategy, testPaths("a", "b", "c", "d"), [1, 1])).toBe("ab");
    // b has gone, and a before it.
    expect(route(strategy, testPaths("c", "d"), [1, 1, 1])).toBe("cdc");
    // a and b are back, before c.
    expect(route(strategy, testPaths("a", "b", "c", "d"), [1, 1, 1, 1, 1])).toBe("dabcd");
  });

  it("passes over neighbours that went together with the last path", () => {
    const strategy = roundRobin();
    route(strategy, testPaths("a", "b", "c", "d", "e"), [1, 1]);
    expect(route(strategy, testPaths("a", "e"), [1, 1])).toBe("ea");
  });

  it("follows its path where the order changes, and ends the turn there", () => {
    const strategy = roundRobin({ commandsPerTurn: 4 });
    expect(route(strategy, testPaths("a", "b", "c"), [1, 1])).toBe("aa");
    expect(route(strategy, testPaths("b", "a", "c"), [1, 1, 1])).toBe("aac");
  });

  it("begins a whole turn on the path that takes over", () => {
    const strategy = roundRobin({ commandsPerTurn: 3 });
    expect(route(strategy, testPaths("a", "b", "c"), [1, 1])).toBe("aa");
    expect(route(strategy, testPaths("b", "c"), [1, 1, 1, 1])).toBe("bbbc");
  });

  it("remembers where it was while there was no path at all", () => {
    const strategy = roundRobin();
    expect(route(strategy, testPaths("a", "b", "c"), [1, 1])).toBe("ab");
    strategy.pathsChanged?.([]);
    expect(route(strategy, testPaths("a", "c"), [1, 1])).toBe("ca");
  });

  it("takes up a path that was added behind its back", () => {
    const strategy = roundRobin();
    route(strategy, testPaths("a", "b"), [1]);
    expect(route(strategy, testPaths("a", "b", "c"), [1, 1, 1])).toBe("bca");
  });

  it.each<[options: unknown, message: string]>([
    [null, "option options must be an object { commandsPerTurn, bytesPerTurn }, but is null"],
    [2, "option options must be an object { commandsPerTurn, bytesPerTurn }, but is 2"],
    [[2], "option options must be an object { commandsPerTurn, bytesPerTurn }, but is an array"],
    [{ commandsPerTurn: 0 }, "option commandsPerTurn must be 1 or more, but is 0"],
    [{ commandsPerTurn: 0.5 }, "option commandsPerTurn must be 1 or more, but is 0.5"],
    [{ commandsPerTurn: Number.NaN }, "option commandsPerTurn must be 1 or more, but is NaN"],
    [{ commandsPerTurn: "2" }, 'option commandsPerTurn must be a number, 1 or more, but is "2"'],
    [{ commandsPerTurn: null }, "option commandsPerTurn must be a number, 1 or more, but is null"],
    [{ bytesPerTurn: 0 }, "option bytesPerTurn must be greater than 0, but is 0"],
    [{ bytesPerTurn: -1 }, "option bytesPerTurn must be greater than 0, but is -1"],
    [{ bytesPerTurn: Number.NaN }, "option bytesPerTurn must be greater than 0, but is NaN"],
    [{ bytesPerTurn: "4096" }, 'option bytesPerTurn must be a number, greater than 0, but is "4096"'],
    [{ bytesPerTurn: null }, "option bytesPerTurn must be a number, greater than 0, but is null"],
    [{ commandsPerTurn: 2, turns: 3 }, 'there is no option "turns", known are commandsPerTurn, bytesPerTurn'],
  ])("refuses %o", (options, message) => {
    expect(() => roundRobin(options as never)).toThrow(FairleadError);
    expect(() => roundRobin(options as never)).toThrow(message);
  });

  it("takes undefined for what is left out", () => {
    const strategy = roundRobin({ commandsPerTurn: undefined, bytesPerTurn: undefined } as never);
    expect(route(strategy, testPaths("a", "b", "c"), [1, 1, 1, 1])).toBe("abca");
  });
});
