export { type DiskScheduler, diskScheduler } from "./disk-scheduler.js";
export { type FixedPartitions, fixedPartitions } from "./fixed-partitions.js";
export type { CostFactors, DiskSchedulerOptions, DiskSchedulerSettings } from "./options.js";
export type { FixedPartitionsOptions, FixedPartitionsSettings } from "./partition-options.js";
export { PROFILES, type ProfileName, SHARES } from "./profiles.js";
export { type StrictPriority, type StrictPriorityOptions, strictPriority } from "./strict-priority.js";
