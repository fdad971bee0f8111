import type { Clock, EventSink } from "@fairlead/core";
import type { ChapOptions } from "./chap.js";
import type { Counters } from "./counters.js";
import type { Lun, LunOptions } from "./logical-unit.js";
import type { PortalFaults } from "./portal.js";
import type { ServiceOptions } from "./service.js";
import type { LunNumbers } from "./sessions.js";

export interface PortalGroupOptions {
  /** 1 to 65535: the target portal group tag. Stands for one storage processor. */
  readonly tag: number;
  /** `address:port`; port 0: any that is free. */
  readonly portals: readonly string[];
  /** LUN's number to the number that this group shows. @default each LUN's own number */
  readonly lunNumbers?: LunNumbers;
}

export interface TargetOptions {
  readonly clock: Clock;
  /** Name of the target, lower case. @default "iqn.2026-01.net.fairlead:san" */
  readonly iqn?: string;
  readonly portalGroups: readonly PortalGroupOptions[];
  /** @default none */
  readonly luns?: readonly LunOptions[];
  /** @default none: every initiator may log in */
  readonly chap?: ChapOptions;
  /** How fast each LUN works; they don't share. @default at once */
  readonly service?: ServiceOptions;
  /** Connections of all portals together. @default 1024 */
  readonly connectionsMax?: number;
  readonly onEvent?: EventSink;
}

export interface SessionStatus {
  readonly initiator: string;
  readonly isid: string;
  readonly portal: string;
  readonly groupTag: number;
  readonly tsih: number;
}

export interface ListeningPortal {
  /** With the real port. */
  readonly address: string;
  readonly groupTag: number;
}

/** A SAN in one process: LUNs, and portal groups through which sessions reach them. */
export interface Target {
  readonly iqn: string;
  /** @throws FairleadError TARGET_LISTEN_FAILED; nothing listens then. */
  start(): Promise<{ readonly portals: readonly ListeningPortal[] }>;
  /** Ends every session and waits for what the stores have begun. The stores stay open. */
  stop(): Promise<void>;
  /** @throws FairleadError TARGET_PORTAL_UNKNOWN */
  portal(address: string): PortalFaults;
  /** By its own number. @throws FairleadError TARGET_LUN_UNKNOWN */
  lun(number: number): Lun;
  /** Of every LUN. */
  setService(options: ServiceOptions): void;
  /** @throws FairleadError TARGET_LUN_EXISTS */
  addLun(options: LunOptions): void;
  /** Done when its last command is; the store stays open. */
  removeLun(number: number): Promise<void>;
  resizeLun(number: number, sizeBytes: number): Promise<void>;
  /** Listens at once; answers the real address. @throws FairleadError TARGET_GROUP_UNKNOWN, TARGET_LISTEN_FAILED */
  addPortal(groupTag: number, address: string): Promise<string>;
  removePortal(address: string): void;
  sessions(): SessionStatus[];
  /** Copies, one for each portal and LUN that a session has joined. */
  counters(): Counters[];
  /** True: a login is answered while writes of the session that it ends still stand in the medium, as tgtd does. */
  setReinstateEarly(early: boolean): void;
}
