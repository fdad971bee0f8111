import assert from "node:assert/strict";
import type { AdmissionPolicy, Rate, VmId } from "@fairlead/core";
import type { Taken } from "./admission-steps.js";
import { LoadedLun } from "./loaded-lun.js";
import type { SuiteRunner } from "./runner.js";

const BLOCK_BYTES = 4096;
// What a flush counts as under a rate in bytes, at least: the smallest block. At most it is a block of 4 KiB.
const FLUSH_BYTES_MIN = 512;
const TOLERANCE = 0.05;
const CRITICAL_PART_MAX = 0.2;
const LUN = { unitsPerSecond: 10_000, depth: 16, lateMs: 4 };
const RUN_MS = 3000;

/** Laws of VMs that ask for all that they can get. */
export function floodLaws({ it }: SuiteRunner, create: () => AdmissionPolicy, taken: Taken): void {
  it("gives a latency-critical VM that floods the LUN a fifth of it for that, at most", () => {
    for (const backlog of [16, 64]) {
      const plain = partOfFlood(create(), false, backlog);
      const critical = partOfFlood(create(), true, backlog);
      const inWords = `${(100 * critical).toFixed(1)} % of the LUN, and ${(100 * plain).toFixed(1)} % if it is not`;
      assert.ok(critical <= plain + CRITICAL_PART_MAX, `1 share of 2001, latency-critical, has ${inWords}`);
    }
  });

  if (taken.limits) {
    it("counts a flush under a limit in bytes as one block", () => {
      const lun = new LoadedLun(create(), LUN);
      const bytesPerSecond = 1 << 20;
      lun.policy.setEntry(1, { limit: { bytesPerSecond } }, lun.policyMs);
      lun.load({ vm: 1, lengthBytes: 0, backlog: 64 });
      lun.run(1000 + RUN_MS);
      const rate = perSecond(lun, 1);
      const [least, most] = [bytesPerSecond / BLOCK_BYTES, bytesPerSecond / FLUSH_BYTES_MIN];
      assert.ok(
        rate >= least * (1 - TOLERANCE) && rate <= most * (1 + TOLERANCE),
        `limited to ${bytesPerSecond} bytes/s, it sent ${rate} flushes/s, not ${least} to ${most}`,
      );
    });
  }

  if (taken.guarantees) guaranteeLaws({ it }, create);
}

function guaranteeLaws({ it }: Pick<SuiteRunner, "it">, create: () => AdmissionPolicy): void {
  it("lets no flood of flushes under a guarantee in bytes keep others from what they were guaranteed", () => {
    const lun = new LoadedLun(create(), LUN);
    const guaranteed = 500;
    lun.policy.setEntry(1, { guarantee: { bytesPerSecond: 1 << 20 } }, lun.policyMs);
    lun.policy.setEntry(2, { guarantee: { commandsPerSecond: guaranteed }, shares: 1 }, lun.policyMs);
    lun.load({ vm: 1, lengthBytes: 0, backlog: 64 });
    lun.load({ vm: 2, lengthBytes: BLOCK_BYTES, backlog: 24 });
    lun.load({ vm: 3, lengthBytes: 64 * 1024, backlog: 8 });
    lun.run(1000 + RUN_MS);
    const rate = perSecond(lun, 2);
    assert.ok(
      rate >= guaranteed * (1 - TOLERANCE),
      `guaranteed ${guaranteed} commands/s beside a VM that flushes, it got ${rate}`,
    );
  });

  it("tells for how long a guarantee could not be met, and not where it was", () => {
    const runMs = 6000;
    const unmetMs = (rates: readonly Rate[]) => {
      const lun = new LoadedLun(create(), LUN);
      for (const [vm, guarantee] of rates.entries()) {
        lun.policy.setEntry(vm, { guarantee }, lun.policyMs);
        lun.load({ vm, lengthBytes: BLOCK_BYTES, backlog: 24 });
      }
      lun.run(runMs);
      return rates.map((_rate, vm) => lun.policy.entry(vm)?.unmetMs ?? Number.NaN);
    };
    // Twice what the LUN does: whether all of the time counts, or the part that is missing, is the author's choice.
    for (const ms of unmetMs([{ commandsPerSecond: 12_000 }, { bytesPerSecond: 8000 * BLOCK_BYTES }])) {
      const told = `unmetMs is ${ms} after ${runMs} ms in which half of the guarantee was met`;
      assert.ok(ms >= runMs / 10 && ms <= runMs, told);
    }
    // A tenth of what the LUN does.
    for (const ms of unmetMs([{ commandsPerSecond: 500 }, { bytesPerSecond: 500 * BLOCK_BYTES }])) {
      assert.ok(ms <= runMs / 20, `unmetMs is ${ms} after ${runMs} ms in which the guarantee was met`);
    }
  });
}

/** What a VM with 1 share gets beside two with 1000 each, 0 to 1. */
function partOfFlood(policy: AdmissionPolicy, latencyCritical: boolean, backlog: number): number {
  const lun = new LoadedLun(policy, LUN);
  lun.policy.setEntry(1, { shares: 1, latencyCritical }, lun.policyMs);
  for (const vm of [2, 3]) lun.policy.setEntry(vm, { shares: 1000 }, lun.policyMs);
  lun.load({ vm: 1, lengthBytes: BLOCK_BYTES, backlog: 64 });
  for (const vm of [2, 3]) lun.load({ vm, lengthBytes: BLOCK_BYTES, backlog });
  lun.run(1000 + RUN_MS);
  const [own, ...others] = [1, 2, 3].map((vm) => perSecond(lun, vm));
  return (own ?? 0) / ((own ?? 0) + others.reduce((sum, rate) => sum + rate, 0));
}

/** Commands per second since the first second, in which bursts are spent. */
function perSecond(lun: LoadedLun, vm: VmId): number {
  return (1000 * lun.sentTimes(vm, 1000).length) / RUN_MS;
}
