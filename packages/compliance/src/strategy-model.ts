import assert from "node:assert/strict";
import {
  Command,
  type EntrySettings,
  Frame,
  type LoadDistributionStrategy,
  type Outcome,
  type Path,
  type PathState,
  type Transfer,
  type VmId,
} from "@fairlead/core";
import fc from "fast-check";
import { whole } from "./runner.js";

export type TestPath = { -readonly [field in keyof Path]: Path[field] };

/** What every strategy may know of a command or a frame. */
export interface TransferFields {
  readonly vm: VmId;
  readonly priority: number;
  readonly lengthBytes: number;
}

/** One call of the host: other usable paths, other loads, other time, a level of service, or a transfer. */
export type StrategyStep =
  | { readonly kind: "paths"; readonly ids: readonly string[]; readonly states: readonly PathState[] }
  | { readonly kind: "select"; readonly fields: TransferFields; readonly loads: readonly number[] }
  | { readonly kind: "completed"; readonly outcome: Outcome; readonly elapsedMs: number }
  | { readonly kind: "vm"; readonly vm: VmId; readonly settings: EntrySettings | undefined }
  | { readonly kind: "advance"; readonly ms: number };

export type MakeTransfer = (fields: TransferFields, sentAtMs: number) => Transfer;

export const OUTCOMES: readonly Outcome[] = [
  "good",
  "busy",
  "not-sent",
  "in-doubt",
  "medium-error",
  "target-error",
  "no-space",
  "write-protected",
  "invalid",
  "conflict",
  "no-path",
  "cancelled",
];

/** Carries the steps out, gives the answers. Whatever came before, an idle team places a transfer in the end. */
export function playSteps(
  strategy: LoadDistributionStrategy,
  steps: readonly StrategyStep[],
  makeTransfer: MakeTransfer = newCommand,
): number[] {
  let paths = testPaths(["a", "b", "c"]);
  let lastPath: Path | undefined;
  let nowMs = 1000;
  let last = makeTransfer({ vm: 0, priority: 5, lengthBytes: 0 }, nowMs);
  const answers: number[] = [];
  strategy.pathsChanged?.(paths);
  for (const step of steps) {
    switch (step.kind) {
      case "paths":
        paths = testPaths(step.ids, step.states);
        strategy.pathsChanged?.(paths);
        break;
      case "select": {
        setLoads(paths, step.loads);
        last = makeTransfer(step.fields, nowMs);
        const index = place(strategy, paths, last);
        answers.push(index);
        lastPath = paths[index] ?? lastPath;
        break;
      }
      case "completed":
        if (lastPath !== undefined) strategy.completed?.(lastPath, last, step.elapsedMs, step.outcome);
        break;
      case "vm":
        strategy.vmChanged?.(step.vm, step.settings);
        break;
      case "advance":
        nowMs += step.ms;
        break;
    }
  }
  setLoads(paths, []);
  for (let vm = 0; vm < 4; vm++) {
    const index = place(strategy, paths, makeTransfer({ vm, priority: 3 * vm, lengthBytes: 4096 }, nowMs));
    assert.equal(index === -1, paths.length === 0, `select answered ${index} for ${paths.length} idle paths`);
    answers.push(index);
  }
  return answers;
}

/** `select`, with its answer checked. */
export function place(
  strategy: LoadDistributionStrategy,
  paths: readonly Path[],
  transfer: Transfer,
): number {
  const index = strategy.select(paths, transfer);
  assert.ok(
    Number.isInteger(index) && index >= -1 && index < paths.length,
    `select answered ${String(index)} for ${paths.length} paths`,
  );
  return index;
}

/** `place` on a team that has nothing pending: -1 would be for ever, as no completion will come to ask again. */
export function placeIdle(
  strategy: LoadDistributionStrategy,
  paths: readonly Path[],
  transfer: Transfer,
): number {
  const index = place(strategy, paths, transfer);
  const { vm, priority, lengthBytes } = transfer;
  assert.notEqual(
    index,
    -1,
    `refused ${lengthBytes} bytes of VM ${vm}, priority ${priority}, on ${paths.length} idle paths`,
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

/** Paths without load, each new to its team. */
export function testPaths(ids: readonly string[], states: readonly PathState[] = ["active"]): TestPath[] {
  return ids.map((id, index) => ({
    id,
    state: states[index % states.length] ?? "active",
    pendingBytes: 0,
    pendingCommands: 0,
    completedBytes: 0,
    completedCommands: 0,
    busyMs: 0,
    share: 1 + (index % 3),
  }));
}

export function newCommand({ vm, priority, lengthBytes }: TransferFields, sentAtMs = 0): Command {
  const command = new Command();
  command.vm = vm;
  command.priority = priority;
  command.lengthBytes = lengthBytes;
  command.sentAtMs = sentAtMs;
  command.op = lengthBytes === 0 ? "flush" : "read";
  return command;
}

export function newFrame({ vm, priority, lengthBytes }: TransferFields, sentAtMs = 0): Frame {
  const frame = new Frame();
  frame.vm = vm;
  frame.priority = priority;
  frame.lengthBytes = lengthBytes;
  frame.sentAtMs = sentAtMs;
  return frame;
}

const vm = fc.oneof(
  { weight: 8, arbitrary: whole(20) },
  { weight: 1, arbitrary: fc.constantFrom(63, 64, 70_000) },
);
const rate = fc.constantFrom(
  null,
  { bytesPerSecond: 1 },
  { bytesPerSecond: 1e8 },
  { commandsPerSecond: 0.5 },
);
const settings: fc.Arbitrary<EntrySettings> = fc.record(
  {
    shares: fc.constantFrom(0, 1, 1000, 1_000_000),
    priority: whole(10),
    guarantee: rate,
    limit: rate,
    quantum: fc.constantFrom(null, 1, 64),
    latencyCritical: fc.boolean(),
  },
  { requiredKeys: [] },
);

export const strategySteps: fc.Arbitrary<readonly StrategyStep[]> = fc.array(
  fc.oneof(
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constant("paths" as const),
        ids: fc.uniqueArray(fc.constantFrom("a", "b", "c", "d", "e", "f", "g", "h"), { maxLength: 8 }),
        states: fc.array(fc.constantFrom<PathState>("active", "standby", "marginal"), {
          minLength: 1,
          maxLength: 8,
        }),
      }),
    },
    {
      weight: 8,
      arbitrary: fc.record({
        kind: fc.constant("select" as const),
        fields: fc.record({ vm, priority: whole(10), lengthBytes: whole(1 << 20) }),
        loads: fc.array(whole(64), { minLength: 8, maxLength: 8 }),
      }),
    },
    {
      weight: 4,
      arbitrary: fc.record({
        kind: fc.constant("completed" as const),
        outcome: fc.constantFrom(...OUTCOMES),
        elapsedMs: fc.double({ min: 0, max: 1e5, noNaN: true }),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constant("vm" as const),
        vm,
        settings: fc.option(settings, { nil: undefined }),
      }),
    },
    {
      weight: 4,
      // Between most calls it stands still; at times it is set.
      arbitrary: fc.record({
        kind: fc.constant("advance" as const),
        ms: fc.constantFrom(0.25, 30, 20_000, 3_600_000, -1, -3_600_000),
      }),
    },
  ),
  { minLength: 6, maxLength: 60 },
);
