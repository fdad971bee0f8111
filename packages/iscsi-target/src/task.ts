import { CDB_BYTES, ScsiStatus } from "@fairlead/iscsi-codec";
import type { LogicalUnit } from "./logical-unit.js";
import type { Job } from "./service.js";
import type { Nexus, Session } from "./session.js";
import type { StoreDone } from "./store.js";

/** Where a task stands. The order is that of its life; from `Stored` on it can no longer be taken back. */
export const Stage = {
  Free: 0,
  /** Its data is on the way. */
  Collecting: 1,
  /** In the LUN's queue, or in service there. */
  Queued: 2,
  /** Read whose answer has no room in the connection's output. */
  Parked: 3,
  /** The medium has it. */
  Stored: 4,
} as const;

/** What a task does at the medium. */
export const Work = {
  /** Nothing: the answer is there already. */
  None: 0,
  Read: 1,
  Write: 2,
  Flush: 3,
  /** Data-out that is compared with the medium. */
  Compare: 4,
  /** Zeros, or one block over and over. */
  Same: 5,
  Unmap: 6,
  CompareAndWrite: 7,
  OrWrite: 8,
} as const;

/** One SCSI command of a session. Slots are made once and used again. */
export class Task implements Job<Task> {
  stage: number = Stage.Free;
  initiatorTag = 0;
  /** Counted in the command window. */
  counted = false;
  /** Takes one of the session's places. */
  inWindow = false;
  lunNumber = 0;
  unit: LogicalUnit | null = null;
  nexus: Nexus | null = null;
  readonly cdb = new Uint8Array(CDB_BYTES);

  /** What the initiator said it will send or take. Bytes. */
  expectedInBytes = 0;
  expectedOutBytes = 0;
  /** What the command itself moves, for the residual. Bytes. */
  transferBytes = 0;

  work: number = Work.None;
  offsetBytes = 0;
  /** At the medium; what the service model counts. */
  lengthBytes = 0;
  fua = false;

  /** Data-out that is taken: at most what is expected and what the command moves. */
  outBytes = 0;
  receivedBytes = 0;
  /** End of the burst that is on its way. */
  burstEnd = 0;
  unsolicited = false;
  transferTag = 0;
  r2tSn = 0;
  dataSn = 0;
  /** Lent by the pool: data-out, or data-in of an asynchronous store. */
  buffer: Uint8Array | null = null;
  /** Answer of a command that doesn't read the medium. */
  reply: Uint8Array | null = null;

  status: number = ScsiStatus.Good;
  senseCode = 0;
  /** Has no answer any more, and doesn't begin if it has not begun. */
  aborted = false;
  waiters: TaskWaiter[] | null = null;

  nextJob: Task | null = null;
  arrivedAtMs = 0;
  dueAtMs = 0;
  inService = false;

  /** Links of the LUN's list of tasks. */
  previousOfUnit: Task | null = null;
  nextOfUnit: Task | null = null;

  constructor(
    readonly session: Session,
    readonly slot: number,
    stored: (task: Task, error: Error | null) => void,
  ) {
    this.stored = (error) => stored(this, error);
  }

  /** Handed to stores. */
  readonly stored: StoreDone;

  fail(senseCode: number): void {
    this.status = ScsiStatus.CheckCondition;
    this.senseCode = senseCode;
    this.work = Work.None;
    this.outBytes = 0;
  }

  /** Everything that `Free` promises to the next user. */
  reset(): void {
    this.stage = Stage.Free;
    this.unit = null;
    this.nexus = null;
    this.work = Work.None;
    this.expectedInBytes = this.expectedOutBytes = this.transferBytes = 0;
    this.offsetBytes = this.lengthBytes = this.outBytes = this.receivedBytes = this.burstEnd = 0;
    this.fua = this.unsolicited = this.aborted = false;
    this.r2tSn = this.dataSn = 0;
    this.buffer = this.reply = null;
    this.status = ScsiStatus.Good;
    this.senseCode = 0;
    this.waiters = null;
  }
}

/** Calls back once all of the tasks that it was given have ended. */
export class TaskWaiter {
  private open = 1;

  constructor(private readonly done: () => void) {}

  add(task: Task): void {
    this.open++;
    task.waiters ??= [];
    task.waiters.push(this);
  }

  /** Of one task; also called once when all tasks have been added. */
  ended(): void {
    if (--this.open === 0) this.done();
  }
}
