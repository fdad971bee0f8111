import { describe, expect, it } from "vitest";
import { nicSuite } from "../src/index.js";
import { verdict } from "./collect.js";
import { memoryNic, type NicFlaws } from "./memory-nic.js";

// A flaw that leaves something hanging is found when this time is over.
const WAIT_MS = 100;
const NONE = /(?!)/;

const BROKEN: [flaws: NicFlaws, law: RegExp][] = [
  [{ noAddress: true }, /says what it is/],
  [{ losesLastByte: true }, /sends frames whole/],
  [{ newestFirst: true }, /in order, from the shortest/],
  [{ dropsEveryTenth: true }, /sends frames whole/],
  [{ reportsAtOnce: true }, /not from within transmit/],
  [{ reportsTwice: true }, /reports each once/],
  [{ readsTooLate: true }, /sends frames whole/],
  [{ writesIntoFrames: true }, /sends frames whole/],
  [{ needsNewFrames: true }, /takes a frame object again/],
  [{ reportsRefused: true }, /reports none of them/],
  [{ takesAnyLength: true }, /too short or too long/],
  [{ ownAddressOnly: true }, /whomever it is for/],
  [{ wholeBuffer: true }, /hands over each frame/],
  [{ deafWhileReceiving: true }, /from within received/],
  [{ echoes: true }, /what it sent itself/],
  [{ unbounded: true }, /bounded number of frames/],
  [{ staysFull: true }, /more once it has/],
  [{ endlessWire: true }, /comes to refuse frames/],
  [{ dropsEveryTenth: true }, /loses none of those it took/],
  [{ noticeLate: true }, /loss of its carrier first/],
  [{ staysUp: true }, /refuses until/],
  [{ hangsWhenDown: true }, /ends what was pending/],
  [{ silentReturn: true }, /tells of the return/],
  [{ closeDropsPending: true }, /ends everything before it is closed/],
  [{ takesAfterClose: true }, /neither takes nor hands over/],
  [{ hearsAfterClose: true }, /neither takes nor hands over/],
];

describe("nicSuite", () => {
  it("accepts a sound driver", async () => {
    const { broken } = await verdict((runner) => nicSuite(runner, async () => memoryNic(), { waitMs: 5000 }));
    expect(broken).toEqual([]);
  });

  it.each(BROKEN)("rejects %o", async (flaws, law) => {
    const { broken } = await verdict(
      (runner) => nicSuite(runner, async () => memoryNic(flaws), { waitMs: WAIT_MS }),
      law,
    );
    expect(broken).toHaveLength(1);
  });

  it("has a broken driver for each of its laws", async () => {
    const { laws } = await verdict((runner) => nicSuite(runner, async () => memoryNic()), NONE);
    expect(laws.filter((name) => !BROKEN.some(([, law]) => law.test(name)))).toEqual([]);
  });

  it.each([
    ["failures", { pull: undefined }, /carrier first/],
    ["backpressure", { far: { onFrame() {}, send() {} } }, /comes to refuse/],
  ] as const)("leaves the law of %s out only where it is told to", async (option, unable, law) => {
    const create = async () => Object.assign(memoryNic(), unable);
    const all = await verdict((runner) => nicSuite(runner, create), NONE);
    const without = await verdict((runner) => nicSuite(runner, create, { [option]: false }), NONE);
    const left = all.laws.filter((name) => !without.laws.includes(name));
    expect(left).toHaveLength(1);
    const { broken } = await verdict((runner) => nicSuite(runner, create, { waitMs: WAIT_MS }), law);
    expect(broken).toEqual(left);
  });

  it("waits for as long as it is told to", async () => {
    const waited = async (waitMs: number) => {
      const beforeMs = performance.now();
      const create = async () => memoryNic({ silentReturn: true });
      await verdict((runner) => nicSuite(runner, create, { waitMs }), /carrier first/);
      return performance.now() - beforeMs;
    };
    expect(await waited(20)).toBeLessThan(400);
    expect(await waited(500)).toBeGreaterThan(490);
  });
});
