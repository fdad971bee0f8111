import { checkNumber, OptionError, refuseUnknownOptions } from "@fairlead/core";
import { DEFAULTS } from "./options.js";

export interface FixedPartitionsOptions {
  /** The LUN's bandwidth over all of its paths. Consumption units per second, greater than 0. Required. */
  unitsPerSecond: number;
  /** Shares that stand for the whole LUN, greater than 0, at most 1000000. @default 10000 */
  sharesTotal?: number;
  /** A part that was not used may go on for this much of its time at once, 5 to 10000. ms @default 50 */
  burstMs?: number;
  /** Least part for all VMs without one of their own, even where everything is assigned; greater than 0, at most 0.1. @default 0.01 */
  floor?: number;
  /** Data in one consumption unit. Bytes. Counts for commands enqueued afterwards. [0089] @default 4096 */
  unitBytes?: number;
}

export type FixedPartitionsSettings = Readonly<Required<FixedPartitionsOptions>>;

/** `unitsPerSecond` has no default: the first options must name it. */
export const PARTITION_DEFAULTS: Omit<FixedPartitionsSettings, "unitsPerSecond"> = {
  sharesTotal: 10_000,
  burstMs: 50,
  floor: 0.01,
  unitBytes: DEFAULTS.unitBytes,
};

const NAMES = ["unitsPerSecond", ...Object.keys(PARTITION_DEFAULTS)];

/** `base` with what `options` changes, checked as a whole; throws OptionError, or `OPTION_UNKNOWN`. */
export function partitionSettingsFrom(
  base: typeof PARTITION_DEFAULTS & Partial<FixedPartitionsSettings>,
  options: Partial<FixedPartitionsOptions>,
): FixedPartitionsSettings {
  refuseUnknownOptions(options, NAMES);
  const {
    unitsPerSecond = base.unitsPerSecond,
    sharesTotal = base.sharesTotal,
    burstMs = base.burstMs,
    floor = base.floor,
    unitBytes = base.unitBytes,
  } = options;
  if (unitsPerSecond === undefined) {
    throw new OptionError("unitsPerSecond", "given, finite and greater than 0", unitsPerSecond);
  }
  checkNumber(
    "unitsPerSecond",
    unitsPerSecond,
    (units) => units > 0 && units < Infinity,
    "finite and greater than 0",
  );
  checkNumber(
    "sharesTotal",
    sharesTotal,
    (shares) => shares > 0 && shares <= 1e6,
    "greater than 0 and at most 1000000",
  );
  checkNumber("burstMs", burstMs, (ms) => ms >= 5 && ms <= 10_000, "from 5 to 10000");
  checkNumber("floor", floor, (part) => part > 0 && part <= 0.1, "greater than 0 and at most 0.1");
  if (!Number.isSafeInteger(unitBytes) || unitBytes < 1) {
    throw new OptionError("unitBytes", "a whole number of 1 or more", unitBytes);
  }
  return { unitsPerSecond, sharesTotal, burstMs, floor, unitBytes };
}
