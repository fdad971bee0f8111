import assert from "node:assert/strict";
import type { AdmissionPolicy, EntrySettings, Rate, VmId } from "@fairlead/core";
import { AdmissionDriver } from "./admission-model.js";
import type { Taken } from "./admission-steps.js";
import { LoadedLun, longestGapMs, mostWithin } from "./loaded-lun.js";
import type { SuiteRunner } from "./runner.js";

const KIB = 1024;
const BLOCK_BYTES = 4 * KIB;
// Equal VMs in turn would wait for one round; quanta, minima and intervals may stretch that, not more.
const ROUNDS_WAITED_MAX = 64;
// A rate may be missed by this part of it over 10 s, ...
const RATE_TOLERANCE = 0.05;
// ... and a burst may be as long as half a second of it.
const SECOND_MAX = 1.5;
const STARVED_MS_MAX = 10_000;
const LUN = { unitsPerSecond: 10_000, depth: 16, lateMs: 4 };

/** Laws of who gets how much, and when. */
export function bandwidthLaws({ it }: SuiteRunner, create: () => AdmissionPolicy, taken: Taken): void {
  it("lets no VM wait for ever beside equal ones", () => {
    equalVmsInTurn(new AdmissionDriver(create()));
  });

  it("serves a VM with shares within bounded time whatever the priorities of others", () => {
    const loads = [1, 2, 3].map((vm) => ({ vm, lengthBytes: 64 * KIB, backlog: 16 }));
    for (const capacity of [1, 0.5]) {
      const lun = new LoadedLun(create(), LUN);
      lun.setPaths(["vmhba0:0:1"], capacity);
      for (const { vm } of loads) {
        const guarantee = taken.guarantees ? { guarantee: { commandsPerSecond: 1000 } } : {};
        lun.policy.setEntry(
          vm,
          { shares: 2000, priority: 10, latencyCritical: vm === 1, ...guarantee },
          lun.policyMs,
        );
      }
      lun.policy.setEntry(4, { shares: 100, priority: 0 }, lun.policyMs);
      for (const load of loads) lun.load(load);
      lun.load({ vm: 4, lengthBytes: BLOCK_BYTES, backlog: 2 });
      lun.run(40_000);
      const gapMs = longestGapMs(lun.sentTimes(4), 0, lun.nowMs);
      assert.ok(gapMs <= STARVED_MS_MAX, `a VM with priority 0 waited for ${gapMs} ms, capacity ${capacity}`);
    }
  });

  it("goes on when time stands still, steps back or leaps", () => {
    const settings = taken.limits ? { limit: { commandsPerSecond: 500 } } : {};
    const lun = new LoadedLun(create(), LUN);
    lun.policy.setEntry(1, settings, lun.policyMs);
    const loads = [1, 2].map((vm) => ({ vm, lengthBytes: BLOCK_BYTES, backlog: 12 }));
    for (const load of loads) lun.load(load);
    for (const skewMs of [0, -3_600_000, 0, 3_600_000, -10]) {
      lun.skewMs += skewMs;
      const fromMs = lun.nowMs;
      lun.run(4000);
      for (const { vm } of loads) {
        const gapMs = longestGapMs(lun.sentTimes(vm, fromMs), fromMs, lun.nowMs);
        assert.ok(gapMs <= 2000, `VM ${vm} waited for ${gapMs} ms after a step of the clock by ${skewMs} ms`);
      }
      if (taken.limits) assertRate(lun, 1, 500, fromMs, 0.3);
    }
  });

  if (taken.limits) limitLaws({ it }, create);
  if (taken.guarantees) guaranteeLaws({ it }, create);
}

function limitLaws({ it }: Pick<SuiteRunner, "it">, create: () => AdmissionPolicy): void {
  it("keeps a VM at its limit, alone and beside another, with wake-ups that come late", () => {
    for (const others of [0, 1]) {
      for (const [limit, lengthBytes] of LIMITS) {
        const lun = new LoadedLun(create(), LUN);
        lun.policy.setEntry(1, { limit }, lun.policyMs);
        lun.load({ vm: 1, lengthBytes, backlog: 12 });
        if (others > 0) lun.load({ vm: 2, lengthBytes: 16 * KIB, backlog: 8 });
        lun.run(11_000);
        assertRate(lun, 1, perSecond(limit, lengthBytes), 1000, RATE_TOLERANCE);
      }
    }
  });

  it("saves no burst for a limited VM while it is idle", () => {
    const lun = new LoadedLun(create(), LUN);
    lun.policy.setEntry(1, { limit: { commandsPerSecond: 400 } }, lun.policyMs);
    const load = { vm: 1, lengthBytes: BLOCK_BYTES, backlog: 12 };
    for (const idleMs of [20, 700, 5000, 60_000]) {
      lun.load(load);
      lun.run(1000);
      lun.unload(1);
      lun.run(idleMs);
    }
    const most = mostWithin(lun.sentTimes(1), 1000);
    assert.ok(most <= 400 * SECOND_MAX + 1, `limited to 400 commands/s, it sent ${most} within a second`);
  });

  it("tells that a VM is limited, and serves it at once where the limit is lifted", () => {
    const host = new AdmissionDriver(create());
    host.set(1, { limit: { commandsPerSecond: 1 } });
    for (let count = 0; count < 20; count++) host.enqueue(1, count << 24, BLOCK_BYTES);
    while (host.next() !== undefined)
      assert.ok(host.queuedCommands > 15, "a limit of 1 command/s was not kept");
    assert.equal(host.policy.entry(1)?.state, "limited");
    const given = host.outstanding.length;
    for (const command of host.outstanding.toReversed()) host.requeue(command);
    while (host.next() !== undefined);
    assert.equal(host.outstanding.length, given, "requeued commands count twice");
    // Cannot be used by others: it holds back one VM alone.
    host.enqueue(2, 0, BLOCK_BYTES);
    assert.equal(host.next()?.vm, 2, "a VM without a limit");
    host.set(1, { limit: null });
    while (host.next() !== undefined);
    assert.equal(host.queuedCommands, 0, "held back after the limit was lifted");
  });
}

function guaranteeLaws({ it }: Pick<SuiteRunner, "it">, create: () => AdmissionPolicy): void {
  it("gives a VM what it was guaranteed beside a flood, whatever its shares and priority", () => {
    const cases: [EntrySettings & { guarantee: Rate }, lengthBytes: number][] = [
      [{ guarantee: { commandsPerSecond: 500 }, shares: 1, priority: 0 }, BLOCK_BYTES],
      [{ guarantee: { bytesPerSecond: 8 << 20 }, shares: 0, priority: 5 }, 16 * KIB],
      [{ guarantee: { commandsPerSecond: 20 }, shares: 1, priority: 5 }, 512 * KIB],
    ];
    for (const [settings, lengthBytes] of cases) {
      const lun = new LoadedLun(create(), LUN);
      lun.policy.setEntry(1, settings, lun.policyMs);
      lun.load({ vm: 1, lengthBytes, backlog: 24 });
      for (const vm of [2, 3, 4, 5]) {
        lun.policy.setEntry(vm, { shares: 2000, priority: vm === 5 ? 10 : 5 }, lun.policyMs);
        lun.load({ vm, lengthBytes: 64 * KIB, backlog: 8 });
      }
      lun.run(12_000);
      const rate = lun.sentTimes(1, 2000).length / 10;
      const guaranteed = perSecond(settings.guarantee, lengthBytes);
      assert.ok(
        rate >= guaranteed * (1 - RATE_TOLERANCE),
        `guaranteed ${guaranteed} commands/s of ${lengthBytes} bytes with ${settings.shares} shares, it got ${rate}`,
      );
    }
  });
}

const LIMITS: readonly [Rate, lengthBytes: number][] = [
  [{ commandsPerSecond: 1000 }, BLOCK_BYTES],
  [{ commandsPerSecond: 100 }, 64 * KIB],
  [{ bytesPerSecond: 4 << 20 }, 64 * KIB],
  [{ bytesPerSecond: 8 << 20 }, 1 << 20],
];

function perSecond(rate: Rate, lengthBytes: number): number {
  return "bytesPerSecond" in rate ? rate.bytesPerSecond / lengthBytes : rate.commandsPerSecond;
}

/** The rate since `fromMs`, and in each second of it. One command more or less is no fault. */
function assertRate(lun: LoadedLun, vm: VmId, expected: number, fromMs: number, tolerance: number): void {
  const times = lun.sentTimes(vm, fromMs);
  const due = (expected * (lun.nowMs - fromMs)) / 1000;
  const what = `limited to ${expected} commands/s, from ${fromMs} to ${lun.nowMs} ms it sent ${times.length}`;
  assert.ok(Math.abs(times.length - due) <= due * tolerance + 1, what);
  const most = mostWithin(times, 1000);
  assert.ok(most <= expected * SECOND_MAX + 1, `${what}, ${most} of them within one second`);
}

function equalVmsInTurn(host: AdmissionDriver): void {
  const vms = 12;
  const longBytes = 256 * KIB;
  const waited = new Array<number>(vms).fill(0);
  for (let vm = 0; vm < vms; vm++) {
    // Of very different sizes, and all sequential: each would like to go on.
    const lengthBytes = vm % 3 === 0 ? longBytes : BLOCK_BYTES;
    for (let count = 0; count < 3; count++) host.enqueue(vm, count * lengthBytes, lengthBytes);
  }
  for (let turn = 0; turn < 5000; turn++) {
    host.nowMs += 0.25;
    const command = host.next();
    if (command === undefined) {
      host.nowMs = host.policy.nextAt(host.nowMs);
      continue;
    }
    for (let vm = 0; vm < vms; vm++)
      waited[vm] = vm === command.vm ? 0 : (waited[vm] ?? 0) + command.lengthBytes;
    const longest = waited.indexOf(Math.max(...waited));
    assert.ok(
      (waited[longest] ?? 0) <= ROUNDS_WAITED_MAX * vms * longBytes,
      `VM ${longest} waited while ${waited[longest]} bytes of the others went`,
    );
    host.completed(command);
    host.enqueue(command.vm, command.offsetBytes + 3 * command.lengthBytes, command.lengthBytes);
  }
}
