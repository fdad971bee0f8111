import { Command, type EntrySettings, type VmId } from "@fairlead/core";
import { describe, expect, it } from "vitest";
import { diskScheduler } from "../src/index.js";
import { Disk, type Driven, mostWithin } from "./disk.js";
import { type Fault, Naive } from "./naive.js";

interface Policy extends Driven {
  setEntry(vm: VmId, settings: EntrySettings, nowMs: number): void;
}

/** A law that schedulers of this kind have been seen to break, and the faults that break it. */
interface Trap {
  readonly name: string;
  readonly faults: readonly Fault[];
  /** Whether the law holds for a policy, whose limits have a burst of 50 ms. */
  holds(policy: Policy): boolean;
}

function near(actual: number | undefined, expected: number, part: number): boolean {
  return actual !== undefined && Math.abs(actual - expected) <= part * expected;
}

/** Commands per second of VM 1 over 10 s under a limit, beside VM 2. */
function limitedRate(policy: Policy, commandsPerSecond: number, skewMs = 0): number | undefined {
  const disk = new Disk({ perSecond: 6000 }, policy);
  policy.setEntry(1, { limit: { commandsPerSecond } }, 0);
  disk.start(1);
  disk.run(1000);
  disk.forget();
  disk.skewMs = skewMs;
  disk.run(10_000);
  return disk.rates([1], 10_000)[0];
}

const TRAPS: readonly Trap[] = [
  {
    name: "a limit is what it says, not half of it",
    faults: ["charges a limit twice"],
    holds: (policy) => near(limitedRate(policy, 800), 800, 0.01),
  },
  {
    name: "a limit is not missed because wake-ups come late",
    faults: ["burns a limit's budget and waits for the next"],
    holds: (policy) => near(limitedRate(policy, 3000), 3000, 0.01),
  },
  {
    name: "a clock that is set back by an hour stops nobody",
    faults: ["keeps tags of the wall clock"],
    holds: (policy) => near(limitedRate(policy, 500, -3_600_000), 500, 0.02),
  },
  {
    name: "a limit that was not used for a minute allows no more than its burst",
    faults: ["saves up a limit while idle"],
    holds: (policy) => {
      const disk = new Disk({ perSecond: 6000 }, policy);
      policy.setEntry(1, { limit: { commandsPerSecond: 500 } }, 0);
      disk.run(60_000);
      disk.start(1);
      disk.run(3000);
      return mostWithin(disk.sentMs[1] ?? [], 1000) <= 550;
    },
  },
  {
    name: "a command that is worth more than the burst goes, too",
    faults: ["asks for a budget as large as the command"],
    holds: (policy) => {
      const disk = new Disk({ perSecond: 6000 }, policy);
      policy.setEntry(1, { limit: { commandsPerSecond: 100 } }, 0);
      disk.start(1, { lengthBytes: 1 << 20 });
      disk.run(10_000);
      return (disk.rates([1], 10_000)[0] ?? 0) > 0;
    },
  },
  {
    name: "a client that sends one command at a time has its guarantee, though it is idle between them",
    faults: ["begins a guarantee anew at each wake-up"],
    holds: (policy) => {
      const disk = new Disk({ perSecond: 3000, room: 3 }, policy);
      policy.setEntry(1, { guarantee: { commandsPerSecond: 600 } }, 0);
      disk.start(1, { depth: 1 });
      for (const vm of [2, 3, 4, 5, 6, 7, 8, 9]) disk.start(vm);
      disk.run(5000);
      return near(disk.rates([1], 5000)[0], 600, 0.02);
    },
  },
  {
    name: "a guarantee is not saved up while its VM is idle",
    faults: ["banks a guarantee while idle"],
    holds: (policy) => {
      const disk = new Disk({ perSecond: 2000 }, policy);
      policy.setEntry(1, { guarantee: { commandsPerSecond: 300 } }, 0);
      for (const vm of [2, 3, 4, 5, 6, 7, 8, 9, 10]) disk.start(vm);
      disk.run(20_000);
      disk.start(1);
      disk.forget();
      disk.run(2000);
      return near(disk.rates([1], 2000)[0], 300, 0.1);
    },
  },
  {
    name: "what a VM got by shares is not held against its guarantee when others come",
    faults: ["holds service by shares against a guarantee"],
    holds: (policy) => {
      const disk = new Disk({ perSecond: 2000 }, policy);
      policy.setEntry(1, { guarantee: { commandsPerSecond: 500 } }, 0);
      disk.start(1);
      disk.run(10_000);
      for (const vm of [2, 3, 4, 5, 6, 7, 8, 9, 10]) disk.start(vm);
      disk.forget();
      disk.run(2000);
      return near(disk.rates([1], 2000)[0], 500, 0.02);
    },
  },
  {
    name: "equals take turns in being first",
    faults: ["takes the first of equals"],
    holds: (policy) => {
      const first = [0, 0, 0, 0, 0, 0];
      for (let round = 0; round < 300; round++) {
        for (const vm of first.keys())
          policy.enqueue(Object.assign(new Command(), { vm, lengthBytes: 4096 }), 0);
        const vm = policy.next(0)?.vm ?? 0;
        first[vm] = (first[vm] ?? 0) + 1;
        for (let left = 1; left < first.length; left++) policy.next(0);
      }
      return Math.min(...first) > 15;
    },
  },
  {
    name: "large commands starve no small ones, nor the other way round",
    faults: ["charges large commands alike"],
    holds: (policy) => {
      const disk = new Disk({ perSecond: 20_000, inUnits: true }, policy);
      for (const vm of [1, 2]) policy.setEntry(vm, {}, 0);
      disk.start(1, { lengthBytes: 4096 });
      disk.start(2, { lengthBytes: 1 << 20 });
      disk.run(5000);
      const [small = 0, large = 0] = disk.bytes([1, 2]);
      return near(small, large, 0.1);
    },
  },
];

describe.each(TRAPS)("$name", ({ faults, holds }) => {
  it("with the scheduler", () => {
    expect(holds(diskScheduler())).toBe(true);
  });

  it("with a plain model, and not with its fault", () => {
    expect(holds(new Naive("none"))).toBe(true);
    for (const fault of faults) expect(holds(new Naive(fault))).toBe(false);
  });
});

/** Finds the lowest virtual time by looking at every VM when one wakes up, as dmclock does. */
class ScansAtWakeUp implements Pick<Policy, "enqueue" | "next"> {
  readonly #virtualTimes: Float64Array;
  #waiting: Command | undefined;

  constructor(vms: number) {
    this.#virtualTimes = new Float64Array(vms);
  }

  enqueue(command: Command): void {
    let least = Infinity;
    for (const virtualTime of this.#virtualTimes) if (virtualTime < least) least = virtualTime;
    this.#virtualTimes[command.vm] = least;
    this.#waiting = command;
  }

  next(): Command | undefined {
    const command = this.#waiting;
    this.#waiting = undefined;
    return command;
  }
}

describe("an idle VM that wakes up", () => {
  /** ns for a wake-up and a decision among idle VMs; the least of several rounds, which nothing else disturbs. */
  function wakeUpNs(policy: Pick<Policy, "enqueue" | "next">, vms: number, turns: number): number {
    const commands = Array.from({ length: vms }, (_, vm) =>
      Object.assign(new Command(), { vm, lengthBytes: 4096 }),
    );
    for (const command of commands) policy.enqueue(command, 0);
    while (policy.next(0));
    let leastNs = Infinity;
    for (let round = 0; round < 10; round++) {
      const startNs = process.hrtime.bigint();
      for (let turn = 0; turn < turns; turn++) {
        const command = commands[(turn * 7919) % vms];
        if (command !== undefined) policy.enqueue(command, 0);
        policy.next(0);
      }
      leastNs = Math.min(leastNs, Number(process.hrtime.bigint() - startNs) / turns);
    }
    return leastNs;
  }

  it("costs no more steps, however many others are idle", () => {
    const [few, many] = [250, 10_000];
    // Misses of the processor's caches are all that grows.
    expect(wakeUpNs(diskScheduler(), many, 10_000)).toBeLessThan(12 * wakeUpNs(diskScheduler(), few, 10_000));
    const scans = (vms: number) => wakeUpNs(new ScansAtWakeUp(vms), vms, 500);
    expect(scans(many)).toBeGreaterThan(12 * scans(few));
  });
});
