import type { EntrySettings, Path, VmId } from "@fairlead/core";
import { describe, expect, it } from "vitest";
import { diskScheduler, PROFILES, type ProfileName, SHARES } from "../src/index.js";
import { Crowd, commandOf } from "./crowd.js";

const NAMES = Object.keys(PROFILES) as ProfileName[];
const TESTED: VmId = 1;
const OTHER: VmId = 2;

/** Two VMs that always have more; all commands are sequential. */
function beside(tested: EntrySettings, other: EntrySettings): Crowd {
  const crowd = new Crowd(diskScheduler());
  crowd.policy.setEntry(TESTED, tested, 0);
  crowd.policy.setEntry(OTHER, other, 0);
  return crowd;
}

/** The part of the LUN that the first gets. */
function partOf(tested: EntrySettings, other: EntrySettings): number {
  const crowd = beside(tested, other);
  for (const vm of [TESTED, OTHER]) crowd.saturate(vm);
  for (let count = 0; count < 6000; count++) crowd.serve();
  const [one = 0, two = 0] = crowd.take([TESTED, OTHER]);
  return one / (one + two);
}

/** Most commands in a row of the first, beside a VM with as many shares that goes by its turn alone. */
function longestRun(tested: EntrySettings): number {
  const crowd = beside(tested, { ...tested, quantum: 1 });
  for (const vm of [TESTED, OTHER]) crowd.saturate(vm);
  for (let count = 0; count < 1000; count++) crowd.serve();
  const runs = crowd.order.join("").split(String(OTHER));
  return Math.max(...runs.map((run) => run.length));
}

/** What becomes of the first where one path with a backlog is left and the other is active. */
function inAShortage(tested: EntrySettings, other: EntrySettings): string | undefined {
  const { policy } = beside(tested, other);
  const path: Path = {
    id: "vmhba0:0:2",
    state: "active",
    pendingBytes: 1 << 20,
    pendingCommands: 30,
    completedBytes: 0,
    completedCommands: 0,
    busyMs: 0,
    share: 1,
  };
  policy.pathsChanged([path], 0.5, 0);
  for (const vm of [TESTED, OTHER]) policy.enqueue(commandOf(vm), 0);
  return policy.entry(TESTED)?.state;
}

/** How many commands of the other may be outstanding while the first is active. */
function outstandingBeside(tested: EntrySettings): number {
  const { policy } = beside(tested, PROFILES.balanced);
  policy.enqueue(commandOf(TESTED), 0);
  for (let count = 0; count < 30; count++) policy.enqueue(commandOf(OTHER), 0);
  let given = 0;
  for (let command = policy.next(0); command !== undefined; command = policy.next(0)) {
    if (command.vm === OTHER) given++;
  }
  return given;
}

describe("profiles", () => {
  it("name the same settings each, so that one replaces another whole", () => {
    for (const name of NAMES) {
      for (const before of NAMES) {
        const policy = diskScheduler();
        policy.setEntry(TESTED, PROFILES[before], 0);
        policy.setEntry(TESTED, PROFILES[name], 0);
        expect(policy.entry(TESTED)).toMatchObject(PROFILES[name]);
      }
      expect(Object.keys(PROFILES[name])).toEqual(Object.keys(PROFILES.balanced));
    }
  });

  it("balanced: what a VM has of which nothing was said", () => {
    const policy = diskScheduler();
    policy.setEntry(TESTED, {}, 0);
    expect(policy.entry(TESTED)).toMatchObject(PROFILES.balanced);
  });

  it("latency-critical: twice the shares, nobody deferred before it, and short queues of the others", () => {
    const profile = PROFILES["latency-critical"];
    expect(partOf(profile, PROFILES.balanced)).toBeCloseTo(2 / 3, 2);
    expect(inAShortage(PROFILES.balanced, profile)).toBe("deferred");
    expect(inAShortage(profile, PROFILES.balanced)).toBe("waiting");
    expect(outstandingBeside(profile)).toBe(4);
    expect(outstandingBeside(PROFILES.balanced)).toBe(30);
  });

  it("throughput: a balanced VM's part, in pieces of 32 rather than 8 commands", () => {
    const profile = PROFILES.throughput;
    expect(partOf(profile, PROFILES.balanced)).toBeCloseTo(0.5, 1);
    expect([longestRun(profile), longestRun(PROFILES.balanced)]).toEqual([32, 8]);
    expect(inAShortage(profile, PROFILES.balanced)).toBe("waiting");
  });

  it("backup: half a balanced VM's shares, deferred first, in pieces of 2 commands", () => {
    const profile = PROFILES.backup;
    expect(partOf(profile, PROFILES.balanced)).toBeCloseTo(1 / 3, 2);
    expect(longestRun(profile)).toBe(2);
    for (const name of NAMES) {
      expect(inAShortage(profile, PROFILES[name])).toBe(name === "backup" ? "waiting" : "deferred");
    }
  });
});

it("shares in words: twice as many from each to the next", () => {
  for (const [fewer, more] of [
    [SHARES.low, SHARES.normal],
    [SHARES.normal, SHARES.high],
  ] as const) {
    expect(partOf({ shares: more }, { shares: fewer })).toBeCloseTo(2 / 3, 2);
  }
});
