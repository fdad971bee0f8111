import { describe, expect, it } from "vitest";
import { vmSuite } from "../src/index.js";
import { verdict } from "./collect.js";
import { memoryVm, type VmFlaws } from "./memory-vm.js";

// A flaw that leaves something hanging is found when this time is over.
const TIMES = { waitMs: 300, watchMs: 40 };
const NONE = /(?!)/;

const BROKEN: [flaws: VmFlaws, law: RegExp][] = [
  [{ startsSuspended: true }, /finds the VM running/],
  [{ creeps: true }, /executes? nothing from suspend/],
  [{ suspendsLate: true }, /executes? nothing from suspend/],
  [{ startsAnew: true }, /go on where it was/],
  [{ neverResumes: true }, /until resume/],
  [{ tellsNothing: true }, /until resume/],
  [{ tellsTooEarly: true }, /until resume/],
  [{ hasNoReason: true }, /until resume/],
  [{ tellsAlways: true }, /tells of nothing$/],
  [{ overtakes: true }, /in their order/],
  [{ forgetsToStop: true }, /stops the VM, and then/],
  [{ wrongCode: true }, /with VM_STOPPED/],
  [{ stopsOnlyRunning: true }, /stops a VM that is suspended/],
  [{ suspendsAtClose: true }, /leaves the VM as it is/],
  [{ resumesAtClose: true }, /leaves a VM suspended/],
  [{ unaware: true }, /that others ended/],
  [{ handsOverTwice: true }, /hands over once/],
  [{ handsOverRunning: true }, /at rest on both sides/],
  [{ startsThereEarly: true }, /at rest on both sides/],
  [{ beginsAnewThere: true }, /moves the VM/],
  [{ staysHere: true }, /moves the VM/],
  [{ doesNotWait: true }, /waits for the hand-over/],
  [{ ownError: true }, /where the hand-over fails/],
  [{ staysSuspendedAfterRefusal: true }, /where the hand-over fails/],
  [{ movesOnce: true }, /can be moved later/],
];

describe("vmSuite", () => {
  it("accepts a sound driver", async () => {
    const options = { waitMs: 5000, watchMs: 30 };
    const { broken } = await verdict((runner) => vmSuite(runner, async () => memoryVm(), options));
    expect(broken).toEqual([]);
  });

  it.each(BROKEN)("rejects %o", async (flaws, law) => {
    const { broken } = await verdict((runner) => vmSuite(runner, async () => memoryVm(flaws), TIMES), law);
    expect(broken).toHaveLength(1);
  });

  it("has a broken driver for each of its laws", async () => {
    const { laws } = await verdict((runner) => vmSuite(runner, async () => memoryVm()), NONE);
    expect(laws.filter((name) => !BROKEN.some(([, law]) => law.test(name)))).toEqual([]);
  });

  it.each([
    ["failures", { kill: undefined }, /that others ended/, 1],
    ["migration", { migration: undefined }, /moves the VM|hand-over/, 3],
  ] as const)("leaves the laws of %s out only where it is told to", async (option, unable, law, count) => {
    const create = async () => Object.assign(memoryVm(), unable);
    const all = await verdict((runner) => vmSuite(runner, create), NONE);
    const without = await verdict((runner) => vmSuite(runner, create, { [option]: false }), NONE);
    const left = all.laws.filter((name) => !without.laws.includes(name));
    expect(left).toHaveLength(count);
    const { broken } = await verdict((runner) => vmSuite(runner, create, TIMES), law);
    expect(broken).toEqual(left);
  });

  it("watches a guest for as long as it is told to", async () => {
    const restless = (watchMs: number) =>
      verdict(
        (runner) => vmSuite(runner, async () => memoryVm({ wakesUpAfterMs: 400 }), { waitMs: 5000, watchMs }),
        /leaves a VM suspended/,
      );
    expect((await restless(1)).broken).toHaveLength(0);
    expect((await restless(600)).broken).toHaveLength(1);
  });

  it("waits for as long as it is told to", async () => {
    const waited = async (waitMs: number) => {
      const beforeMs = performance.now();
      const options = { waitMs, watchMs: 1 };
      await verdict(
        (runner) => vmSuite(runner, async () => memoryVm({ unaware: true }), options),
        /others ended/,
      );
      return performance.now() - beforeMs;
    };
    expect(await waited(20)).toBeLessThan(400);
    expect(await waited(500)).toBeGreaterThan(490);
  });
});
