import assert from "node:assert/strict";
import { Command, type LoadDistributionStrategy, type Outcome, type Path } from "@fairlead/core";
import fc from "fast-check";
import { allocatedBytesPerCall } from "./allocation.js";
import { SEED, type SuiteRunner } from "./runner.js";

type TestPath = { -readonly [field in keyof Path]: Path[field] };

/** One call of the host: other usable paths, other loads, or a command. */
type Step =
  | { readonly kind: "paths"; readonly ids: readonly string[] }
  | { readonly kind: "select"; readonly command: Command; readonly loads: readonly number[] }
  | { readonly kind: "completed"; readonly outcome: Outcome; readonly elapsedMs: number };

// One object may take this much per command without a complaint, which is less than the smallest object.
const ALLOCATED_BYTES_MAX = 8;
const OUTCOMES: readonly Outcome[] = ["good", "busy", "not-sent", "in-doubt", "medium-error", "invalid"];

/**
 * Laws that every load-distribution strategy keeps. `create` makes a new instance, configured as its author recommends,
 * for each law; with all paths idle it must place every command.
 */
export function strategySuite(runner: SuiteRunner, create: () => LoadDistributionStrategy): void {
  const { describe, it } = runner;
  describe("load-distribution strategy", () => {
    it("has a name", () => {
      assert.match(create().name, /^[a-z0-9][a-z0-9-]*$/);
    });

    it("answers an index into the paths, or -1, whatever the loads are and however the paths change", () => {
      check((steps) => {
        play(create(), steps);
      });
    });

    it("answers -1 where there is no path", () => {
      const strategy = create();
      strategy.pathsChanged?.([]);
      assert.equal(strategy.select([], newCommand(1, 4096)), -1);
      const paths = testPaths(["a", "b"]);
      strategy.pathsChanged?.(paths);
      place(strategy, paths, newCommand(1, 4096));
      strategy.pathsChanged?.([]);
      assert.equal(strategy.select([], newCommand(1, 4096)), -1, "after its paths had gone");
    });

    it("places every command while no path has anything pending, also with one path", () => {
      for (const count of [1, 2, 3, 8, 64]) {
        const strategy = create();
        const paths = testPaths(Array.from({ length: count }, (_, index) => `p${index}`));
        strategy.pathsChanged?.(paths);
        for (let turn = 0; turn < 3 * count; turn++) {
          const index = place(strategy, paths, newCommand(turn % 5, 4096 * (turn % 9)));
          assert.notEqual(
            index,
            -1,
            `refused an idle team of ${count}: no completion will come to ask again`,
          );
        }
      }
    });

    it("works without VM information", () => {
      const strategy = create();
      const paths = testPaths(["a", "b", "c", "d", "e", "f"]);
      strategy.pathsChanged?.(paths);
      for (let turn = 0; turn < 20; turn++) assert.notEqual(place(strategy, paths, new Command()), -1);
    });

    it("reads paths and commands and changes neither", () => {
      const strategy = create();
      const paths = Object.freeze(testPaths(["a", "b", "c"]).map((path) => Object.freeze(path)));
      const command = Object.freeze(newCommand(3, 65536));
      strategy.pathsChanged?.(paths);
      for (let turn = 0; turn < 10; turn++) place(strategy, paths, command);
      strategy.completed?.(paths[0] as Path, command, 1.5, "good");
    });

    it("does not keep the array of paths", () => {
      const strategy = create();
      const lent = Proxy.revocable(testPaths(["a", "b", "c", "d", "e", "f"]), {});
      strategy.pathsChanged?.(lent.proxy);
      for (let turn = 0; turn < 7; turn++) place(strategy, lent.proxy, newCommand(1, 4096));
      lent.revoke();
      const paths = testPaths(["e", "b"]);
      assert.doesNotThrow(() => {
        strategy.pathsChanged?.(paths);
        for (let turn = 0; turn < 7; turn++) place(strategy, paths, newCommand(1, 4096));
      }, "read an array of paths after the call that it came with");
    });

    it("notices a change of the paths within the same array, told or not", () => {
      for (const told of [true, false]) {
        const strategy = create();
        const paths = testPaths(["a", "b", "c", "d", "e", "f", "g", "h"]);
        strategy.pathsChanged?.(paths);
        for (let turn = 0; turn < 8; turn++) place(strategy, paths, newCommand(turn, 4096));
        paths.splice(0, 7);
        if (told) strategy.pathsChanged?.(paths);
        for (let turn = 0; turn < 8; turn++) place(strategy, paths, newCommand(turn, 4096));
      }
    });

    it("bears completions of commands and paths that it never saw", () => {
      const strategy = create();
      const strangers = testPaths(["x", "y"]);
      for (const outcome of OUTCOMES) {
        strategy.completed?.(strangers[0] as Path, newCommand(9, 1 << 20), 0, outcome);
      }
      const paths = testPaths(["a", "b"]);
      strategy.pathsChanged?.(paths);
      for (let turn = 0; turn < 6; turn++) {
        assert.notEqual(place(strategy, paths, newCommand(1, 4096)), -1);
        strategy.completed?.(strangers[1] as Path, newCommand(7, 0), 1e6, "good");
        strategy.completed?.(strangers[1] as Path, newCommand(7, 0), 0, "in-doubt");
      }
    });

    it("gives the same answers to the same calls", () => {
      check((steps) => {
        assert.deepEqual(play(create(), steps), play(create(), steps));
      });
    });

    it("answers at once, not with a promise", () => {
      assert.equal(typeof create().select(testPaths(["a", "b"]), newCommand(1, 4096)), "number");
    });

    it("allocates nothing for a command", () => {
      const strategy = create();
      const paths = testPaths(["a", "b", "c", "d", "e", "f", "g", "h"]);
      const command = newCommand(1, 8192);
      strategy.pathsChanged?.(paths);
      const bytes = allocatedBytesPerCall((turn) => {
        command.vm = turn & 7;
        const path = paths[strategy.select(paths, command)];
        if (path !== undefined) strategy.completed?.(path, command, 1, "good");
      });
      assert.ok(bytes <= ALLOCATED_BYTES_MAX, `left ${bytes.toFixed(1)} bytes on the heap for each command`);
    });
  });
}

function check(law: (steps: readonly Step[]) => void): void {
  fc.assert(fc.property(fc.array(stepArbitrary, { minLength: 6, maxLength: 60 }), law), {
    seed: SEED,
    numRuns: 150,
  });
}

const idsArbitrary = fc.uniqueArray(fc.constantFrom("a", "b", "c", "d", "e", "f", "g", "h"), {
  maxLength: 8,
});
const stepArbitrary: fc.Arbitrary<Step> = fc.oneof(
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("paths" as const), ids: idsArbitrary }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("select" as const),
      command: fc.tuple(fc.nat(20), fc.nat(1 << 20)).map(([vm, lengthBytes]) => newCommand(vm, lengthBytes)),
      loads: fc.array(fc.nat(64), { minLength: 8, maxLength: 8 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("completed" as const),
      outcome: fc.constantFrom(...OUTCOMES),
      elapsedMs: fc.double({ min: 0, max: 1e5, noNaN: true }),
    }),
  },
);

/** Carries the steps out and gives the answers. */
function play(strategy: LoadDistributionStrategy, steps: readonly Step[]): number[] {
  let paths = testPaths(["a", "b", "c"]);
  let lastPath: Path | undefined;
  let lastCommand = newCommand(0, 0);
  const answers: number[] = [];
  strategy.pathsChanged?.(paths);
  for (const step of steps) {
    if (step.kind === "paths") {
      paths = testPaths(step.ids);
      strategy.pathsChanged?.(paths);
    } else if (step.kind === "select") {
      setLoads(paths, step.loads);
      const index = place(strategy, paths, step.command);
      answers.push(index);
      lastPath = paths[index] ?? lastPath;
      lastCommand = step.command;
    } else if (lastPath !== undefined) {
      strategy.completed?.(lastPath, lastCommand, step.elapsedMs, step.outcome);
    }
  }
  return answers;
}

/** `select`, with its answer checked. */
function place(strategy: LoadDistributionStrategy, paths: readonly Path[], command: Command): number {
  const index = strategy.select(paths, command);
  assert.ok(
    Number.isInteger(index) && index >= -1 && index < paths.length,
    `select answered ${String(index)} for ${paths.length} paths`,
  );
  return index;
}

function setLoads(paths: readonly TestPath[], loads: readonly number[]): void {
  paths.forEach((path, index) => {
    path.pendingCommands = loads[index] ?? 0;
    path.pendingBytes = path.pendingCommands * 16384;
    path.completedCommands += path.pendingCommands;
    path.completedBytes += path.pendingBytes;
    path.busyMs += path.pendingCommands > 0 ? 1 : 0;
  });
}

function testPaths(ids: readonly string[]): TestPath[] {
  return ids.map((id, index) => ({
    id,
    state: "active",
    pendingBytes: 0,
    pendingCommands: 0,
    completedBytes: 0,
    completedCommands: 0,
    busyMs: 0,
    share: 1 + (index % 3),
  }));
}

function newCommand(vm: number, lengthBytes: number): Command {
  const command = new Command();
  command.vm = vm;
  command.lengthBytes = lengthBytes;
  command.op = lengthBytes === 0 ? "flush" : "read";
  return command;
}
