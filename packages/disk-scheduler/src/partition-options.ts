import { OptionError, refuseUnknownOptions } from "@fairlead/core";
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

/** `unitsPerSecond` has no default, so that the first options must name it. */
export const PARTITION_DEFAULTS: FixedPartitionsSettings = {
  unitsPerSecond: Number.NaN,
  sharesTotal: 10_000,
  burstMs: 50,
  floor: 0.01,
  unitBytes: DEFAULTS.unitBytes,
};

/** `base` with what `options` changes, checked as a whole; throws OptionError. */
export function partitionSettingsFrom(
  base: FixedPartitionsSettings,
  options: Partial<FixedPartitionsOptions>,
): FixedPartitionsSettings {
  refuseUnknownOptions(options, Object.keys(base));
  const settings = { ...base, ...options };
  const { unitsPerSecond, sharesTotal, burstMs, floor, unitBytes } = settings;
  check(
    "unitsPerSecond",
    unitsPerSecond,
    unitsPerSecond > 0 && unitsPerSecond < Infinity,
    "finite and greater than 0",
  );
  check(
    "sharesTotal",
    sharesTotal,
    sharesTotal > 0 && sharesTotal <= 1e6,
    "greater than 0 and at most 1000000",
  );
  check("burstMs", burstMs, burstMs >= 5 && burstMs <= 10_000, "from 5 to 10000");
  check("floor", floor, floor > 0 && floor <= 0.1, "greater than 0 and at most 0.1");
  check(
    "unitBytes",
    unitBytes,
    Number.isSafeInteger(unitBytes) && unitBytes >= 1,
    "a whole number of 1 or more",
  );
  return settings;
}

function check(option: string, value: number, holds: boolean, expected: string): void {
  // A string compares like a number: "8" must not come through.
  if (!holds || typeof value !== "number") throw new OptionError(option, expected, value);
}
