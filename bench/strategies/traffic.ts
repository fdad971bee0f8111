import { Command, type LoadDistributionStrategy, type Path } from "@fairlead/core";
import type { Contender } from "../decisions/contender.js";

type BenchPath = { -readonly [field in keyof Path]: Path[field] };

const OUTSTANDING = 32;
const VMS = 256;
const COMMANDS_PER_MS = 16;

/**
 * A strategy that places the commands of 256 VMs on `count` paths while 32 are outstanding, and is told of each that
 * completes, with the accounting that it reads. Commands complete in the order in which they were sent.
 */
export function traffic(
  name: string,
  strategy: LoadDistributionStrategy,
  count: number,
  decisions: number,
): Contender {
  const paths = Array.from(
    { length: count },
    (_, index): BenchPath => ({
      id: `vmhba${index}:0:1`,
      state: "active",
      pendingBytes: 0,
      pendingCommands: 0,
      completedBytes: 0,
      completedCommands: 0,
      busyMs: 0,
      share: 1 + (index % 4) / 2,
    }),
  );
  const commands = Array.from({ length: OUTSTANDING }, () => new Command());
  const sentOver = new Int32Array(OUTSTANDING).fill(-1);
  let turn = 0;
  strategy.pathsChanged?.(paths);

  function complete(slot: number, nowMs: number): void {
    const path = paths[sentOver[slot] ?? -1];
    const command = commands[slot];
    if (path === undefined || command === undefined) return;
    path.pendingBytes -= command.lengthBytes;
    path.pendingCommands--;
    path.completedBytes += command.lengthBytes;
    path.completedCommands++;
    strategy.completed?.(path, command, nowMs - command.sentAtMs, "good");
  }

  function send(slot: number, nowMs: number): void {
    const command = commands[slot]!;
    command.vm = turn % VMS;
    command.lengthBytes = 4096 << (turn % 5);
    command.sentAtMs = nowMs;
    const index = strategy.select(paths, command);
    const path = paths[index];
    if (path === undefined) throw new Error(`${name} chose ${index} of ${count}`);
    path.pendingBytes += command.lengthBytes;
    path.pendingCommands++;
    sentOver[slot] = index;
  }

  return {
    name,
    decisions,
    run(rounds) {
      for (let left = rounds; left > 0; left--) {
        const slot = turn++ % OUTSTANDING;
        const nowMs = (turn / COMMANDS_PER_MS) | 0;
        complete(slot, nowMs);
        send(slot, nowMs);
      }
      const unused = paths.filter(({ completedCommands }) => completedCommands === 0).length;
      if (unused > 0 && rounds >= 64 * count)
        throw new Error(`${name} left ${unused} of ${count} paths unused`);
    },
  };
}
