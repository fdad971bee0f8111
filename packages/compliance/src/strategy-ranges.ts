import type { LoadDistributionStrategy } from "@fairlead/core";
import { assertBearsLargeIds } from "./large-ids.js";
import type { SuiteRunner } from "./runner.js";
import { assertUsedAgain, IDS, pathsUsed } from "./strategy-busy.js";
import { newCommand, placeIdle, type TestPath, testPaths } from "./strategy-model.js";

// 25 days of uptime fill 31 bits, 50 days 32; the last are 31 years.
const CLOCKS_MS = [2 ** 31 - 1, 2 ** 31, 2 ** 31 + 0.5, 2 ** 32 - 1, 2 ** 32 + 7, 2 ** 40, 1e12];

/** Laws of what is large: clocks, ids, teams. */
export function rangeLaws({ it }: SuiteRunner, create: () => LoadDistributionStrategy): void {
  it("places however long the host has been up", () => {
    const walking = create();
    const paths = testPaths(IDS);
    walking.pathsChanged?.(paths);
    for (const nowMs of [1000, ...CLOCKS_MS]) {
      for (const strategy of [walking, create()]) {
        strategy.pathsChanged?.(paths);
        for (let turn = 0; turn < 24; turn++) placeAt(strategy, paths, turn, nowMs + turn / 4);
      }
    }
    const early = pathsUsed(create(), testPaths(IDS), 1000);
    for (const nowMs of CLOCKS_MS) {
      assertUsedAgain(early, pathsUsed(create(), testPaths(IDS), nowMs), `at ${nowMs} ms`);
    }
  });

  it("bears ids of VMs up to 16,777,215, whatever they are at the same cost", () => {
    const paths = testPaths(IDS);
    const strategy = create();
    strategy.pathsChanged?.(paths);
    assertBearsLargeIds(strategy, (subject, vm) => {
      subject.vmChanged?.(vm, { shares: 100, priority: vm % 11 });
      placeAt(subject, paths, vm, 1000);
      subject.vmChanged?.(vm, undefined);
    });
  });
}

function placeAt(strategy: LoadDistributionStrategy, paths: TestPath[], vm: number, nowMs: number): void {
  const transfer = newCommand({ vm, priority: vm % 11, lengthBytes: 4096 << (vm % 5) }, nowMs);
  const path = paths[placeIdle(strategy, paths, transfer)] as TestPath;
  path.completedCommands++;
  path.completedBytes += transfer.lengthBytes;
  path.busyMs += 0.25;
  strategy.completed?.(path, transfer, 0.25, "good");
}
