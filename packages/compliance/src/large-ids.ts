import assert from "node:assert/strict";
import type { VmId } from "@fairlead/core";
import { retainedBytes } from "./heap.js";

const ID_MAX = 2 ** 24 - 1;
const MIB = 2 ** 20;
// Four bytes for each id up to the highest, and as much again as all else may need.
const KEPT_BYTES_MAX = 80 * MIB;
const VISITS = 400;
// What is done once by the size of an id, as an array that grows, takes a fifth of it; what is done at each visit, several times it.
const CPU_MS_MAX = 1000;

/** Fails where `visit` throws for a large id, or costs time or memory by the size of it. `subject` is what it visits. */
export function assertBearsLargeIds<Subject>(
  subject: Subject,
  visit: (subject: Subject, vm: VmId) => void,
): void {
  const beforeBytes = retainedBytes();
  const before = process.cpuUsage();
  const visitWithinTime = (vm: VmId) => {
    visit(subject, vm);
    const { user, system } = process.cpuUsage(before);
    const cpuMs = (user + system) / 1000;
    assert.ok(cpuMs <= CPU_MS_MAX, `visits of VMs up to ${vm} took ${cpuMs.toFixed(0)} ms`);
  };
  for (const vm of [0, 1, 64, 65_535, 65_536, 1_000_000, 1_000_001, 2 ** 23, ID_MAX]) visitWithinTime(vm);
  for (let turn = 0; turn < VISITS; turn++) visitWithinTime(ID_MAX - 37 * turn);
  const keptBytes = retainedBytes() - beforeBytes;
  // Named once more: what nobody reads any more would be collected with all that it keeps.
  visit(subject, ID_MAX);
  assert.ok(keptBytes <= KEPT_BYTES_MAX, `keeps ${(keptBytes / MIB).toFixed(0)} MiB for ids up to ${ID_MAX}`);
}
