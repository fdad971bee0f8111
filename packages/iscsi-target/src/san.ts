import { FairleadError, OptionError } from "@fairlead/core";
import { Asc, formatText } from "@fairlead/iscsi-codec";
import { BufferPool } from "./buffer-pool.js";
import { checkChap } from "./chap.js";
import type { Connection } from "./connection.js";
import type { Counters } from "./counters.js";
import { CommandReceiver } from "./data-out.js";
import { Executor } from "./executor.js";
import { identify } from "./identity.js";
import { LogicalUnit, type LunOptions } from "./logical-unit.js";
import { Portal, type PortalFaults, type PortalShared } from "./portal.js";
import { formatPortal, parsePortal } from "./portal-address.js";
import { SlabPool } from "./sender.js";
import type { ServiceOptions } from "./service.js";
import type { Session } from "./session.js";
import type { Opening, SessionHost } from "./session-host.js";
import { Sessions } from "./sessions.js";
import type { ListeningPortal, PortalGroupOptions, SessionStatus, Target, TargetOptions } from "./target.js";
import { type Task, TaskWaiter } from "./task.js";

const DEFAULT_IQN = "iqn.2026-01.net.fairlead:san";
/** Data-out of all sessions that has come and is not yet in a store. */
const WRITE_BYTES_MAX = 256 << 20;
const SCRATCH_BYTES = 256 << 10;
const WILDCARDS = new Set(["0.0.0.0", "::"]);

/** @throws OptionError */
export function createTarget(options: TargetOptions): Target {
  return new San(options);
}

class San implements Target, SessionHost {
  readonly iqn: string;
  private readonly luns = new Map<number, LogicalUnit>();
  private readonly groups = new Map<number, PortalGroupOptions>();
  private portals: Portal[] = [];
  private readonly shared: PortalShared;
  private readonly buffers = new BufferPool(WRITE_BYTES_MAX);
  private readonly executor = new Executor(this.buffers);
  private readonly registry: Sessions;
  private service: ServiceOptions;
  private toFlush: Connection[] = [];

  constructor(private readonly options: TargetOptions) {
    const { clock, iqn = DEFAULT_IQN, portalGroups, luns = [], chap, connectionsMax = 1024 } = options;
    if (!/^(?:iqn|eui|naa)\.[a-z0-9.:-]{1,219}$/.test(iqn))
      throw new OptionError("iqn", "an iSCSI name in lower case, at most 223 characters", iqn);
    if (chap !== undefined) checkChap(chap);
    if (!Number.isInteger(connectionsMax) || connectionsMax < 1)
      throw new OptionError("connectionsMax", "a whole number greater than 0", connectionsMax);
    this.iqn = iqn;
    this.service = options.service ?? {};
    this.shared = {
      clock,
      slabs: new SlabPool(),
      scratch: Buffer.allocUnsafeSlow(SCRATCH_BYTES),
      targetName: iqn,
      chap,
      connectionsMax,
      connectionCount: 0,
    };
    this.registry = new Sessions(this.executor, this.luns, (tag) => this.groups.get(tag)?.lunNumbers ?? {});
    for (const group of portalGroups) this.addGroup(group);
    for (const lun of luns) this.addLun(lun);
  }

  private addGroup(group: PortalGroupOptions): void {
    const { tag } = group;
    if (!Number.isInteger(tag) || tag < 1 || tag > 65535 || this.groups.has(tag))
      throw new OptionError("portalGroups.tag", "a whole number from 1 to 65535, each once", tag);
    const shown = Object.values(group.lunNumbers ?? {});
    if (shown.some((number) => !Number.isInteger(number) || number < 0 || number > 16383))
      throw new OptionError("portalGroups.lunNumbers", "numbers from 0 to 16383", shown.join());
    for (const portal of group.portals) parsePortal(portal);
    this.groups.set(tag, group);
  }

  // Target

  async start(): Promise<{ portals: ListeningPortal[] }> {
    const portals: Portal[] = [];
    for (const group of this.groups.values())
      for (const address of group.portals) portals.push(this.makePortal(group.tag, address));
    try {
      for (const portal of portals) await portal.listen();
    } catch (error) {
      for (const portal of portals) portal.remove();
      throw error;
    }
    this.portals = portals;
    return { portals: portals.map(({ address, groupTag }) => ({ address, groupTag })) };
  }

  async stop(): Promise<void> {
    for (const portal of this.portals.splice(0)) portal.remove();
    const units = [...this.luns.values()];
    for (const unit of units) unit.releaseWrites();
    await new Promise<void>((resolve) => {
      const waiter = new TaskWaiter(resolve);
      for (const unit of units) unit.awaitStored(waiter);
      waiter.ended();
    });
    for (const unit of units) unit.service.stop();
  }

  portal(address: string): PortalFaults {
    return this.findPortal(address);
  }

  private findPortal(address: string): Portal {
    const portal = this.portals.find((one) => one.address === address);
    if (portal === undefined)
      throw new FairleadError(
        "TARGET_PORTAL_UNKNOWN",
        `${JSON.stringify(address)} is no portal of ${this.iqn}`,
      );
    return portal;
  }

  lun(number: number): LogicalUnit {
    const unit = this.luns.get(number);
    if (unit === undefined) throw new FairleadError("TARGET_LUN_UNKNOWN", `${this.iqn} has no LUN ${number}`);
    return unit;
  }

  setService(options: ServiceOptions): void {
    for (const unit of this.luns.values()) unit.service.configure(options);
    this.service = options;
  }

  addLun(options: LunOptions): void {
    const { number } = options;
    const identity = identify(this.iqn, options);
    const { clock } = this.shared;
    const unit = new LogicalUnit(options, identity, clock, this.service, this.executor.perform);
    for (const group of this.groups.values()) {
      const shown = shownNumber(group, number);
      if ([...this.luns.keys()].some((other) => shownNumber(group, other) === shown))
        throw new FairleadError(
          "TARGET_LUN_EXISTS",
          `portal group ${group.tag} of ${this.iqn} already has a LUN ${shown}`,
        );
    }
    this.luns.set(number, unit);
    this.registry.unitAdded(unit);
    this.mapChanged(unit);
  }

  async removeLun(number: number): Promise<void> {
    const unit = this.lun(number);
    this.luns.delete(number);
    this.registry.unitRemoved(unit);
    this.mapChanged(unit);
    await idle(unit);
  }

  /** REPORTED LUNS DATA HAS CHANGED, told once by each other unit of a session. */
  private mapChanged(changed: LogicalUnit): void {
    for (const unit of this.luns.values()) if (unit !== changed) unit.establish(Asc.ReportedLunsChanged);
  }

  async resizeLun(number: number, sizeBytes: number): Promise<void> {
    const unit = this.lun(number);
    await unit.store.resize(sizeBytes);
    unit.establish(Asc.CapacityChanged);
  }

  async addPortal(groupTag: number, address: string): Promise<string> {
    if (!this.groups.has(groupTag))
      throw new FairleadError("TARGET_GROUP_UNKNOWN", `${this.iqn} has no portal group ${groupTag}`);
    const portal = this.makePortal(groupTag, address);
    await portal.listen();
    this.portals.push(portal);
    return portal.address;
  }

  removePortal(address: string): void {
    const portal = this.findPortal(address);
    this.portals = this.portals.filter((other) => other !== portal);
    portal.remove();
  }

  private makePortal(groupTag: number, address: string): Portal {
    return new Portal(parsePortal(address), groupTag, this.shared, this);
  }

  sessions(): SessionStatus[] {
    return [...this.registry.list()].map(({ identity, connection, tsih }) => ({
      initiator: identity.initiator,
      isid: identity.isid,
      portal: connection.portal.address,
      groupTag: identity.groupTag,
      tsih,
    }));
  }

  counters(): Counters[] {
    return [...this.registry.allCounters()].map((counters) => ({ ...counters }));
  }

  setReinstateEarly(early: boolean): void {
    this.registry.reinstateEarly = early;
  }

  // What connections ask for

  openSession(opening: Opening, done: (result: Session | number) => void): void {
    this.registry.openFor(opening, done);
  }

  endSession(session: Session): void {
    this.registry.end(session);
  }

  createCommands(connection: Connection, session: Session): CommandReceiver {
    const port = { targetName: this.iqn, groupTag: session.identity.groupTag };
    return new CommandReceiver(connection, session, this.executor, this.buffers, port);
  }

  listTargets(connection: Connection, which: string): string {
    const mine = !(connection.session?.identity.discovery ?? true);
    if (which !== "All" && which !== this.iqn && !(which === "" && mine)) return "";
    const pairs: [string, string][] = [["TargetName", this.iqn]];
    for (const portal of this.portals) {
      if (!portal.listening) continue;
      const { host, port } = parsePortal(portal.address);
      const seen = WILDCARDS.has(host) ? (connection.socket.localAddress ?? host) : host;
      pairs.push(["TargetAddress", `${formatPortal(seen, port)},${portal.groupTag}`]);
    }
    return formatText(pairs).toString("utf8");
  }

  resumeRead(task: Task): void {
    this.executor.read(task);
  }

  abort(task: Task): void {
    this.executor.abort(task);
  }

  report(kind: string, severity: "info" | "warning" | "error", subject: string, reason: string): void {
    this.options.onEvent?.({ kind, severity, subject, reason });
  }

  flushSoon(connection: Connection): void {
    if (connection.flushing) return;
    connection.flushing = true;
    if (this.toFlush.push(connection) === 1) setImmediate(this.flushAll);
  }

  private readonly flushAll = (): void => {
    const connections = this.toFlush;
    this.toFlush = [];
    for (const connection of connections) {
      connection.flushing = false;
      connection.sender.flush();
    }
  };
}

function shownNumber(group: PortalGroupOptions, number: number): number {
  return group.lunNumbers?.[number] ?? number;
}

/** Every task of the unit has ended. */
function idle(unit: LogicalUnit): Promise<void> {
  return new Promise((resolve) => {
    const waiter = new TaskWaiter(resolve);
    unit.service.pump();
    unit.forEachTask((task) => waiter.add(task));
    waiter.ended();
  });
}
