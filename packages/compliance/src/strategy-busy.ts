import assert from "node:assert/strict";
import type { LoadDistributionStrategy, Outcome } from "@fairlead/core";
import type { SuiteRunner } from "./runner.js";
import { newCommand, OUTCOMES, place, placeIdle, type TestPath, testPaths } from "./strategy-model.js";

export const IDS: readonly string[] = ["a", "b", "c", "d", "e", "f"];
const BUSY_COMMANDS = 48;
const BUSY_BYTES = BUSY_COMMANDS * 65_536;
// Several rounds of any rotation, ...
const TURNS = 144;
// ... over 48 minutes, so that a path may be left alone for a while after a failure, but not for good.
const TURN_MS = 20_000;
const VMS = 24;
const IMPLAUSIBLE_MS = [Number.NaN, Infinity, -Infinity, -1, -1e300, 1e300, Number.MAX_VALUE];

/**
 * Laws of an idle path beside busy ones. A strategy need not prefer it; but what it did before, it must do again once
 * the cause why it did not is gone.
 */
export function busyLaws({ it }: SuiteRunner, create: () => LoadDistributionStrategy): void {
  it("uses a path that has been away as before, where the others are busy", () => {
    for (const victim of IDS) {
      const strategy = create();
      const paths = testPaths(IDS);
      strategy.pathsChanged?.(paths);
      const before = isUsed(strategy, paths, victim, 0);
      const rank = IDS.indexOf(victim);
      const others = paths.toSpliced(rank, 1);
      strategy.pathsChanged?.(others);
      for (let turn = 0; turn < 48; turn++) place(strategy, others, transferOf(turn, TURNS * TURN_MS));
      // At its old rank, with counters of its own.
      const all = others.toSpliced(rank, 0, ...testPaths([victim]));
      strategy.pathsChanged?.(all);
      const after = isUsed(strategy, all, victim, 2 * TURNS * TURN_MS);
      assert.ok(after || !before, `${victim} is not used any more after it has been away`);
    }
  });

  it("uses a path over which a command failed as before, where the others are busy", () => {
    for (const outcome of OUTCOMES) {
      for (const victim of IDS) assertUsedAfter(create(), victim, 30, outcome);
    }
  });

  it("bears elapsed times that can't be, and uses all paths as before", () => {
    for (const elapsedMs of IMPLAUSIBLE_MS) {
      for (const outcome of ["good", "in-doubt"] as const) {
        for (const victim of IDS) assertUsedAfter(create(), victim, elapsedMs, outcome);
      }
    }
  });

  it("places every transfer while a path is idle, although others have a little pending", () => {
    for (const victim of IDS.keys()) {
      for (const busy of [1, IDS.length - 1]) {
        const strategy = create();
        const paths = testPaths(IDS);
        strategy.pathsChanged?.(paths);
        for (let count = 0; count < busy; count++) {
          const path = paths[(victim + count) % paths.length] as TestPath;
          path.pendingCommands = 1;
          path.pendingBytes = 512;
        }
        for (let turn = 0; turn < VMS; turn++) placeIdle(strategy, paths, transferOf(turn, 1000));
      }
    }
  });
}

/** The ids of those that are used at least once while each other path is busy. */
export function pathsUsed(
  strategy: LoadDistributionStrategy,
  paths: readonly TestPath[],
  startMs: number,
): Set<string> {
  strategy.pathsChanged?.(paths);
  const used = paths.filter(({ id }, number) =>
    isUsed(strategy, paths, id, startMs + number * TURNS * TURN_MS),
  );
  return new Set(used.map(({ id }) => id));
}

export function assertUsedAgain(before: ReadonlySet<string>, after: ReadonlySet<string>, when: string): void {
  const missing = [...before].filter((id) => !after.has(id));
  assert.deepEqual(missing, [], `not used although the other paths are busy, ${when}`);
}

function assertUsedAfter(
  strategy: LoadDistributionStrategy,
  victim: string,
  elapsedMs: number,
  outcome: Outcome,
): void {
  const paths = testPaths(IDS);
  const before = pathsUsed(strategy, paths, 0);
  const path = paths.find(({ id }) => id === victim) as TestPath;
  strategy.completed?.(path, transferOf(1, IDS.length * TURNS * TURN_MS), elapsedMs, outcome);
  const after = pathsUsed(strategy, paths, (IDS.length + 1) * TURNS * TURN_MS);
  assertUsedAgain(before, after, `after ${victim} completed as ${outcome} in ${elapsedMs} ms`);
}

/** Whether any of many transfers goes over `id` while it is idle and each other path is busy. All end well. */
function isUsed(
  strategy: LoadDistributionStrategy,
  paths: readonly TestPath[],
  id: string,
  startMs: number,
): boolean {
  for (const path of paths) {
    path.pendingCommands = path.id === id ? 0 : BUSY_COMMANDS;
    path.pendingBytes = path.id === id ? 0 : BUSY_BYTES;
  }
  let used = false;
  for (let turn = 0; turn < TURNS && !used; turn++) {
    const transfer = transferOf(turn, startMs + turn * TURN_MS);
    const path = paths[place(strategy, paths, transfer)];
    if (path === undefined) continue;
    path.completedCommands++;
    path.completedBytes += transfer.lengthBytes;
    path.busyMs += 5;
    strategy.completed?.(path, transfer, 5, "good");
    used = path.id === id;
  }
  for (const path of paths) {
    path.pendingCommands = 0;
    path.pendingBytes = 0;
  }
  return used;
}

/** Each VM has one priority; those that come later are new, as one that has found its path may stay there. */
function transferOf(turn: number, sentAtMs: number) {
  const vm = turn < 2 * VMS ? turn % VMS : turn;
  return newCommand({ vm, priority: vm % 11, lengthBytes: 4096 << (turn % 5) }, sentAtMs);
}
