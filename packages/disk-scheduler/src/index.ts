export { type DiskScheduler, diskScheduler } from "./disk-scheduler.js";
export type { CostFactors, DiskSchedulerOptions, DiskSchedulerSettings } from "./options.js";
