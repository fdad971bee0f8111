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
export type { AdmissionPolicy, EntryStatus } from "./admission.js";
export type { Clock, Timer } from "./clock.js";
export { Command, type Op, type Outcome } from "./command.js";
export { Request, type VirtualDisk } from "./disk.js";
export { checkNumber, FairleadError, OptionError, refuseUnknownOptions } from "./errors.js";
export type { EventSink, HostEvent } from "./events.js";
export type { EntrySettings, Rate } from "./level.js";
export { Frame, type NicDriver, type NicListener } from "./nic.js";
export type { LoadDistributionStrategy, Path, PathState } from "./path.js";
export {
  type AdmissionPlugin,
  CONTRACT_VERSION,
  defineAdmissionPolicy,
  defineStrategy,
  type OptionsSchema,
  type PolicyPlugin,
  type SchemaResult,
  type StrategyPlugin,
  type TeamContext,
} from "./plugin.js";
export type { Transfer } from "./transfer.js";
export { HOST, type VmId } from "./vm.js";
export type { MigrationSteps, VmDriver, VmListener, VmRunState } from "./vm-driver.js";
