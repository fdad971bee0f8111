import assert from "node:assert/strict";
import { type AdmissionPolicy, Command, type EntrySettings } from "@fairlead/core";
import type { Taken } from "./admission-steps.js";
import { allocatedBytesPerCall } from "./allocation.js";
import { grownBytes } from "./heap.js";
import { LunPaths } from "./lun-paths.js";
import type { SuiteRunner } from "./runner.js";

const BLOCK_BYTES = 4096;
// One object may take this much per command without a complaint, which is less than the smallest object.
const ALLOCATED_BYTES_MAX = 8;
// An array by VmId costs 8 bytes, and twice that where it has just grown; a map's entry costs more.
const RETAINED_BYTES_PER_VM_MAX = 24;
const VMS = 40_000;
const VMS_AT_ONCE = 500;

/** Laws of the heap. */
export function memoryLaws({ it }: SuiteRunner, create: () => AdmissionPolicy, taken: Taken): void {
  it("allocates nothing for a command", () => {
    const policy = create();
    assertAllocatesNothing(policy);
  });

  it("allocates nothing for a command, whatever the levels of service are and however many paths are left", () => {
    const policy = create();
    const paths = new LunPaths(policy);
    paths.change(["vmhba0:0:1", "vmhba1:0:1"], 1, 0);
    paths.change(["vmhba0:0:1"], 0.5, 0);
    for (let vm = 0; vm < 16; vm++) policy.setEntry(vm, settingsOf(vm, taken), 0);
    assertAllocatesNothing(policy);
  });

  it("forgets the VMs that were removed", () => {
    const bytes = grownBytes(
      () => ({ policy: create(), nowMs: 0, taken }),
      (lun) => {
        for (let round = 0; round < 3; round++) visitVms(lun, 0);
      },
      (lun) => {
        for (let first = 0; first < VMS; first += VMS_AT_ONCE) visitVms(lun, first);
      },
    );
    const bytesPerVm = bytes / VMS;
    assert.ok(
      bytesPerVm <= RETAINED_BYTES_PER_VM_MAX,
      `keeps ${bytesPerVm.toFixed(1)} bytes for each VM that is gone`,
    );
  });
}

/** 16 VMs with two commands each; 64 commands go in each ms. */
function assertAllocatesNothing(policy: AdmissionPolicy): void {
  for (let vm = 0; vm < 16; vm++) {
    for (let count = 0; count < 2; count++) policy.enqueue(newCommand(vm, count << 24), 0);
  }
  let given = 0;
  const bytes = allocatedBytesPerCall((turn) => {
    // Whole, as small numbers are not on the heap: what is counted must be the policy's.
    const nowMs = turn >> 6;
    const command = policy.next(nowMs);
    if (command === undefined) return;
    given++;
    if (turn % 16 === 0) {
      policy.requeue(command, nowMs);
      return;
    }
    policy.completed(command, nowMs);
    policy.enqueue(command, nowMs);
  });
  assert.ok(given > 1000, `next gave ${given} commands only`);
  assert.ok(bytes <= ALLOCATED_BYTES_MAX, `left ${bytes.toFixed(1)} bytes on the heap for each command`);
}

/** Every second VM is limited to less than it would get, every third has a guarantee. */
function settingsOf(vm: number, { limits, guarantees }: Taken): EntrySettings {
  return {
    shares: 1 + (vm % 4),
    priority: vm % 11,
    latencyCritical: vm === 7,
    quantum: vm % 5 === 0 ? 4 : null,
    ...(limits && vm % 2 === 0 && { limit: { commandsPerSecond: 3000 } }),
    ...(guarantees && vm % 3 === 0 && { guarantee: { bytesPerSecond: 1 << 20 } }),
  };
}

/** A generation of VMs comes, is served and goes. */
function visitVms(lun: { policy: AdmissionPolicy; nowMs: number; taken: Taken }, first: number): void {
  const { policy, taken } = lun;
  for (let vm = first; vm < first + VMS_AT_ONCE; vm++) {
    policy.setEntry(vm, settingsOf(vm, taken), lun.nowMs);
    policy.enqueue(newCommand(vm, 0), lun.nowMs);
  }
  for (let left = VMS_AT_ONCE; left > 0; ) {
    const command = policy.next(lun.nowMs);
    if (command === undefined) {
      lun.nowMs = policy.nextAt(lun.nowMs);
      assert.ok(lun.nowMs < Infinity, `${left} commands are held back although nothing is outstanding`);
      continue;
    }
    left--;
    policy.completed(command, lun.nowMs);
  }
  for (let vm = first; vm < first + VMS_AT_ONCE; vm++) policy.removeEntry(vm);
}

function newCommand(vm: number, offsetBytes: number): Command {
  const command = new Command();
  command.vm = vm;
  command.offsetBytes = offsetBytes;
  command.lengthBytes = BLOCK_BYTES;
  return command;
}
