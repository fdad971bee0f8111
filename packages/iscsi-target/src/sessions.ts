import { LoginStatus } from "@fairlead/iscsi-codec";
import { type Counters, createCounters } from "./counters.js";
import type { Executor } from "./executor.js";
import type { LogicalUnit } from "./logical-unit.js";
import { Nexus, Session, sessionKey } from "./session.js";
import type { Opening } from "./session-host.js";
import { Stage, TaskWaiter } from "./task.js";

/** Which numbers a portal group shows: LUN's number to number shown; what isn't in it keeps its own. */
export type LunNumbers = Readonly<Record<number, number>>;

/** Sessions of all portal groups. At most one for each initiator, ISID and group. */
export class Sessions {
  /** Answer a login although the old session's writes still stand in the medium. */
  reinstateEarly = false;
  private readonly open = new Map<string, Session>();
  private readonly counters = new Map<string, Counters>();
  private lastTsih = 0;

  constructor(
    private readonly executor: Executor,
    private readonly units: ReadonlyMap<number, LogicalUnit>,
    private readonly numbersOf: (groupTag: number) => LunNumbers,
  ) {}

  list(): Iterable<Session> {
    return this.open.values();
  }

  allCounters(): Iterable<Counters> {
    return this.counters.values();
  }

  /** RFC 7143, 6.3.5: TSIH 0 and a known initiator port reinstate the session. */
  openFor(opening: Opening, done: (result: Session | number) => void): void {
    const { connection, initiator, isid, tsih, discovery } = opening;
    const identity = { initiator, isid, discovery, groupTag: connection.portal.groupTag };
    const key = sessionKey(identity);
    if (tsih !== 0) {
      // One connection a session.
      const known = this.open.get(key)?.tsih === tsih;
      done(known ? LoginStatus.TooManyConnections : LoginStatus.SessionDoesNotExist);
      return;
    }
    if (!discovery) this.open.get(key)?.connection.end("its initiator logged in again");
    const waiter = new TaskWaiter(() => {
      if (connection.ended) return;
      // Another login of the same port may have been faster.
      if (!discovery && this.open.has(key)) {
        this.openFor(opening, done);
        return;
      }
      const session = new Session(identity, this.nextTsih(), connection, opening.cmdSn, this.executor.stored);
      if (!discovery) this.enter(session);
      done(session);
    });
    if (!this.reinstateEarly) this.awaitGhosts(key, waiter);
    waiter.ended();
  }

  /** What earlier sessions of the same port still have at the medium. */
  private awaitGhosts(key: string, waiter: TaskWaiter): void {
    for (const unit of this.units.values())
      unit.forEachTask((task) => {
        if (task.stage === Stage.Stored && task.session.ended && task.session.key === key) waiter.add(task);
      });
  }

  private enter(session: Session): void {
    this.open.set(session.key, session);
    session.connection.portal.counters.sessions++;
    for (const unit of this.units.values()) this.join(session, unit);
  }

  private join(session: Session, unit: LogicalUnit): void {
    const number = this.numbersOf(session.identity.groupTag)[unit.number] ?? unit.number;
    const portal = session.connection.portal.address;
    const nexus = new Nexus(session, unit, number, this.countersOf(portal, unit.number));
    session.nexuses.set(number, nexus);
    unit.nexuses.add(nexus);
  }

  private countersOf(portal: string, lun: number): Counters {
    const key = `${portal} ${lun}`;
    let counters = this.counters.get(key);
    if (counters === undefined) {
      counters = createCounters(portal, lun);
      this.counters.set(key, counters);
    }
    return counters;
  }

  /** Takes its tasks back: what has not reached the medium never will. */
  end(session: Session): void {
    if (session.ended) return;
    session.ended = true;
    if (this.open.get(session.key) === session) this.open.delete(session.key);
    for (const nexus of session.nexuses.values()) {
      nexus.unit.service.pump();
      nexus.unit.nexuses.delete(nexus);
    }
    for (const task of session.slots) {
      if (task.stage === Stage.Free || (this.reinstateEarly && task.inService)) continue;
      this.executor.abort(task);
    }
  }

  unitAdded(unit: LogicalUnit): void {
    for (const session of this.open.values()) this.join(session, unit);
  }

  unitRemoved(unit: LogicalUnit): void {
    for (const nexus of unit.nexuses) nexus.session.nexuses.delete(nexus.lunNumber);
    unit.nexuses.clear();
  }

  private nextTsih(): number {
    const used = new Set([...this.open.values()].map((session) => session.tsih));
    do this.lastTsih = (this.lastTsih % 0xffff) + 1;
    while (used.has(this.lastTsih));
    return this.lastTsih;
  }
}
