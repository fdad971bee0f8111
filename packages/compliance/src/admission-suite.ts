import assert from "node:assert/strict";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { type AdmissionPolicy, Command } from "@fairlead/core";
import fc from "fast-check";
import { AdmissionDriver, type AdmissionStep } from "./admission-model.js";
import { allocatedBytesPerCall } from "./allocation.js";
import { SEED, type SuiteRunner } from "./runner.js";

const BLOCK_BYTES = 4096;
// One object may take this much per command without a complaint, which is less than the smallest object.
const ALLOCATED_BYTES_MAX = 8;
// Equal VMs in turn would wait for one round; quanta, minima and intervals may stretch that, not more.
const ROUNDS_WAITED_MAX = 64;
const RETAINED_BYTES_PER_VM_MAX = 16;

/** Laws that every admission policy keeps. `create` makes a new instance for each. */
export function admissionSuite(runner: SuiteRunner, create: () => AdmissionPolicy): void {
  const { describe, it } = runner;
  const driver = () => new AdmissionDriver(create());
  describe("admission policy", () => {
    it("has a name", () => {
      assert.match(create().name, /^[a-z0-9][a-z0-9-]*$/);
    });

    it("gives everything that was enqueued exactly once and each VM's in its order, whatever is called between", () => {
      check((steps) => {
        const host = driver();
        for (const step of steps) host.step(step);
        host.exhaust();
      });
    });

    it("gives the same answers to the same calls at the same times", () => {
      check((steps) => {
        const [first, second] = [driver(), driver()];
        for (const step of steps) {
          first.step(step);
          second.step(step);
        }
        first.exhaust();
        second.exhaust();
        assert.deepEqual(first.given, second.given);
      });
    });

    it("gives nothing while nothing is queued", () => {
      const policy = create();
      assert.equal(policy.queuedCommands, 0);
      assert.equal(policy.next(0), undefined);
      policy.setEntry(1, { shares: 1000 }, 0);
      assert.equal(policy.next(5000), undefined);
    });

    it("puts a requeued command at the head of its VM", () => {
      const host = driver();
      const [first, second] = [host.enqueue(3, 0, BLOCK_BYTES), host.enqueue(3, 1 << 20, BLOCK_BYTES)];
      assert.equal(nextOf(host), first);
      host.requeue(first);
      assert.equal(host.policy.queuedCommands, 2);
      assert.equal(nextOf(host), first);
      assert.equal(nextOf(host), second);
      // Back in the order in which they can be sent again: the last one out first.
      host.requeue(second);
      host.requeue(first);
      assert.equal(nextOf(host), first);
      assert.equal(nextOf(host), second);
    });

    it("takes a cancelled command out of any place, once", () => {
      for (const place of [0, 1, 2, 3, 4]) {
        const host = driver();
        const commands = [0, 1, 2, 3, 4].map((at) => host.enqueue(2, at << 24, BLOCK_BYTES));
        const victim = commands[place] ?? new Command();
        host.cancel(victim);
        assert.equal(host.policy.cancel(victim), false, "cancelled twice");
        host.enqueue(2, 9 << 24, BLOCK_BYTES);
        host.exhaust();
      }
      const host = driver();
      const command = host.enqueue(2, 0, BLOCK_BYTES);
      nextOf(host);
      assert.equal(host.policy.cancel(command), false, "cancelled after it was given");
      assert.equal(host.policy.cancel(new Command()), false, "a stranger");
    });

    it("hands everything over when drained, oldest first, and is of use afterwards", () => {
      const host = driver();
      for (let count = 0; count < 30; count++)
        host.enqueue(count % 4, count << 20, BLOCK_BYTES * (count % 7));
      const requeued = nextOf(host);
      host.requeue(requeued);
      host.drain();
      host.enqueue(2, 0, BLOCK_BYTES);
      host.exhaust();
    });

    it("lets no VM wait for ever beside equal ones", () => {
      const vms = 12;
      const host = driver();
      const waited = new Array<number>(vms).fill(0);
      for (let vm = 0; vm < vms; vm++) {
        // Of very different sizes, and all sequential: each would like to go on.
        const lengthBytes = vm % 3 === 0 ? 1 << 18 : BLOCK_BYTES;
        for (let count = 0; count < 3; count++) host.enqueue(vm, count * lengthBytes, lengthBytes);
      }
      for (let turn = 0; turn < 5000; turn++) {
        host.nowMs += 0.25;
        const command = host.next();
        if (command === undefined) continue;
        for (let vm = 0; vm < vms; vm++)
          waited[vm] = vm === command.vm ? 0 : (waited[vm] ?? 0) + command.lengthBytes;
        const longest = waited.indexOf(Math.max(...waited));
        assert.ok(
          (waited[longest] ?? 0) <= ROUNDS_WAITED_MAX * vms * (1 << 18),
          `VM ${longest} waited while ${waited[longest]} bytes of the others went`,
        );
        host.completed(command);
        host.enqueue(command.vm, command.offsetBytes + 3 * command.lengthBytes, command.lengthBytes);
      }
    });

    it("serves a VM that has no entry, and one with 0 shares while it is alone", () => {
      const host = driver();
      host.policy.removeEntry(77);
      host.enqueue(77, 0, BLOCK_BYTES);
      host.policy.setEntry(5, { shares: 0 }, host.nowMs);
      host.exhaust();
      for (let count = 0; count < 3; count++) host.enqueue(5, count << 24, BLOCK_BYTES);
      host.exhaust();
    });

    it("tells what a VM has", () => {
      const host = driver();
      assert.equal(host.policy.entry(4), undefined);
      host.policy.setEntry(4, { shares: 700 }, host.nowMs);
      assert.deepEqual(statusOf(host, 4), { shares: 700, queuedCommands: 0, consumedUnits: 0 });
      for (let count = 0; count < 3; count++) host.enqueue(4, count << 24, BLOCK_BYTES);
      assert.deepEqual(statusOf(host, 4), { shares: 700, queuedCommands: 3, consumedUnits: 0 });
      const command = nextOf(host);
      assert.ok(statusOf(host, 4).consumedUnits > 0, "a routed command consumes units");
      host.requeue(command);
      assert.deepEqual(
        statusOf(host, 4),
        { shares: 700, queuedCommands: 3, consumedUnits: 0 },
        "after a refund",
      );
      host.policy.setEntry(4, {}, host.nowMs);
      assert.equal(statusOf(host, 4).shares, 700, "what is left out keeps its value");
      host.exhaust();
      host.policy.removeEntry(4);
      assert.equal(host.policy.entry(4), undefined, "after removeEntry");
    });

    it("allocates nothing for a command", () => {
      const policy = create();
      for (let vm = 0; vm < 16; vm++) {
        for (let count = 0; count < 2; count++) policy.enqueue(newCommand(vm, count << 24), 0);
      }
      const bytes = allocatedBytesPerCall((turn) => {
        // Whole, as small numbers are not on the heap: what is counted must be the policy's.
        const nowMs = turn >> 6;
        const command = policy.next(nowMs);
        if (command === undefined) return;
        if (turn % 16 === 0) {
          policy.requeue(command, nowMs);
          return;
        }
        policy.completed(command, nowMs);
        policy.enqueue(command, nowMs);
      });
      assert.ok(bytes <= ALLOCATED_BYTES_MAX, `left ${bytes.toFixed(1)} bytes on the heap for each command`);
    });

    it("forgets the VMs that were removed", () => {
      const policy = create();
      const generation = (first: number) => {
        for (let vm = first; vm < first + 2000; vm++) {
          policy.setEntry(vm, { shares: 100 + (vm % 7) }, 0);
          policy.enqueue(newCommand(vm, 0), 0);
        }
        for (let left = 2000; left > 0; left--) {
          const command = policy.next(0);
          assert.ok(
            command !== undefined,
            "next gave nothing while something was queued and nothing was limited",
          );
          policy.completed(command, 0);
        }
        for (let vm = first; vm < first + 2000; vm++) policy.removeEntry(vm);
      };
      for (let round = 0; round < 5; round++) generation(2000 * (round % 3));
      const beforeBytes = heapBytes();
      for (let round = 0; round < 30; round++) generation(2000 * (round % 3));
      const bytesPerVm = (heapBytes() - beforeBytes) / (30 * 2000);
      assert.ok(
        bytesPerVm <= RETAINED_BYTES_PER_VM_MAX,
        `keeps ${bytesPerVm.toFixed(1)} bytes for each VM that is gone`,
      );
    });
  });
}

function check(law: (steps: readonly AdmissionStep[]) => void): void {
  fc.assert(fc.property(fc.array(stepArbitrary, { minLength: 5, maxLength: 120 }), law), {
    seed: SEED,
    numRuns: 200,
  });
}

const vm = fc.oneof(
  { weight: 8, arbitrary: fc.nat(6) },
  { weight: 1, arbitrary: fc.constantFrom(63, 64, 5000) },
);
const pick = fc.nat(1000);
const stepArbitrary: fc.Arbitrary<AdmissionStep> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      kind: fc.constant("enqueue" as const),
      vm,
      // Near one another, so that runs of sequential commands are among them.
      offsetBytes: fc.nat(1000).map((blocks) => blocks * BLOCK_BYTES),
      lengthBytes: fc.constantFrom(0, 512, 4096, 4096, 4608, 65536, 1 << 20),
    }),
  },
  { weight: 9, arbitrary: fc.constant({ kind: "next" as const }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("requeue" as const), pick }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("completed" as const), pick }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constantFrom("cancel" as const, "cancel-stranger" as const), pick }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("set" as const),
      vm,
      shares: fc.constantFrom(0, 1, 1000, 4000),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("remove" as const), vm }) },
  { weight: 1, arbitrary: fc.constant({ kind: "drain" as const }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("paths" as const), capacity: fc.constantFrom(1, 0.5, 0) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant("advance" as const), ms: fc.constantFrom(0.5, 20, 3000) }),
  },
);

function nextOf(host: AdmissionDriver): Command {
  const command = host.next();
  assert.ok(command !== undefined, "next gave nothing although one VM alone has something queued");
  return command;
}

function statusOf(
  host: AdmissionDriver,
  of: number,
): { shares: number; queuedCommands: number; consumedUnits: number } {
  const status = host.policy.entry(of);
  assert.ok(status !== undefined, `entry(${of}) is undefined`);
  assert.ok(Number.isFinite(status.virtualTime), `virtualTime is ${status.virtualTime}`);
  const { shares, queuedCommands, consumedUnits } = status;
  return { shares, queuedCommands, consumedUnits };
}

function newCommand(of: number, offsetBytes: number): Command {
  const command = new Command();
  command.vm = of;
  command.offsetBytes = offsetBytes;
  command.lengthBytes = BLOCK_BYTES;
  return command;
}

/** After a full collection. */
function heapBytes(): number {
  setFlagsFromString("--expose-gc");
  const collect: unknown = runInNewContext("gc");
  if (typeof collect === "function") collect();
  return process.memoryUsage().heapUsed;
}
