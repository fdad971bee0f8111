import assert from "node:assert/strict";
import type { AdmissionPolicy, EntrySettings, EntryStatus } from "@fairlead/core";
import { AdmissionDriver, isOptionError, settingsOf } from "./admission-model.js";
import { nextOf } from "./admission-queue.js";
import type { Taken } from "./admission-steps.js";
import type { SuiteRunner } from "./runner.js";

const BLOCK_BYTES = 4096;

/** Laws of what an administrator sets, and of what is told. */
export function settingsLaws({ it }: SuiteRunner, create: () => AdmissionPolicy, taken: Taken): void {
  const driver = () => new AdmissionDriver(create());

  it("takes every level of service, tells it, keeps what is left out, and forgets it with the entry", () => {
    const host = driver();
    assert.equal(host.policy.entry(4), undefined);
    host.policy.setEntry(4, {}, host.nowMs);
    const { shares, ...defaults } = settingsOf(statusOf(host, 4));
    assert.deepEqual(defaults, {
      priority: 5,
      guarantee: null,
      limit: null,
      quantum: null,
      latencyCritical: false,
    });
    const expected: EntrySettings = { ...defaults, shares };
    for (const change of levelsOfService(taken)) {
      host.policy.setEntry(4, change, host.nowMs);
      Object.assign(expected, change);
      assert.deepEqual(settingsOf(statusOf(host, 4)), expected, `after ${JSON.stringify(change)}`);
    }
    host.policy.removeEntry(4);
    assert.equal(host.policy.entry(4), undefined, "after removeEntry");
    host.policy.setEntry(4, {}, host.nowMs);
    assert.deepEqual(settingsOf(statusOf(host, 4)), { ...defaults, shares }, "a new entry");
  });

  it("refuses a level of service that is out of range, and then changes nothing", () => {
    const host = driver();
    for (const wrong of outOfRange(taken)) {
      assertRefused(host.policy, 9, wrong);
      assert.equal(host.policy.entry(9), undefined, "an entry was made of settings that were refused");
    }
    host.policy.setEntry(9, { shares: 70, priority: 3 }, 0);
    const before = host.policy.entry(9);
    for (const wrong of outOfRange(taken)) {
      assertRefused(host.policy, 9, { shares: 60, priority: 8, ...wrong });
      assert.deepEqual(host.policy.entry(9), before, `after ${JSON.stringify(wrong)}`);
    }
  });

  if (!taken.limits) {
    it("refuses a limit, which it would not keep", () => {
      const policy = create();
      assertRefused(policy, 1, { limit: { commandsPerSecond: 1000 } });
      assertRefused(policy, 1, { limit: { bytesPerSecond: 1e6 } });
      policy.setEntry(1, { limit: null }, 0);
    });
  }

  if (!taken.guarantees) {
    it("refuses a guarantee, which it would not keep", () => {
      const policy = create();
      assertRefused(policy, 1, { guarantee: { commandsPerSecond: 1000 } });
      assertRefused(policy, 1, { guarantee: { bytesPerSecond: 1e6 } });
      policy.setEntry(1, { guarantee: null }, 0);
    });
  }

  it("tells what a VM has queued and consumed, and refunds what is requeued", () => {
    const host = driver();
    const told = (state: string, queuedCommands: number, consumed: boolean) => {
      const status = statusOf(host, 4);
      assert.equal(status.state === "idle", state === "idle", `state is ${status.state}`);
      assert.equal(status.queuedCommands, queuedCommands, "queuedCommands");
      assert.equal(status.consumedUnits > 0, consumed, `consumedUnits is ${status.consumedUnits}`);
      assert.ok(status.consumedUnits >= 0, `consumedUnits is ${status.consumedUnits}`);
    };
    host.policy.setEntry(4, { shares: 700 }, host.nowMs);
    told("idle", 0, false);
    for (let count = 0; count < 3; count++) host.enqueue(4, count << 24, BLOCK_BYTES);
    told("waiting", 3, false);
    const command = nextOf(host);
    told("waiting", 2, true);
    host.requeue(command);
    told("waiting", 3, false);
    host.exhaust();
    told("idle", 0, true);
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
}

function levelsOfService({ limits, guarantees }: Taken): EntrySettings[] {
  return [
    { shares: 700 },
    { priority: 0 },
    { priority: 10 },
    { quantum: 1 },
    { quantum: 100 },
    { latencyCritical: true },
    ...(limits ? [{ limit: { commandsPerSecond: 2000 } }, { limit: { bytesPerSecond: 1e9 } }] : []),
    ...(guarantees
      ? [{ guarantee: { bytesPerSecond: 1e4 } }, { guarantee: { commandsPerSecond: 0.5 } }]
      : []),
    { shares: 1, priority: 6 },
    { limit: null, guarantee: null },
    { quantum: null, latencyCritical: false },
  ];
}

function outOfRange({ limits, guarantees }: Taken): EntrySettings[] {
  const rates = [0, -1, Number.NaN].flatMap((value) => [
    { bytesPerSecond: value },
    { commandsPerSecond: value },
  ]);
  return [
    ...[-1, Number.NaN, Infinity].map((shares) => ({ shares })),
    ...[-1, 11, 2.5, Number.NaN].map((priority) => ({ priority })),
    ...[-1, 1.5, Number.NaN].map((quantum) => ({ quantum })),
    ...(limits ? rates.map((limit) => ({ limit })) : []),
    ...(guarantees ? rates.map((guarantee) => ({ guarantee })) : []),
  ];
}

function assertRefused(policy: AdmissionPolicy, vm: number, settings: EntrySettings): void {
  const [name, value] = Object.entries(settings).at(-1) ?? [];
  assert.throws(
    () => policy.setEntry(vm, settings, 0),
    isOptionError,
    `setEntry must throw an OptionError where ${name} is ${JSON.stringify(value) ?? value}`,
  );
}

function statusOf(host: AdmissionDriver, vm: number): EntryStatus {
  const status = host.policy.entry(vm);
  assert.ok(status !== undefined, `entry(${vm}) is undefined`);
  assert.ok(Number.isFinite(status.virtualTime), `virtualTime is ${status.virtualTime}`);
  assert.ok(status.unmetMs >= 0 && status.unmetMs < Infinity, `unmetMs is ${status.unmetMs}`);
  return status;
}
