export type {
  AdapterListener,
  DiscoveredPath,
  FailureReason,
  Hba,
  LunDescription,
  LunRange,
  PathAdapter,
  PathNotice,
  ScanResult,
  Session,
} from "./adapter.js";
export type { AdmissionPolicy, EntrySettings, EntryStatus } from "./admission.js";
export type { Clock, Timer } from "./clock.js";
export { Command, HOST, type Op, type Outcome, type VmId } from "./command.js";
export { Request, type VirtualDisk } from "./disk.js";
export { FairleadError, OptionError } from "./errors.js";
export type { EventSink, HostEvent } from "./events.js";
export type { LoadDistributionStrategy, Path, PathState } from "./path.js";
