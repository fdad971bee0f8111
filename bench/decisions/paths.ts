import { Command, type LoadDistributionStrategy, type Path } from "@fairlead/core";
import type { Contender } from "./contender.js";

type BenchPath = { -readonly [field in keyof Path]: Path[field] };

const OUTSTANDING = 32;

/** A strategy that places commands on `count` paths while 32 are outstanding, with the accounting that it reads. */
export function pick(
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
      share: 1,
    }),
  );
  const command = new Command();
  // Lengths of what is outstanding, and its paths: they complete in the order in which they were sent.
  const sentOver = new Int32Array(OUTSTANDING).fill(-1);
  const lengthsBytes = new Int32Array(OUTSTANDING);
  let turn = 0;
  strategy.pathsChanged?.(paths);
  return {
    name,
    decisions,
    run(rounds) {
      for (let left = rounds; left > 0; left--) {
        const slot = turn++ % OUTSTANDING;
        const done = paths[sentOver[slot] ?? -1];
        if (done !== undefined) {
          done.pendingBytes -= lengthsBytes[slot] ?? 0;
          done.pendingCommands--;
        }
        command.lengthBytes = 4096 << (turn % 5);
        const index = strategy.select(paths, command);
        const path = paths[index];
        if (path === undefined) throw new Error(`${name} chose ${index} of ${count}`);
        path.pendingBytes += command.lengthBytes;
        path.pendingCommands++;
        sentOver[slot] = index;
        lengthsBytes[slot] = command.lengthBytes;
      }
    },
  };
}

/** Least pending as it is often written. */
export function sorted(): LoadDistributionStrategy {
  return {
    name: "sorted",
    select(paths) {
      const usable = paths.filter((path) => path.state === "active");
      const [first] = usable.sort((left, right) => left.pendingBytes - right.pendingBytes);
      return first === undefined ? -1 : paths.indexOf(first);
    },
  };
}
