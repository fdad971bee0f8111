export { createStoragePathManager } from "./manager.js";
export type {
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
