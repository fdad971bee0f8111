import { describe, expect, it } from "vitest";
import { hbaSuite } from "../src/index.js";
import { verdict } from "./collect.js";
import { type Flaws, memoryHba } from "./memory-hba.js";

// A flaw that leaves something hanging is found when this time is over.
const WAIT_MS = 60;

const BROKEN: [flaws: Flaws, law: RegExp][] = [
  [{ sameIds: true }, /names of their own/],
  [{ newAdapters: true }, /same adapter/],
  [{ ignoresRange: true }, /outside the range/],
  [{ losesLastByte: true }, /reads back/],
  [{ writesOneBlockMore: true }, /reads back/],
  [{ ownDisks: true }, /over all of its paths/],
  [{ refusesFlush: true }, /flushes/],
  [{ completesAtOnce: true }, /never from within submit/],
  [{ completesTwice: true }, /each of many commands once/],
  [{ completesTwice: true }, /takes a command object again/],
  [{ forgetsEveryTenth: true }, /each of many commands once/],
  [{ invalidIsFailure: true }, /invalid and keeps the path/],
  [{ wraps: true }, /invalid and keeps the path/],
  [{ fenceAtOnce: true }, /each call for a fence/],
  [{ fenceOnce: true }, /each call for a fence/],
  [{ resetKills: true }, /LUN reset/],
  [{ noticeLate: true }, /tells of a failure first/],
  [{ staysUp: true }, /tells of a failure first/],
  [{ hangsWhenDown: true }, /tells of a failure first/],
  [{ silentReturn: true }, /tells of a failure first/],
  [{ closeDropsPending: true }, /completes everything before it is closed/],
  [{ fenceForgets: true }, /fences that were asked for while the path was down/],
];

describe("hbaSuite", () => {
  it("accepts a sound driver", async () => {
    const { broken } = await verdict((runner) => hbaSuite(runner, async () => memoryHba(), { waitMs: 5000 }));
    expect(broken).toEqual([]);
  });

  it.each(BROKEN)("rejects %o", async (flaws, law) => {
    const { broken } = await verdict(
      (runner) => hbaSuite(runner, async () => memoryHba(flaws), { waitMs: WAIT_MS }),
      law,
    );
    expect(broken).toHaveLength(1);
  });

  it("has a broken driver for each of its laws", async () => {
    const { laws } = await verdict((runner) => hbaSuite(runner, async () => memoryHba(), { waitMs: 5000 }));
    expect(laws.filter((name) => !BROKEN.some(([, law]) => law.test(name)))).toEqual([]);
  });

  it("leaves the laws of failure out only where it is told to, and says so where the fixture can't fail", async () => {
    const { hba, range } = memoryHba();
    const create = async () => ({ hba, range, cleanup() {} });
    const all = await verdict((runner) => hbaSuite(runner, async () => memoryHba(), { waitMs: WAIT_MS }));
    const without = await verdict((runner) => hbaSuite(runner, create, { failures: false, waitMs: WAIT_MS }));
    expect(without.laws.length).toBe(all.laws.length - 2);
    const unable = await verdict((runner) => {
      hbaSuite(runner, async () => ({ ...memoryHba(), breakPath: undefined as never }), { waitMs: WAIT_MS });
    });
    expect(unable.broken).toHaveLength(2);
  });
});
