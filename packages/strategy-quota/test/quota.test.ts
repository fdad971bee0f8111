import { strategySuite } from "@fairlead/compliance";
import { Command, FairleadError, Frame, type LoadDistributionStrategy, type Path } from "@fairlead/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { quota } from "../src/index.js";

strategySuite({ describe, it }, () => quota());
strategySuite({ describe, it }, () => quota({ commandsPerShare: 2.5, commandsMax: 16 }));

type TestPath = { -readonly [field in keyof Path]: Path[field] };

/** a, b, c, … with these shares. */
function testPaths(shares: readonly number[], ids = "abcdefghijkl"): TestPath[] {
  return shares.map((share, index) => ({
    id: ids[index] ?? "",
    state: "active",
    pendingBytes: 0,
    pendingCommands: 0,
    completedBytes: 0,
    completedCommands: 0,
    busyMs: 0,
    share,
  }));
}

const command = new Command();

/** Ids of the paths that commands of these lengths take. */
function route(
  strategy: LoadDistributionStrategy,
  paths: readonly Path[],
  lengthsBytes: readonly number[],
): string {
  return lengthsBytes
    .map((lengthBytes) => {
      command.lengthBytes = lengthBytes;
      return paths[strategy.select(paths, command)]?.id ?? "-";
    })
    .join("");
}

const times = (count: number, lengthBytes = 4096) => new Array<number>(count).fill(lengthBytes);

function counts(paths: readonly Path[], routed: string): number[] {
  return paths.map(({ id }) => routed.split(id).length - 1);
}

const anyShare = fc.oneof(
  fc.double({ min: 0.01, max: 20, noNaN: true }),
  fc.constantFrom(1e-6, 0.25, 1, 3, 1000),
);
const anyShares = fc.array(anyShare, { minLength: 1, maxLength: 12 });
const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);

describe("quota", () => {
  it("gives each path its share of the data, within two quotas, at any time 004.c12", () => {
    const law = (shares: number[], commandsPerShare: number, lengthBytes: number, sent: number) => {
      const paths = testPaths(shares);
      const routed = route(quota({ commandsPerShare }), paths, times(sent, lengthBytes));
      const total = sum(shares);
      for (const [index, count] of counts(paths, routed).entries()) {
        const share = shares[index] ?? 0;
        // A turn ahead and a turn behind; the command that meets a quota may exceed it by all but a byte.
        const bound = 2 * commandsPerShare * share + Math.max(1, (shares.length * share) / total) + 1e-6;
        expect(Math.abs(count - (sent * share) / total), `${count} of ${sent}`).toBeLessThanOrEqual(bound);
      }
    };
    const quotas = fc.constantFrom(0.01, 0.3, 1, 2.5, 8);
    const lengths = fc.constantFrom(0, 512, 4096, 1 << 20);
    const arbitrary = fc.property(anyShares, quotas, lengths, fc.integer({ min: 0, max: 1500 }), law);
    fc.assert(arbitrary, { seed: 4, numRuns: 200 });
  });

  it("gives data in proportion to share times mean length, whatever the lengths are", () => {
    const law = (shares: number[], lengths: number[]) => {
      const paths = testPaths(shares);
      const routed = route(
        quota(),
        paths,
        Array.from({ length: 20_000 }, (_, turn) => lengths[(turn * 7919) % lengths.length] ?? 0),
      );
      // Data ÷ mean length = commands.
      for (const [index, count] of counts(paths, routed).entries()) {
        const part = (shares[index] ?? 0) / sum(shares);
        expect(Math.abs(count / 20_000 - part), `share ${part}`).toBeLessThan(0.1 * part + 0.01);
      }
    };
    const shares = fc.array(fc.double({ min: 0.2, max: 5, noNaN: true }), { minLength: 2, maxLength: 8 });
    const lengths = fc.array(fc.integer({ min: 1, max: 1 << 18 }), { minLength: 6, maxLength: 40 });
    fc.assert(fc.property(shares, lengths, law), { seed: 4, numRuns: 40 });
  });

  it("stays on a path until its quota is met, then goes on to the next 004.c13", () => {
    expect(route(quota(), testPaths([2, 1, 3]), times(13))).toBe("aabcccaabccca");
  });

  it("carries over what exceeded a quota", () => {
    // 1.5 commands a turn: two, then one.
    expect(route(quota(), testPaths([1.5, 1]), times(10))).toBe("aababaabab");
    // A command of 10 kB is 2.5 times the mean that was: with what it exceeded, a sits out until 6 kB are paid for.
    expect(route(quota(), testPaths([1, 1]), [4000, 4000, 10_000, 4000, 4000, 4000, 4000])).toBe("abababa");
  });

  it("gives a path with a 128th of the share one command in 129", () => {
    const routed = route(quota(), testPaths([1, 1 / 128]), times(387));
    expect([...routed].flatMap((id, index) => (id === "b" ? [index] : []))).toEqual([1, 130, 259]);
  });

  it("counts turns that nobody can use all at once", () => {
    const paths = testPaths([1e-9, 3e-9, 2e-9]);
    expect(counts(paths, route(quota(), paths, times(600)))).toEqual([100, 300, 200]);
    expect(route(quota(), testPaths([Number.MIN_VALUE]), times(3))).toBe("aaa");
  });

  it("takes `commandsPerShare` times as many in a turn", () => {
    expect(route(quota({ commandsPerShare: 4 }), testPaths([1, 0.5]), times(12))).toBe("aaaabbaaaabb");
    expect(route(quota({ commandsPerShare: 0.5 }), testPaths([4, 2]), times(6))).toBe("aabaab");
  });

  it("measures the mean length of each path by itself", () => {
    const strategy = quota({ commandsPerShare: 4 });
    const paths = testPaths([1, 1]);
    // The quota of a is 4 × 1000, that of b 4 × 500.
    expect(route(strategy, paths, [...times(4, 1000), ...times(4, 500)])).toBe("aaaabbbb");
    expect(route(strategy, paths, times(12, 500))).toBe("aaaaaaaabbbb");
  });

  it("measures by what was sent last", () => {
    const strategy = quota({ commandsPerShare: 4 });
    const paths = testPaths([1, 1]);
    route(strategy, paths, times(400, 1000));
    route(strategy, paths, times(640, 8000));
    // Of all that was sent the mean is 5300, which would be three a turn.
    expect(route(strategy, paths, times(24, 8000)).replace(/^(a+|b+)/, "")).toMatch(
      /aaaabbbbaaaabbbb|bbbbaaaabbbbaaaa/,
    );
  });

  it("counts a command without data as a byte", () => {
    expect(route(quota({ commandsPerShare: 2 }), testPaths([1, 2]), times(12, 0))).toBe("aabbbbaabbbb");
  });

  it("ends a turn where `commandsMax` are pending, and waits where they are on every path 004.c11", () => {
    const strategy = quota({ commandsPerShare: 8, commandsMax: 3 });
    const paths = testPaths([1, 1, 1]);
    const send = () => {
      const index = strategy.select(paths, command);
      if (index !== -1) paths[index]!.pendingCommands++;
      return paths[index]?.id ?? "-";
    };
    command.lengthBytes = 4096;
    expect(Array.from({ length: 11 }, send).join("")).toBe("aaabbbccc--");
    paths[1]!.pendingCommands--;
    expect([send(), send()].join("")).toBe("b-");
    const open = quota({ commandsPerShare: 8 });
    expect(route(open, paths, times(9))).toBe("aaaaaaaab");
  });

  it("does not keep what a path left of its quota", () => {
    const strategy = quota({ commandsPerShare: 4, commandsMax: 2 });
    const paths = testPaths([1, 1]);
    expect(route(strategy, paths, times(1))).toBe("a");
    paths[0]!.pendingCommands = 2;
    expect(route(strategy, paths, times(9))).toBe("bbbbbbbbb");
    paths[0]!.pendingCommands = 0;
    expect(route(strategy, paths, times(9))).toBe("bbbaaaabb");
  });

  it("does not forgive what a path is over while it waits for a completion anywhere", () => {
    const strategy = quota({ commandsMax: 2 });
    const paths = testPaths([1, 1]);
    expect(route(strategy, paths, [1000, 1000, 5000])).toBe("aba");
    for (const path of paths) path.pendingCommands = 2;
    expect(route(strategy, paths, times(20, 1000))).toBe("-".repeat(20));
    for (const path of paths) path.pendingCommands = 0;
    expect(route(strategy, paths, times(3, 1000))).toBe("bba");
  });

  it("takes a changed share at the next turn", () => {
    const strategy = quota();
    const paths = testPaths([2, 2]);
    expect(route(strategy, paths, times(5))).toBe("aabba");
    paths[0]!.share = 3;
    paths[1]!.share = 1;
    expect(route(strategy, paths, times(9))).toBe("abaaabaaa");
  });

  it("stays with its path, and what was exceeded with each, where paths come and go", () => {
    const strategy = quota({ commandsPerShare: 2 });
    expect(route(strategy, testPaths([1, 1, 1, 1, 1, 1]), times(3))).toBe("aab");
    // a has gone; b has its second still to send.
    expect(route(strategy, testPaths([1, 1, 1, 1, 1], "bcdef"), times(4))).toBe("bccd");
    // d and e went: f is next, with a whole turn.
    expect(route(strategy, testPaths([1, 1, 1, 1], "abcf"), times(5))).toBe("ffaab");
    strategy.pathsChanged?.([]);
    expect(strategy.select([], command)).toBe(-1);
    expect(route(strategy, testPaths([1, 1, 1], "cba"), times(4))).toBe("baac");
    const over = quota();
    expect(route(over, testPaths([1, 1, 1]), [1000, 1000, 1000, 3500])).toBe("abca");
    // a is 2500 over, and has a mean of 2250 now.
    expect(route(over, testPaths([1, 1, 1], "bca"), times(7, 1000))).toBe("bcbcaab");
  });

  it("places frames", () => {
    const strategy = quota();
    const paths = testPaths([2, 1]);
    const frame = new Frame();
    frame.lengthBytes = 1500;
    expect(Array.from({ length: 6 }, () => strategy.select(paths, frame))).toEqual([0, 0, 1, 0, 0, 1]);
  });

  it.each<[options: unknown, message: string]>([
    [null, "option options must be an object { commandsPerShare, commandsMax }, but is null"],
    [4, "option options must be an object { commandsPerShare, commandsMax }, but is 4"],
    [[4], "option options must be an object { commandsPerShare, commandsMax }, but is an array"],
    [{ commandsPerShare: 0 }, "option commandsPerShare must be greater than 0 and finite, but is 0"],
    [{ commandsPerShare: -1 }, "option commandsPerShare must be greater than 0 and finite, but is -1"],
    [{ commandsPerShare: Infinity }, "option commandsPerShare must be greater than 0 and finite, but is Inf"],
    [
      { commandsPerShare: Number.NaN },
      "option commandsPerShare must be greater than 0 and finite, but is NaN",
    ],
    [
      { commandsPerShare: "2" },
      'option commandsPerShare must be a number, greater than 0 and finite, but is "2"',
    ],
    [
      { commandsPerShare: null },
      "option commandsPerShare must be a number, greater than 0 and finite, but is null",
    ],
    [{ commandsMax: 0.5 }, "option commandsMax must be 1 or more, but is 0.5"],
    [{ commandsMax: -1 }, "option commandsMax must be 1 or more, but is -1"],
    [{ commandsMax: Number.NaN }, "option commandsMax must be 1 or more, but is NaN"],
    [{ commandsMax: "32" }, 'option commandsMax must be a number, 1 or more, but is "32"'],
    [{ commandsMax: null }, "option commandsMax must be a number, 1 or more, but is null"],
    [{ commandMax: 3 }, 'there is no option "commandMax", known are commandsPerShare, commandsMax'],
  ])("refuses %o", (options, message) => {
    expect(() => quota(options as never)).toThrow(FairleadError);
    expect(() => quota(options as never)).toThrow(message);
  });

  it("takes undefined for what is left out", () => {
    const strategy = quota({ commandsPerShare: undefined, commandsMax: undefined } as never);
    const frame = new Frame();
    frame.lengthBytes = 1500;
    const paths = testPaths([2, 1]);
    expect(Array.from({ length: 6 }, () => strategy.select(paths, frame))).toEqual([0, 0, 1, 0, 0, 1]);
  });
});
