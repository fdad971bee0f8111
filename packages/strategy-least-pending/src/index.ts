import {
  checkNumber,
  type LoadDistributionStrategy,
  OptionError,
  type Path,
  refuseUnknownOptions,
} from "@fairlead/core";

export interface LeastPendingOptions {
  /** What is compared: `bytes` or `commands` sent and not completed. @default "bytes" */
  by?: "bytes" | "commands";
  /** A path with this many bytes pending, or more, is passed over. Bytes. @default Infinity */
  pendingBytesMax?: number;
}

/**
 * Sends each command over the usable path with the fewest bytes, or commands, pending; equal ones take turns. [0115]
 * Throws OptionError where an option is out of its range, `OPTION_UNKNOWN` where there is none of that name.
 */
export function leastPending(options: LeastPendingOptions = {}): LoadDistributionStrategy {
  refuseUnknownOptions(options, ["by", "pendingBytesMax"]);
  const { by = "bytes", pendingBytesMax = Infinity } = options;
  if (by !== "bytes" && by !== "commands") throw new OptionError("by", '"bytes" or "commands"', by);
  checkNumber("pendingBytesMax", pendingBytesMax, (bytes) => bytes > 0, "greater than 0");
  const byBytes = by === "bytes";
  // Rotates, so that ties do not always fall on the first path.
  let start = 0;

  function select(paths: readonly Path[]): number {
    const count = paths.length;
    if (start >= count) start = 0;
    let best = -1;
    let bestPending = Infinity;
    let index = start;
    for (let step = 0; step < count; step++) {
      const path = paths[index]!;
      const pending = byBytes ? path.pendingBytes : path.pendingCommands;
      if (pending < bestPending && path.pendingBytes < pendingBytesMax) {
        best = index;
        bestPending = pending;
      }
      index = index + 1 < count ? index + 1 : 0;
    }
    if (best !== -1) start = best + 1;
    return best;
  }

  return { name: "least-pending", select };
}
