import {
  defineStrategy,
  FairleadError,
  type LoadDistributionStrategy,
  OptionError,
  type OptionsSchema,
  type Path,
  refuseUnknownOptions,
} from "@fairlead/core";

export interface MyStrategyOptions {
  /** Another path is taken once it has this many bytes less pending than the present one. Bytes. @default 65536 */
  marginBytes?: number;
}

/**
 * Stays on one path until another has clearly less pending.
 * Throws OptionError where an option is out of its range, `OPTION_UNKNOWN` where there is none of that name.
 */
export function myStrategy(options: MyStrategyOptions = {}): LoadDistributionStrategy {
  refuseUnknownOptions(options, ["marginBytes"]);
  const { marginBytes = 65_536 } = options;
  if (typeof marginBytes !== "number" || !(marginBytes >= 0)) {
    throw new OptionError("marginBytes", "a number, 0 or more", marginBytes);
  }
  let presentId = "";

  // Once per command: a plain loop, no object, no clock. `paths` is lent, so only an id is remembered.
  function select(paths: readonly Path[]): number {
    let present = -1;
    let least = -1;
    for (let index = 0; index < paths.length; index++) {
      const path = paths[index]!;
      if (path.id === presentId) present = index;
      if (least === -1 || path.pendingBytes < paths[least]!.pendingBytes) least = index;
    }
    if (least === -1) return -1;
    const surplusBytes =
      present === -1 ? Infinity : paths[present]!.pendingBytes - paths[least]!.pendingBytes;
    if (surplusBytes < marginBytes) return present;
    presentId = paths[least]!.id;
    return least;
  }

  return { name: "my-strategy", select };
}

/** A Standard Schema (standardschema.dev) whose check is the factory's own, so that both say the same. */
const optionsSchema: OptionsSchema<MyStrategyOptions> = {
  "~standard": {
    version: 1,
    vendor: "my-strategy",
    validate(value) {
      if (typeof value !== "object" || value === null) return { issues: [{ message: "expected an object" }] };
      try {
        myStrategy(value);
        return { value };
      } catch (error) {
        if (!(error instanceof FairleadError)) throw error;
        return {
          issues: [{ message: error.message, path: error instanceof OptionError ? [error.option] : [] }],
        };
      }
    },
  },
};

// What a host loads, by the name of the package or of this file.
export default defineStrategy<MyStrategyOptions>({
  name: "my-strategy",
  options: optionsSchema,
  create: (options) => myStrategy(options),
});
