import type {
  AdmissionPolicy,
  Clock,
  EntrySettings,
  EntryStatus,
  EventSink,
  Hba,
  LoadDistributionStrategy,
  LunDescription,
  LunRange,
  PathState,
  ScanResult,
  TeamContext,
  VirtualDisk,
  VmId,
} from "@fairlead/core";

export interface StoragePathManagerOptions {
  /** LUN numbers to look at on each device. [0083] @default 0 to 255 */
  lunNumbers?: LunRange;
  /** Paths (`vmhba0:0:7`) and LUN ids that no VM may see or use; one masked name masks the LUN. [0085] @default [] */
  mask?: readonly string[];
  /** Commands outstanding per LUN while all of its paths are usable; fewer with less capacity. [0110] @default 32 */
  queueDepth?: number;
  /** How long requests wait after the last path of a LUN was lost, before they fail. ms @default 60000 */
  noPathQueueMs?: number;
  /** How long a write in doubt waits where no fence can be had. ms @default 30000 */
  quiesceMs?: number;
  /**
   * An earlier process did not end cleanly and may have left writes on their way: writes wait until every HBA's portals
   * have answered, which reinstates its sessions, and the LUN was reset, or until `quiesceMs` from now. @default false
   */
  recovering?: boolean;
  /**
   * Load-balancing share of the paths of an HBA, by its name; greater than 0. An HBA that is not named has 1.
   * 004.c12 @default {}
   */
  hbaShares?: Readonly<Record<string, number>>;
  /** Pause between scheduled scans, 2 to 20 s while something is missing; Infinity: only on command. ms @default 60000 */
  rescanMs?: number;
}

/** At least one, in order of preference. [0115] */
export type CreateStrategies = (context: TeamContext) => readonly LoadDistributionStrategy[];
export type CreateAdmissionPolicy = (context: TeamContext) => AdmissionPolicy;

/** What the host injects. */
export interface StoragePathManagerParts {
  clock: Clock;
  hbas: readonly Hba[];
  /** New ones for each LUN, in order of preference: the first is used, the next takes its place where it fails. */
  createStrategies: CreateStrategies;
  /** A new one for each call: one serves its LUN, others only show whether a change would be taken. */
  createAdmissionPolicy: CreateAdmissionPolicy;
  /**
   * Times single calls of a strategy: ms, monotonic, moving on within one batch of events too. Absent: `clock.now`,
   * which sees nothing slow where it stands still within a batch.
   */
  stopwatchMs?(): number;
  onEvent: EventSink;
  /** A disk whose LUNs are all known can be served from now on. */
  onDiskReady(disk: VirtualDisk, spec: DiskSpec): void;
  /** A disk can't be served any more: removed, or its LUN was masked. Its requests end first. */
  onDiskGone(name: string): void;
}

/** A part of a LUN, or all of it. */
export interface Extent {
  /** LUN id, another name of the LUN, or the name of a path to it. */
  readonly lun: string;
  /** @default 0 */
  readonly startBytes?: number;
  /** @default up to the end of the LUN */
  readonly lengthBytes?: number;
}

/** One virtual disk of a VM: its extents joined in this order. [0067] */
export interface DiskSpec {
  /** Unique in the host. */
  readonly name: string;
  readonly vm: VmId;
  readonly readOnly?: boolean;
  readonly extents: readonly Extent[];
}

export interface PathStatus {
  readonly name: string;
  readonly lunId: string;
  readonly state: PathState;
  /** Why it failed, since when; empty while it works. */
  readonly reason: string;
  readonly components: readonly string[];
  readonly pendingCommands: number;
  readonly pendingBytes: number;
  readonly completedCommands: number;
  readonly completedBytes: number;
  readonly busyMs: number;
}

export interface LunStatus extends LunDescription {
  /** The name of the first path found to it. [0084] */
  readonly canonicalName: string;
  readonly masked: boolean;
  /** The strategy in use. */
  readonly strategy: string;
  /** In order of preference. */
  readonly strategies: readonly string[];
  /** Faults of the strategies since they were set. */
  readonly strategyFaults: number;
  readonly admissionPolicy: string;
  readonly paths: readonly PathStatus[];
  /** Commands that may be outstanding while all paths are usable. */
  readonly queueDepth: number;
  readonly queuedCommands: number;
  readonly outstandingCommands: number;
  /** Held back behind an overlapping write or a write in doubt. */
  readonly heldCommands: number;
  /** Writes that wait for their fence. */
  readonly doubtfulWrites: number;
}

export interface DiskStatus {
  readonly name: string;
  readonly vm: VmId;
  /** `waiting`: a LUN is not known yet; `refused`: see `reason`. */
  readonly state: "ready" | "waiting" | "refused";
  readonly reason: string;
  /** 0 while it waits. */
  readonly sizeBytes: number;
  readonly extents: readonly { lunId: string; startBytes: number; lengthBytes: number }[];
  readonly completedRequests: number;
  readonly failedRequests: number;
  readonly readBytes: number;
  readonly writtenBytes: number;
}

export interface RescanReport {
  readonly addedPaths: readonly string[];
  readonly addedLuns: readonly string[];
  readonly grownLuns: readonly string[];
  readonly problems: ScanResult["problems"];
}

/** Discovers paths, groups them into LUNs, joins LUNs to virtual disks, and takes each request along Figure 7. */
export interface StoragePathManager {
  /** Scans every HBA; one scan at a time, a second call waits for the running one and scans again. [0084] */
  rescan(): Promise<RescanReport>;
  /** Throws `DISK_EXISTS`, `DISK_RANGE_INVALID`, `DISK_OVERLAP`. A disk whose LUN isn't known waits for it. */
  addDisk(spec: DiskSpec): void;
  /** Throws `DISK_UNKNOWN`. */
  removeDisk(name: string): void;
  /**
   * Level of service of a VM on a LUN, in force from the next decision on. False where no such LUN is known yet: kept
   * until one is found. Throws OptionError or `OPTION_UNKNOWN`, and then nothing has changed. [0092] [0105]
   */
  setEntry(vm: VmId, lun: string, settings: EntrySettings): boolean;
  entry(vm: VmId, lun: string): EntryStatus | undefined;
  /** Throws `PATH_UNKNOWN`. A disabled path takes no I/O until it is enabled; what is pending on it ends. */
  setPathEnabled(path: string, enabled: boolean): void;
  /** Throws `LUN_UNKNOWN`. A disk on a LUN that becomes masked is gone at once, and back when it no longer is. [0085] */
  setMasked(lun: string, masked: boolean): void;
  /**
   * Other strategies for the LUN, or for all that are present and to come. What is with a path stays there. Throws
   * `LUN_UNKNOWN`, OptionError and what `create` throws, and then nothing has changed. [0115]
   */
  setStrategies(create: CreateStrategies, lun?: string): void;
  /**
   * Another admission policy for the LUN, or for all that are present and to come. It gets the VMs' settings and
   * everything that is queued; what is outstanding completes at it. Throws `LUN_UNKNOWN`, the policy's OptionError where
   * it refuses a VM's settings, and what `create` throws, and then nothing has changed. [0093]
   */
  setAdmissionPolicy(create: CreateAdmissionPolicy, lun?: string): void;
  /**
   * Changes the options that are named, of the LUN's admission policy or of all that are present and to come, from the
   * next decision on. Throws `LUN_UNKNOWN`, `ADMISSION_NOT_CONFIGURABLE` and the policy's OptionError, and then nothing
   * has changed. [0092]
   */
  configureAdmission(options: object, lun?: string): void;
  /** Of one LUN, or of all that are present and to come. Throws `LUN_UNKNOWN`, OptionError. [0092] */
  setQueueDepth(commands: number, lun?: string): void;
  luns(): LunStatus[];
  paths(): PathStatus[];
  disks(): DiskStatus[];
  /**
   * Lets what is outstanding end, up to `timeoutMs`, then closes every HBA. False where writes may still be on their way:
   * the next process must start with `recovering`.
   */
  close(timeoutMs: number): Promise<boolean>;
}
