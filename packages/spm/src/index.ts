export { guardedAdmission } from "./guarded-admission.js";
export { createStoragePathManager } from "./manager.js";
export type {
  CreateAdmissionPolicy,
  CreateStrategies,
  DiskSpec,
  DiskStatus,
  Extent,
  LunStatus,
  PathStatus,
  RescanReport,
  StoragePathManager,
  StoragePathManagerOptions,
  StoragePathManagerParts,
} from "./types.js";
export type { GuardedAdmissionParts } from "./watched-policy.js";
