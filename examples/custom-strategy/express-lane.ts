import {
  defineStrategy,
  FairleadError,
  type LoadDistributionStrategy,
  OptionError,
  type OptionsSchema,
  type Path,
  refuseUnknownOptions,
  type Transfer,
} from "@fairlead/core";

interface ExpressLaneOptions {
  /** Lowest priority that may use the express lane, 0 to 10. @default 7 */
  priorityMin?: number;
}

/** Keeps the first path free for VMs with a high priority; the others share the rest, each time the least loaded. */
function expressLane(options: ExpressLaneOptions): LoadDistributionStrategy {
  refuseUnknownOptions(options, ["priorityMin"]);
  const { priorityMin = 7 } = options;
  if (!Number.isInteger(priorityMin) || priorityMin < 0 || priorityMin > 10) {
    throw new OptionError("priorityMin", "a whole number, 0 to 10", priorityMin);
  }

  function select(paths: readonly Path[], transfer: Transfer): number {
    // With one path left, everybody takes it.
    if (paths.length < 2 || transfer.priority >= priorityMin) return paths.length === 0 ? -1 : 0;
    let least = 1;
    for (let index = 2; index < paths.length; index++) {
      if (paths[index]!.pendingBytes < paths[least]!.pendingBytes) least = index;
    }
    return least;
  }

  return { name: "express-lane", select };
}

/** A Standard Schema (standardschema.dev) whose check is the factory's own; zod, valibot and arktype make one as well. */
const options: OptionsSchema<ExpressLaneOptions> = {
  "~standard": {
    version: 1,
    vendor: "express-lane",
    validate(value) {
      try {
        expressLane(value as ExpressLaneOptions);
        return { value: value as ExpressLaneOptions };
      } catch (error) {
        if (!(error instanceof FairleadError)) throw error;
        return { issues: [{ message: error.message }] };
      }
    },
  },
};

export default defineStrategy({ name: "express-lane", options, create: expressLane });
