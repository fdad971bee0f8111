import assert from "node:assert/strict";
import { type AdmissionPolicy, Command } from "@fairlead/core";
import { AdmissionDriver } from "./admission-model.js";
import { nextOf } from "./admission-queue.js";
import type { Taken } from "./admission-steps.js";
import { assertBearsLargeIds } from "./large-ids.js";
import type { SuiteRunner } from "./runner.js";

const BLOCK_BYTES = 4096;
// Of unequal length, and more than 16 bits hold.
const QUEUED = [5, 300, 70_001];
const HELD_MS_MAX = 2000;

/** Laws of what is large: queues, ids, and waits while the LUN is idle. */
export function rangeLaws({ it }: SuiteRunner, create: () => AdmissionPolicy, taken: Taken): void {
  it("counts what a VM has queued, however much it is", () => {
    const host = new AdmissionDriver(create());
    const told = QUEUED.map(() => 0);
    const check = (vm: number, by: number) => {
      told[vm] = (told[vm] ?? 0) + by;
      assert.equal(host.policy.entry(vm)?.queuedCommands, told[vm], `queuedCommands of VM ${vm}`);
      assert.equal(host.policy.queuedCommands, host.queuedCommands, "queuedCommands of all");
    };
    for (const [vm, commands] of QUEUED.entries()) {
      for (let count = 0; count < commands; count++) {
        host.enqueue(vm, (count % 65_536) << 12, BLOCK_BYTES);
        if (count < 300) check(vm, 1);
        else told[vm] = count + 1;
      }
      check(vm, 0);
    }
    for (let turn = 0; turn < 20; turn++) {
      const command = nextOf(host);
      check(command.vm, -1);
      if (turn % 3 !== 0) continue;
      host.requeue(command);
      check(command.vm, 1);
    }
    host.cancel(host.enqueue(2, 0, BLOCK_BYTES));
    check(2, 0);
    host.drain();
    for (const vm of QUEUED.keys()) check(vm, -(told[vm] ?? 0));
  });

  it("bears ids of VMs up to 16,777,215, whatever they are at the same cost", () => {
    const command = new Command();
    command.lengthBytes = BLOCK_BYTES;
    let nowMs = 0;
    assertBearsLargeIds(create(), (policy, vm) => {
      nowMs += 100;
      // Every second one comes without having been told of.
      if (vm % 2 === 0) policy.setEntry(vm, { shares: 100, priority: vm % 11 }, nowMs);
      command.vm = vm;
      policy.enqueue(command, nowMs);
      assert.equal(policy.entry(vm)?.queuedCommands, 1, `queuedCommands of VM ${vm}`);
      assert.equal(policy.next(nowMs), command, `the command of VM ${vm}, which is alone`);
      policy.completed(command, nowMs);
      policy.removeEntry(vm);
    });
  });

  it("holds nothing back for long while nothing is outstanding, however the paths change", () => {
    const host = new AdmissionDriver(create());
    for (let vm = 0; vm < 8; vm++) {
      const guarantee = taken.guarantees && vm === 5 ? { guarantee: { commandsPerSecond: 100 } } : {};
      host.set(vm, { shares: 100 * vm, priority: vm, latencyCritical: vm === 3, ...guarantee });
    }
    const changes: [ids: string[], capacity: number][] = [
      [["vmhba0:0:1", "vmhba1:0:1"], 1],
      [["vmhba1:0:1"], 0.5],
      [[], 0],
      [["vmhba0:0:1"], 0.5],
      [["vmhba0:0:1", "vmhba0:1:1", "vmhba1:0:1"], 0.75],
      [["vmhba0:1:1"], 0.25],
      [["vmhba0:0:1", "vmhba0:1:1", "vmhba1:0:1", "vmhba1:1:1"], 1],
    ];
    for (const [ids, capacity] of changes) {
      for (let count = 0; count < 24; count++) host.enqueue(count % 8, count << 24, BLOCK_BYTES * count);
      // What was sent over the paths before ends after the change.
      for (let count = 0; count < 6; count++) host.next();
      host.setPaths(ids, capacity);
      for (const command of [...host.outstanding]) host.completed(command);
      if (ids.length > 0) serveOneByOne(host, `${ids.length} paths, capacity ${capacity}`);
    }
  });
}

function serveOneByOne(host: AdmissionDriver, paths: string): void {
  let sinceMs = host.nowMs;
  while (host.queuedCommands > 0) {
    const command = host.next();
    if (command !== undefined) {
      host.completed(command);
      sinceMs = host.nowMs;
      continue;
    }
    host.nowMs = host.policy.nextAt(host.nowMs);
    const heldMs = host.nowMs - sinceMs;
    const held = `${host.queuedCommands} commands are held back for ${heldMs} ms, nothing is outstanding, ${paths}`;
    assert.ok(heldMs <= HELD_MS_MAX, held);
  }
}
