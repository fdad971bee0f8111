import { type DiskScheduler, type DiskSchedulerOptions, diskScheduler } from "@fairlead/disk-scheduler";
import type { SchedulerConfig } from "./config/schema.js";
import { defined } from "./defined.js";

/** The config's words for the options of the scheduler package. */
export const SCHEDULER_WORDS: Readonly<Record<string, keyof SchedulerConfig>> = {
  unitBytes: "unit",
  sequentialBytes: "sequential",
  intervalMs: "interval",
};

/** Errors: `OPTION_INVALID`. */
export function createScheduler(config: SchedulerConfig): DiskScheduler {
  const { queueDepth: _roomBelongsToTheLun, unit, sequential, interval, factors, ...same } = config;
  const options: DiskSchedulerOptions = defined({
    ...same,
    unitBytes: unit,
    sequentialBytes: sequential,
    intervalMs: interval,
    factors: factors && defined(factors),
  });
  return diskScheduler(options);
}
