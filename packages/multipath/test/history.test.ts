import { createManualClock } from "@fairlead/compliance";
import { Command } from "@fairlead/core";
import { describe, expect, it } from "vitest";
import { PathTeam } from "../src/index.js";
import { contradiction, type Operation } from "./history.js";
import { BLOCK_BYTES, ModelSan, type Mutation, seeded } from "./model-san.js";

const BLOCKS = 4;
const STEPS = 500;
const OUTSTANDING_MAX = 8;
const SEEDS = Number(process.env.FAIRLEAD_SEEDS ?? 400);
/** One in so many times, what a dead connection left behind moves on. */
const LATE = 40;

/** Runs one seed; says what is wrong with its history. */
function contradictionOf(seed: number, mutation: Mutation): string | undefined {
  const random = seeded(seed);
  const clock = createManualClock();
  const san = new ModelSan(BLOCKS, 3, mutation);
  const histories: Operation[][] = Array.from({ length: BLOCKS }, () => []);
  const open = new Map<Command, Operation[]>();
  let step = 0;
  let lastValue = 0;

  const team: PathTeam = new PathTeam(
    {
      name: "model",
      clock,
      strategies: [{ name: "any", select: (paths) => random(paths.length) }],
      onCompleted: (command, outcome) => {
        if (outcome !== "good") throw new Error(`ended as ${outcome}`);
        ended(command);
      },
      onChanged: () => {},
      onEvent: () => {},
    },
    { noPathQueueMs: 1e9, quiesceMs: 1e9, retryMs: 1e9 },
  );
  for (const path of san.paths) team.add(path);

  function ended(command: Command): void {
    const view = new DataView(command.data.buffer);
    open.get(command)?.forEach((operation, index) => {
      const read = { ...operation, value: view.getUint32(index * BLOCK_BYTES), endedAt: step };
      if (operation.kind === "read") histories[command.offsetBytes / BLOCK_BYTES + index]?.push(read);
      else operation.endedAt = step;
    });
    open.delete(command);
  }

  function submit(): void {
    if (open.size >= OUTSTANDING_MAX) return;
    const command = new Command();
    command.op = random(2) === 0 ? "read" : "write";
    const first = random(BLOCKS);
    const blocks = 1 + random(Math.min(2, BLOCKS - first));
    command.offsetBytes = first * BLOCK_BYTES;
    command.lengthBytes = blocks * BLOCK_BYTES;
    command.data = new Uint8Array(command.lengthBytes);
    const operations: Operation[] = [];
    for (let index = 0; index < blocks; index++) {
      const operation = {
        kind: command.op,
        value: ++lastValue,
        startedAt: step,
        endedAt: Number.POSITIVE_INFINITY,
      };
      operations.push(operation);
      if (command.op === "read") continue;
      new DataView(command.data.buffer).setUint32(index * BLOCK_BYTES, operation.value);
      histories[first + index]?.push(operation);
    }
    open.set(command, operations);
    if (!team.submit(command)) {
      // Not taken: as if it had never been asked for.
      open.delete(command);
      for (const history of histories) {
        for (const operation of operations) {
          const at = history.indexOf(operation);
          if (at !== -1) history.splice(at, 1);
        }
      }
    }
  }

  function anything(): void {
    const path = san.paths[random(san.paths.length)];
    const dice = random(20);
    if (dice < 7) submit();
    else if (dice < 11) path?.deliver(random(LATE) === 0);
    else if (dice < 15) san.run(random(Math.max(1, san.taken.length)), random(LATE) === 0);
    else if (dice < 16) path?.fail();
    else if (dice < 18) path?.restore();
    else san.todo.shift()?.();
  }

  function settle(): void {
    for (const path of san.paths) {
      path.restore();
      path.deliver(true);
    }
    san.run(0, true);
    san.todo.shift()?.();
    clock.advance(100);
  }

  for (; step < STEPS; step++) {
    anything();
    clock.advance(random(100));
  }
  for (; open.size > 0 && step < STEPS * 10; step++) settle();
  if (open.size > 0) return `${open.size} commands never ended`;
  if (team.heldCommands + team.outstandingCommands + team.doubtfulWrites !== 0)
    return "something is left behind";
  for (; san.taken.length + san.paths.reduce((sum, path) => sum + path.transit.length, 0) > 0; step++)
    settle();
  histories.forEach((history, block) => {
    history.push({ kind: "read", value: san.blocks[block] ?? -1, startedAt: step + 1, endedAt: step + 2 });
  });
  return histories.map((history) => contradiction(history)).find((wrong) => wrong !== undefined);
}

describe("overlapping I/O across fail-overs, on a SAN whose late writes land", () => {
  it(`holds over ${SEEDS} seeds: the last acknowledged write wins`, () => {
    for (let seed = 1; seed <= SEEDS; seed++) {
      expect(contradictionOf(seed, "none"), `seed ${seed}`).toBeUndefined();
    }
  });

  it.each<Mutation>(["no-fence", "no-reset"])("would find out where there is %s", (mutation) => {
    let caught = 0;
    for (let seed = 1; seed <= SEEDS; seed++) if (contradictionOf(seed, mutation) !== undefined) caught++;
    expect(caught).toBeGreaterThan(SEEDS / 50);
  });
});
