import { OptionError } from "@fairlead/core";

/** Relative cost of one kind of command, greater than 0. */
export interface CostFactors {
  /** @default 1 */
  read?: number;
  /** @default 1 */
  write?: number;
  /** @default 1 */
  flush?: number;
}

export interface DiskSchedulerOptions {
  /** Shares of a VM for which none were set. Counts for entries made afterwards. @default 1000 */
  sharesDefault?: number;
  /** Fewest shares that an entry may be given; 0 allows entries that are served only while nobody else waits. [0086] @default 0 */
  sharesMin?: number;
  /** Most shares that an entry may be given. [0086] @default 1000000 */
  sharesMax?: number;
  /** Data in one consumption unit. Bytes. Counts for commands enqueued afterwards. [0089] @default 4096 */
  unitBytes?: number;
  /** What a command of each kind costs, as a multiple of its units. Counts for commands enqueued afterwards. @default 1 each */
  factors?: CostFactors;
  /** Sequential commands that a VM may send in a row although another is due. Commands; 1: none. [0090] @default 8 */
  quantum?: number;
  /** A command is sequential if it begins at most this far from the end of the one before. Bytes. @default 1024000 (2000 sectors of 512) */
  sequentialBytes?: number;
  /**
   * Permitted range of an entry around the LUN's virtual time: what it can be owed for the time in which it was idle,
   * and what it can owe for its minimum. Units; 0: no credit. [0091] @default 64
   */
  rangeUnits?: number;
  /** Cap while an entry spends its idle credit and others wait: it counts with this many times its shares; 1 or more. [0091] @default 2 */
  catchUp?: number;
  /** A waiting entry with shares gets at least one command in this time, as far as `floor` allows. ms. [0091] @default 1000 */
  intervalMs?: number;
  /** Part of all units that may go into those minima; 0 to 0.01. @default 0.01 */
  floor?: number;
}

/** All options with their values. */
export interface DiskSchedulerSettings extends Readonly<Required<Omit<DiskSchedulerOptions, "factors">>> {
  readonly factors: Readonly<Required<CostFactors>>;
}

export const DEFAULTS: DiskSchedulerSettings = {
  sharesDefault: 1000,
  sharesMin: 0,
  sharesMax: 1_000_000,
  unitBytes: 4096,
  factors: { read: 1, write: 1, flush: 1 },
  quantum: 8,
  sequentialBytes: 1_024_000,
  rangeUnits: 64,
  catchUp: 2,
  intervalMs: 1000,
  floor: 0.01,
};

/** `base` with what `options` changes, checked as a whole; throws OptionError. */
export function settingsFrom(
  base: DiskSchedulerSettings,
  options: DiskSchedulerOptions,
): DiskSchedulerSettings {
  const settings = { ...base, ...options, factors: { ...base.factors, ...options.factors } };
  const { sharesMin, sharesMax, sharesDefault, factors } = settings;
  check("sharesMin", sharesMin, sharesMin >= 0 && sharesMin < Infinity, "finite and 0 or more");
  check(
    "sharesMax",
    sharesMax,
    sharesMax >= sharesMin && sharesMax > 0 && sharesMax <= 1e9,
    `from sharesMin (${sharesMin}) to 1000000000 and greater than 0`,
  );
  check(
    "sharesDefault",
    sharesDefault,
    sharesDefault >= sharesMin && sharesDefault <= sharesMax,
    `from sharesMin (${sharesMin}) to sharesMax (${sharesMax})`,
  );
  check("unitBytes", settings.unitBytes, wholeFrom(1, settings.unitBytes), "a whole number of 1 or more");
  check("quantum", settings.quantum, wholeFrom(1, settings.quantum), "a whole number of 1 or more");
  check("sequentialBytes", settings.sequentialBytes, settings.sequentialBytes >= 0, "0 or more");
  check(
    "rangeUnits",
    settings.rangeUnits,
    settings.rangeUnits >= 0 && settings.rangeUnits < Infinity,
    "finite and 0 or more",
  );
  check(
    "catchUp",
    settings.catchUp,
    settings.catchUp >= 1 && settings.catchUp < Infinity,
    "finite and 1 or more",
  );
  check("intervalMs", settings.intervalMs, settings.intervalMs > 0, "greater than 0");
  check("floor", settings.floor, settings.floor >= 0 && settings.floor <= 0.01, "from 0 to 0.01");
  for (const kind of ["read", "write", "flush"] as const) {
    check(
      `factors.${kind}`,
      factors[kind],
      factors[kind] > 0 && factors[kind] < Infinity,
      "finite and greater than 0",
    );
  }
  return settings;
}

function wholeFrom(min: number, value: number): boolean {
  return Number.isSafeInteger(value) && value >= min;
}

function check(option: string, value: number, holds: boolean, expected: string): void {
  // A string compares like a number: "8" must not come through.
  if (!holds || typeof value !== "number") throw new OptionError(option, expected, value);
}
