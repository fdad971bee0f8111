import assert from "node:assert/strict";
import type { LoadDistributionStrategy, Path } from "@fairlead/core";
import { grownBytes } from "./heap.js";
import type { SuiteRunner } from "./runner.js";
import { newCommand, OUTCOMES, place, placeIdle, type TestPath, testPaths } from "./strategy-model.js";

// An array by VmId costs 8 bytes, and twice that where it has just grown; a map's entry costs more.
const RETAINED_BYTES_MAX = 24;
// So many that what else happens on the heap is little beside them.
const GENERATIONS = 40_000;

/** Laws about what a strategy may remember: VMs and paths come, go and return. */
export function historyLaws({ it }: SuiteRunner, create: () => LoadDistributionStrategy): void {
  it("bears completions of commands and paths that it never saw", () => {
    const strategy = create();
    const strangers = testPaths(["x", "y"]);
    for (const outcome of OUTCOMES) {
      strategy.completed?.(strangers[0] as Path, transferOf(9, 1 << 20), 0, outcome);
    }
    const paths = testPaths(["a", "b"]);
    strategy.pathsChanged?.(paths);
    for (let turn = 0; turn < 6; turn++) {
      placeIdle(strategy, paths, transferOf(1, 4096));
      strategy.completed?.(strangers[1] as Path, transferOf(7, 0), 1e6, "good");
      strategy.completed?.(strangers[1] as Path, transferOf(7, 0), 0, "in-doubt");
    }
  });

  it("bears levels of service of VMs that it never saw, and their removal, before and after the paths come", () => {
    const strategy = create();
    const paths = testPaths(["a", "b", "c"]);
    for (const told of [false, true]) {
      if (told) strategy.pathsChanged?.(paths);
      strategy.vmChanged?.(40, undefined);
      strategy.vmChanged?.(41, {});
      strategy.vmChanged?.(41, { shares: 0, priority: 0, limit: { bytesPerSecond: 1 }, quantum: 1 });
      strategy.vmChanged?.(42, { shares: 1e6, priority: 10, guarantee: { commandsPerSecond: 1e6 } });
      strategy.vmChanged?.(42, { guarantee: null, limit: null, quantum: null, latencyCritical: true });
      strategy.vmChanged?.(90_000, { priority: 9 });
      strategy.vmChanged?.(41, undefined);
      strategy.vmChanged?.(41, undefined);
    }
    for (let turn = 0; turn < 12; turn++) placeIdle(strategy, paths, transferOf(39 + (turn % 5), 4096));
  });

  it("takes time that stands still, steps back or leaps", () => {
    const strategy = create();
    const paths = testPaths(["a", "b", "c", "d"]);
    strategy.pathsChanged?.(paths);
    let nowMs = 1e7;
    for (const stepMs of [0, 0, 0.01, 1000, -1, -3_600_000, 0, 5, 3_600_000, 86_400_000, -1e7]) {
      nowMs += stepMs;
      for (let turn = 0; turn < 9; turn++) {
        const transfer = newCommand({ vm: turn, priority: turn, lengthBytes: 1 << (turn + 8) }, nowMs);
        const path = paths[placeIdle(strategy, paths, transfer)] as TestPath;
        path.completedBytes += transfer.lengthBytes;
        path.completedCommands++;
        path.busyMs += Math.max(0, stepMs) / 9;
        strategy.completed?.(path, transfer, 0, "good");
      }
    }
  });

  it("uses a path again that has been away, or that failed all it was given", () => {
    for (const victim of ["a", "b", "c", "d", "e", "f"]) {
      const strategy = create();
      const paths = testPaths(["a", "b", "c", "d", "e", "f"]);
      strategy.pathsChanged?.(paths);
      for (let turn = 0; turn < 24; turn++) {
        const transfer = newCommand({ vm: turn, priority: turn % 11, lengthBytes: 65536 }, turn);
        const path = paths[placeIdle(strategy, paths, transfer)] as Path;
        strategy.completed?.(path, transfer, 30_000, path.id === victim ? "in-doubt" : "good");
      }
      const others = paths.filter(({ id }) => id !== victim);
      strategy.pathsChanged?.(others);
      for (let turn = 0; turn < 24; turn++) placeIdle(strategy, others, transferOf(turn, 4096));
      // Back with counters of its own, first beside the others and then as the only one.
      const returned = testPaths([victim]);
      const all = [...others, ...returned];
      strategy.pathsChanged?.(all);
      for (let turn = 0; turn < 24; turn++) placeIdle(strategy, all, transferOf(turn, 4096));
      strategy.pathsChanged?.(returned);
      for (let turn = 0; turn < 24; turn++) {
        assert.equal(placeIdle(strategy, returned, transferOf(turn, 4096)), 0, `${victim} alone`);
      }
    }
  });

  it("forgets the VMs that were removed", () => {
    const paths = testPaths(["a", "b", "c", "d"]);
    const visit = (strategy: LoadDistributionStrategy, vm: number) => {
      const transfer = transferOf(vm, 4096, vm % 11);
      strategy.vmChanged?.(vm, { shares: 100 + (vm % 7), priority: vm % 11 });
      const path = paths[place(strategy, paths, transfer)];
      if (path !== undefined) strategy.completed?.(path, transfer, 1, "good");
      strategy.vmChanged?.(vm, undefined);
    };
    const bytes = grownBytes(
      () => {
        const strategy = create();
        strategy.pathsChanged?.(paths);
        return strategy;
      },
      (strategy) => {
        for (let turn = 0; turn < GENERATIONS; turn++) visit(strategy, turn % 100);
      },
      (strategy) => {
        for (let vm = 0; vm < GENERATIONS; vm++) visit(strategy, vm);
      },
    );
    assert.ok(
      bytes <= RETAINED_BYTES_MAX * GENERATIONS,
      `keeps ${(bytes / GENERATIONS).toFixed(1)} bytes for each VM that is gone`,
    );
  });

  it("forgets the paths that are gone", () => {
    const bytes = grownBytes(
      () => ({ strategy: create(), paths: testPaths(["a", "b", "c", "d"]) }),
      (team) => renewPaths(team, 0, 200),
      (team) => renewPaths(team, 200, GENERATIONS),
    );
    assert.ok(
      bytes <= RETAINED_BYTES_MAX * GENERATIONS,
      `keeps ${(bytes / GENERATIONS).toFixed(1)} bytes for each path that is gone`,
    );
  });
}

/** One path goes and another comes, `count` times; what was sent over the one that goes ends afterwards. */
function renewPaths(
  { strategy, paths }: { strategy: LoadDistributionStrategy; paths: TestPath[] },
  first: number,
  count: number,
): void {
  for (let number = first; number < first + count; number++) {
    const gone = paths.shift() as Path;
    paths.push(...testPaths([`vmhba1:0:${number}`]));
    strategy.pathsChanged?.(paths);
    for (let vm = 0; vm < 5; vm++) {
      const transfer = newCommand({ vm, priority: 5, lengthBytes: 4096 }, number);
      const path = paths[place(strategy, paths, transfer)];
      if (path !== undefined) strategy.completed?.(path, transfer, 1, "good");
      strategy.completed?.(gone, transfer, 1, "in-doubt");
    }
  }
}

function transferOf(vm: number, lengthBytes: number, priority = 5) {
  return newCommand({ vm, priority, lengthBytes });
}
