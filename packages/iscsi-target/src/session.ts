import { Asc, following, isBefore, SenseKey, senseCode } from "@fairlead/iscsi-codec";
import type { Connection } from "./connection.js";
import type { Counters } from "./counters.js";
import type { LogicalUnit } from "./logical-unit.js";
import { Task } from "./task.js";

/** Commands that one session may have under way. */
const WINDOW = 128;
/** On top of those: commands that are not counted in the window. */
const IMMEDIATE_TASKS_MAX = 8;
const ATTENTIONS_MAX = 8;

/** `Asc.PowerOnOrReset` and such. */
function unitAttention(asc: number): number {
  return senseCode(SenseKey.UnitAttention, asc);
}

/** One session's relation to one LUN: what SAM calls an I_T_L nexus. */
export class Nexus {
  private readonly attentions: number[] = [unitAttention(Asc.PowerOnOrReset)];

  constructor(
    readonly session: Session,
    readonly unit: LogicalUnit,
    readonly lunNumber: number,
    readonly counters: Counters,
  ) {}

  get hasAttention(): boolean {
    return this.attentions.length > 0;
  }

  /** Oldest unit attention, 0 where there is none; it is told once. */
  takeAttention(): number {
    return this.attentions.shift() ?? 0;
  }

  establish(asc: number): void {
    const code = unitAttention(asc);
    if (this.attentions.length < ATTENTIONS_MAX && !this.attentions.includes(code))
      this.attentions.push(code);
  }
}

/** What to do with a command, by its CmdSN. */
export const Turn = { Now: 0, Later: 1, Never: 2 } as const;

/** Who talks to which portal group. */
export interface SessionIdentity {
  readonly initiator: string;
  /** 12 hexadecimal digits. */
  readonly isid: string;
  readonly groupTag: number;
  readonly discovery: boolean;
}

/** A session with its one connection: command window, tasks, and a nexus for each LUN. */
export class Session {
  readonly nexuses = new Map<number, Nexus>();
  readonly slots: Task[] = [];
  /** Turned true by the end of the connection. */
  ended = false;

  private readonly free: Task[] = [];
  private counted = 0;
  private uncounted = 0;

  constructor(
    readonly identity: SessionIdentity,
    readonly tsih: number,
    readonly connection: Connection,
    public expCmdSn: number,
    private readonly stored: (task: Task, error: Error | null) => void,
  ) {}

  /** Portal group, initiator and ISID: two sessions can't share it. */
  get key(): string {
    return sessionKey(this.identity);
  }

  /** Closes as tasks come and never moves back. */
  get maxCmdSn(): number {
    return (this.expCmdSn + (WINDOW - this.counted) - 1) >>> 0;
  }

  /** Takes the number into account where it is its turn. */
  turn(cmdSn: number): number {
    if (isBefore(cmdSn, this.expCmdSn) || isBefore(this.maxCmdSn, cmdSn)) return Turn.Never;
    if (cmdSn !== this.expCmdSn) return Turn.Later;
    this.expCmdSn = following(cmdSn);
    return Turn.Now;
  }

  /** Undefined where too many commands outside the window are under way. */
  take(counted: boolean): Task | undefined {
    if (!counted && this.uncounted >= IMMEDIATE_TASKS_MAX) return undefined;
    if (counted) this.counted++;
    else this.uncounted++;
    const task = this.free.pop() ?? this.makeTask();
    task.counted = counted;
    task.inWindow = true;
    return task;
  }

  /** The window opens with the answer that says so, if it has not by the end of the task. */
  leaveWindow(task: Task): void {
    if (!task.inWindow) return;
    task.inWindow = false;
    if (task.counted) this.counted--;
    else this.uncounted--;
  }

  give(task: Task): void {
    this.leaveWindow(task);
    task.reset();
    this.free.push(task);
  }

  private makeTask(): Task {
    const task = new Task(this, this.slots.length, this.stored);
    this.slots.push(task);
    return task;
  }
}

export function sessionKey(identity: SessionIdentity): string {
  return `${identity.groupTag},${identity.isid},${identity.initiator}`;
}
