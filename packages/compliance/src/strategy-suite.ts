import assert from "node:assert/strict";
import { Command, type LoadDistributionStrategy } from "@fairlead/core";
import fc from "fast-check";
import { allocatedBytesPerCall } from "./allocation.js";
import { withoutAmbient } from "./ambient.js";
import { SEED, type SuiteRunner } from "./runner.js";
import { busyLaws } from "./strategy-busy.js";
import { historyLaws } from "./strategy-history.js";
import {
  newCommand,
  newFrame,
  place,
  placeIdle,
  playSteps,
  type StrategyStep,
  strategySteps,
  testPaths,
} from "./strategy-model.js";
import { rangeLaws } from "./strategy-ranges.js";

// One object may take this much per command without a complaint, which is less than the smallest object.
const ALLOCATED_BYTES_MAX = 8;

/**
 * Laws that every load-distribution strategy keeps. `create` makes a new instance, configured as its author recommends,
 * for each law; with all paths idle it must place every transfer.
 */
export function strategySuite(runner: SuiteRunner, create: () => LoadDistributionStrategy): void {
  runner.describe("load-distribution strategy", () => {
    heapLaws(runner, create);
    placementLaws(runner, create);
    lendingLaws(runner, create);
    historyLaws(runner, create);
    busyLaws(runner, create);
    rangeLaws(runner, create);
    repeatabilityLaws(runner, create);
  });
}

/** First: the other laws show the engine transfers of so many shapes that it keeps their numbers on the heap afterwards. */
function heapLaws({ it }: SuiteRunner, create: () => LoadDistributionStrategy): void {
  it("allocates nothing for a transfer", () => {
    const strategy = create();
    const paths = testPaths(["a", "b", "c", "d", "e", "f", "g", "h"]);
    const command = transferOf(1, 8192);
    strategy.pathsChanged?.(paths);
    for (let vm = 0; vm < 8; vm++) strategy.vmChanged?.(vm, { shares: 100 * vm, priority: vm });
    const prepare = (turn: number) => {
      command.vm = turn & 7;
      command.priority = turn & 7;
      command.sentAtMs = turn >> 4;
    };
    const ownBytes = allocatedBytesPerCall(prepare);
    const allBytes = allocatedBytesPerCall((turn) => {
      prepare(turn);
      const path = paths[strategy.select(paths, command)];
      if (path !== undefined) strategy.completed?.(path, command, 1, "good");
    });
    const bytes = allBytes - ownBytes;
    assert.ok(bytes <= ALLOCATED_BYTES_MAX, `left ${bytes.toFixed(1)} bytes on the heap for each transfer`);
  });
}

function placementLaws({ it }: SuiteRunner, create: () => LoadDistributionStrategy): void {
  it("has a name", () => {
    assert.match(create().name, /^[a-z0-9][a-z0-9-]*$/);
  });

  it("answers an index into the paths, or -1, whatever the loads are and however the paths change", () => {
    check((steps) => {
      playSteps(create(), steps);
    });
  });

  it("answers at once, not with a promise", () => {
    assert.equal(typeof create().select(testPaths(["a", "b"]), transferOf(1, 4096)), "number");
  });

  it("answers -1 where there is no path", () => {
    const strategy = create();
    strategy.pathsChanged?.([]);
    assert.equal(strategy.select([], transferOf(1, 4096)), -1);
    const paths = testPaths(["a", "b"]);
    strategy.pathsChanged?.(paths);
    place(strategy, paths, transferOf(1, 4096));
    strategy.pathsChanged?.([]);
    assert.equal(strategy.select([], transferOf(1, 4096)), -1, "after its paths had gone");
  });

  it("places every transfer while no path has anything pending, also with one path", () => {
    for (const count of [1, 2, 3, 8, 64, 65, 200]) {
      const strategy = create();
      const paths = testPaths(Array.from({ length: count }, (_, index) => `p${index}`));
      strategy.pathsChanged?.(paths);
      for (let turn = 0; turn < 3 * count + 11; turn++) {
        placeIdle(strategy, paths, transferOf(turn % 5, 4096 * (turn % 9), turn % 11));
      }
    }
  });

  it("places over paths that are all standby or marginal", () => {
    for (const state of ["standby", "marginal"] as const) {
      const strategy = create();
      const paths = testPaths(["a", "b", "c"]);
      strategy.pathsChanged?.(paths);
      for (let turn = 0; turn < 5; turn++) placeIdle(strategy, paths, transferOf(turn, 4096));
      for (const path of paths) path.state = state;
      strategy.pathsChanged?.(paths);
      for (let turn = 0; turn < 5; turn++) placeIdle(strategy, paths, transferOf(turn, 4096));
    }
  });

  it("works without VM information", () => {
    const strategy = create();
    const paths = testPaths(["a", "b", "c", "d", "e", "f"]);
    strategy.pathsChanged?.(paths);
    for (let turn = 0; turn < 20; turn++) placeIdle(strategy, paths, new Command());
  });

  it("serves frames as it serves commands", () => {
    check((steps) => {
      const answers = playSteps(create(), steps, newCommand);
      assert.deepEqual(playSteps(create(), steps, newFrame), answers, "frames are placed differently");
      const plain = playSteps(create(), steps, (fields, sentAtMs) => ({ ...fields, sentAtMs }));
      assert.deepEqual(plain, answers, "more than the fields of a Transfer decides");
    });
  });
}

function lendingLaws({ it }: SuiteRunner, create: () => LoadDistributionStrategy): void {
  it("reads what it is given and changes none of it", () => {
    const strategy = create();
    const paths = Object.freeze(testPaths(["a", "b", "c"]).map((path) => Object.freeze(path)));
    const command = Object.freeze(transferOf(3, 65536));
    strategy.pathsChanged?.(paths);
    strategy.vmChanged?.(3, Object.freeze({ shares: 500, priority: 2 }));
    for (let turn = 0; turn < 10; turn++) place(strategy, paths, command);
    for (const path of paths) strategy.completed?.(path, command, 1.5, "good");
  });

  it("does not keep the array of paths", () => {
    const strategy = create();
    const lent = Proxy.revocable(testPaths(["a", "b", "c", "d", "e", "f"]), {});
    strategy.pathsChanged?.(lent.proxy);
    for (let turn = 0; turn < 7; turn++) place(strategy, lent.proxy, transferOf(1, 4096));
    lent.revoke();
    const paths = testPaths(["e", "b"]);
    assert.doesNotThrow(() => {
      strategy.vmChanged?.(1, { shares: 7 });
      strategy.pathsChanged?.(paths);
      for (let turn = 0; turn < 7; turn++) place(strategy, paths, transferOf(1, 4096));
    }, "read an array of paths after the call that it came with");
  });

  it("notices a change of the paths within the same array, told or not", () => {
    for (const told of [true, false]) {
      const strategy = create();
      const paths = testPaths(["a", "b", "c", "d", "e", "f", "g", "h"]);
      strategy.pathsChanged?.(paths);
      for (let turn = 0; turn < 8; turn++) place(strategy, paths, transferOf(turn, 4096));
      paths.splice(0, 7);
      if (told) strategy.pathsChanged?.(paths);
      for (let turn = 0; turn < 8; turn++) place(strategy, paths, transferOf(turn, 4096));
    }
  });
}

function repeatabilityLaws({ it }: SuiteRunner, create: () => LoadDistributionStrategy): void {
  it("gives the same answers to the same calls", () => {
    check((steps) => {
      assert.deepEqual(playSteps(create(), steps), playSteps(create(), steps));
    });
  });

  it("knows no time but sentAtMs and draws no random number", () => {
    check((steps) => {
      withoutAmbient(() => playSteps(create(), steps));
    });
  });
}

function check(law: (steps: readonly StrategyStep[]) => void): void {
  fc.assert(fc.property(strategySteps, law), { seed: SEED, numRuns: 150 });
}

function transferOf(vm: number, lengthBytes: number, priority = 5): Command {
  return newCommand({ vm, priority, lengthBytes });
}
