import {
  checkNumber,
  type LoadDistributionStrategy,
  type Path,
  refuseUnknownOptions,
  type Transfer,
} from "@fairlead/core";

export interface RoundRobinOptions {
  /** Commands that one path takes before the next has its turn. @default 1; Infinity where `bytesPerTurn` is set */
  commandsPerTurn?: number;
  /** Bytes that one path takes before the next has its turn; the command that reaches it still goes. @default Infinity */
  bytesPerTurn?: number;
}

/**
 * Rotates over the usable paths. A turn ends with whichever of its two bounds is reached first. [0115]
 * Throws OptionError where a bound is not greater than 0, `OPTION_UNKNOWN` where there is none of that name.
 */
export function roundRobin(options: RoundRobinOptions = {}): LoadDistributionStrategy {
  refuseUnknownOptions(options, ["commandsPerTurn", "bytesPerTurn"]);
  const { bytesPerTurn = Infinity } = options;
  checkNumber("bytesPerTurn", bytesPerTurn, (bytes) => bytes > 0, "greater than 0");
  const { commandsPerTurn = bytesPerTurn < Infinity ? Infinity : 1 } = options;
  checkNumber("commandsPerTurn", commandsPerTurn, (commands) => commands >= 1, "1 or more");

  // Ids in the order of the last look: tells what comes after a path that is gone.
  let order: string[] = [];
  let currentId = "";
  let index = -1;
  let commands = 0;
  let bytes = 0;

  function select(paths: readonly Path[], transfer: Transfer): number {
    if (paths.length === 0) return -1;
    if (paths.length !== order.length || paths[index]?.id !== currentId) pathsChanged(paths);
    if (index === -1 || commands >= commandsPerTurn || bytes >= bytesPerTurn) {
      index = index + 1 < paths.length ? index + 1 : 0;
      currentId = paths[index]?.id ?? "";
      commands = 0;
      bytes = 0;
    }
    commands++;
    bytes += transfer.lengthBytes;
    return index;
  }

  /** Stays on the path whose turn it is; where that one is gone, stops before the first one after it that is still there. */
  function pathsChanged(paths: readonly Path[]): void {
    const ids = paths.map((path) => path.id);
    const place = order.indexOf(currentId);
    index = ids.indexOf(currentId);
    for (let step = 1; index === -1 && step <= order.length && place !== -1; step++) {
      const after = ids.indexOf(order[(place + step) % order.length] ?? "");
      if (after === -1) continue;
      index = after;
      currentId = ids[after] ?? "";
      commands = 0;
      bytes = 0;
    }
    // With no path left, what came after which is still needed when they return.
    if (ids.length > 0) order = ids;
  }

  return { name: "round-robin", select, pathsChanged };
}
