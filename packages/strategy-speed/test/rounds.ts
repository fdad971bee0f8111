import { Command, type Outcome, type Path } from "@fairlead/core";
import type { SpeedStrategy } from "../src/index.js";

export type TestPath = { -readonly [field in keyof Path]: Path[field] };

export function testPaths(...ids: string[]): TestPath[] {
  return ids.map((id) => ({
    id,
    state: "active",
    pendingBytes: 0,
    pendingCommands: 0,
    completedBytes: 0,
    completedCommands: 0,
    busyMs: 0,
    share: 1,
  }));
}

export function commandAt(sentAtMs: number, lengthBytes = 8192): Command {
  const command = new Command();
  command.sentAtMs = sentAtMs;
  command.lengthBytes = lengthBytes;
  return command;
}

/**
 * One command at a time for `rounds` rounds over all paths, each path with its own time and length; gives when it ended.
 */
export function measure(
  strategy: SpeedStrategy,
  paths: readonly Path[],
  startMs: number,
  rounds: number,
  each: (index: number) => { elapsedMs: number; lengthBytes?: number; outcome?: Outcome },
): number {
  let nowMs = startMs;
  for (let left = rounds * paths.length; left > 0; left--) {
    const command = commandAt(nowMs);
    const index = strategy.select(paths, command);
    const { elapsedMs, lengthBytes = 8192, outcome = "good" } = each(index);
    command.lengthBytes = lengthBytes;
    strategy.completed?.(paths[index]!, command, elapsedMs, outcome);
    nowMs += elapsedMs;
  }
  return nowMs;
}

export function sharesOf(strategy: SpeedStrategy): number[] {
  return strategy.shares().map(({ share }) => share);
}
