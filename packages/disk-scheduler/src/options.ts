import { OptionError, refuseUnknownOptions } from "@fairlead/core";

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
  /** A limit that was not used may be made up for by a burst of this length. ms @default 50 */
  limitBurstMs?: number;
  /** How far guarantees of one priority may fall behind, and be made up for, before all of them are cut in proportion. ms [0106] @default 1000 */
  guaranteeWindowMs?: number;
  /** A path with this many commands pending, or more, has a backlog. [0109] @default 8 */
  backlogCommands?: number;
  /** Commands of the others that may be outstanding while a latency-critical VM is active. @default 4 */
  latencyDepth?: number;
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
  limitBurstMs: 50,
  guaranteeWindowMs: 1000,
  backlogCommands: 8,
  latencyDepth: 4,
};

const WHOLE_FROM_1 = ["unitBytes", "quantum", "backlogCommands", "latencyDepth"] as const;
const FINITE_FROM_0 = ["rangeUnits", "limitBurstMs", "guaranteeWindowMs"] as const;

/** `base` with what `options` changes, checked as a whole; throws OptionError, or `OPTION_UNKNOWN`. */
export function settingsFrom(
  base: DiskSchedulerSettings,
  options: DiskSchedulerOptions,
): DiskSchedulerSettings {
  refuseUnknownOptions(options, Object.keys(DEFAULTS));
  if (options.factors !== undefined) refuseUnknownOptions(options.factors, Object.keys(DEFAULTS.factors));
  const settings = { ...base, ...options, factors: { ...base.factors, ...options.factors } };
  checkShares(settings);
  for (const option of WHOLE_FROM_1) {
    check(
      option,
      settings[option],
      Number.isSafeInteger(settings[option]) && settings[option] >= 1,
      "a whole number of 1 or more",
    );
  }
  for (const option of FINITE_FROM_0) {
    check(
      option,
      settings[option],
      settings[option] >= 0 && settings[option] < Infinity,
      "finite and 0 or more",
    );
  }
  const { sequentialBytes, catchUp, intervalMs, floor, factors } = settings;
  check("sequentialBytes", sequentialBytes, sequentialBytes >= 0, "0 or more");
  check("catchUp", catchUp, catchUp >= 1 && catchUp < Infinity, "finite and 1 or more");
  check("intervalMs", intervalMs, intervalMs > 0, "greater than 0");
  check("floor", floor, floor >= 0 && floor <= 0.01, "from 0 to 0.01");
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

function checkShares({ sharesMin, sharesMax, sharesDefault }: DiskSchedulerSettings): void {
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
}

function check(option: string, value: number, holds: boolean, expected: string): void {
  // A string compares like a number: "8" must not come through.
  if (!holds || typeof value !== "number") throw new OptionError(option, expected, value);
}
