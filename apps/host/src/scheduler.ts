import { type DiskScheduler, type DiskSchedulerOptions, diskScheduler } from "@fairlead/disk-scheduler";
import type { SchedulerConfig } from "./config/lun-schema.js";
import { defined } from "./defined.js";

/** The config's words for the options of the scheduler package. */
export const SCHEDULER_WORDS: Readonly<Record<string, keyof SchedulerConfig>> = {
  unitBytes: "unit",
  sequentialBytes: "sequential",
  intervalMs: "interval",
  limitBurstMs: "limitBurst",
  guaranteeWindowMs: "guaranteeWindow",
};

/** What the config says of the policy itself: the room belongs to the LUN. */
type PolicyWords = Partial<Omit<SchedulerConfig, "queueDepth">>;

/** What can be changed while the host runs. */
export type SchedulerWords = PolicyWords & { readonly queueDepth?: number | undefined };

/** In the package's own words. */
export function schedulerOptions(words: PolicyWords): DiskSchedulerOptions {
  const { unit, sequential, interval, limitBurst, guaranteeWindow, factors, ...same } = words;
  return defined({
    ...same,
    unitBytes: unit,
    sequentialBytes: sequential,
    intervalMs: interval,
    limitBurstMs: limitBurst,
    guaranteeWindowMs: guaranteeWindow,
    factors: factors && defined(factors),
  });
}

/** Errors: `OPTION_INVALID`. */
export function createScheduler({ queueDepth: _room, ...words }: Partial<SchedulerConfig>): DiskScheduler {
  return diskScheduler(schedulerOptions(words));
}
