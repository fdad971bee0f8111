export type { ChapOptions } from "./chap.js";
export type { Counters } from "./counters.js";
export { type FileStoreOptions, fileStore } from "./file-store.js";
export type { CommandFault, Execution, FaultOp, Identity, Lun, LunOptions } from "./logical-unit.js";
export { type MemoryStoreOptions, memoryStore } from "./memory-store.js";
export type { PortalCounters, PortalFaults } from "./portal.js";
export { createTarget } from "./san.js";
export type { ServiceOptions } from "./service.js";
export type { LunNumbers } from "./sessions.js";
export type { Store, StoreDone } from "./store.js";
export type {
  ListeningPortal,
  PortalGroupOptions,
  SessionStatus,
  Target,
  TargetOptions,
} from "./target.js";
export { type VolatileCache, volatileCache } from "./volatile-cache.js";
