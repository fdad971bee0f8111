import { type Clock, OptionError } from "@fairlead/core";
import { Asc, ScsiStatus, SenseKey, senseCode } from "@fairlead/iscsi-codec";
import { Service, type ServiceOptions } from "./service.js";
import type { Nexus } from "./session.js";
import type { Store } from "./store.js";
import { Stage, type Task, type TaskWaiter, Work } from "./task.js";

export interface LunOptions {
  /** 0 to 16383, unless the portal group shows another. */
  readonly number: number;
  readonly store: Store;
  /** 16 hexadecimal digits that begin with 5, or 32 that begin with 6. @default made from the target's name and `number` */
  readonly naa?: string;
  /** Up to 36 printable characters. @default made from the target's name and `number` */
  readonly serial?: string;
  /** Up to 8 printable characters. @default "FAIRLEAD" */
  readonly vendor?: string;
  /** Up to 16 printable characters. @default "SAN" */
  readonly product?: string;
  /** A power of two from 512 to 65536. @default 512 */
  readonly blockSizeBytes?: number;
  /** @default false */
  readonly readOnly?: boolean;
  /** What the LUN says of its cache (WCE); what it does is the store's. @default true */
  readonly writeCache?: boolean;
  /** Longest read or write in one command. Bytes. @default 1048576 */
  readonly maxTransferBytes?: number;
}

export interface Identity {
  readonly naa: string;
  readonly serial: string;
  readonly vendor: string;
  readonly product: string;
}

/** Kinds of commands that a fault can be aimed at. */
export type FaultOp = "read" | "write" | "flush" | "any";

export interface CommandFault {
  /** @default "any" */
  readonly op?: FaultOp;
  /** Key << 16 | ASC << 8 | ASCQ. */
  readonly sense: number;
  /** @default 1 */
  readonly count?: number;
}

/** One command as it took effect at the medium. */
export interface Execution {
  readonly op: "read" | "write" | "flush";
  readonly offsetBytes: number;
  readonly lengthBytes: number;
  readonly portal: string;
  readonly initiator: string;
}

/** A LUN with its faults. */
export interface Lun {
  readonly number: number;
  readonly sizeBytes: number;
  readonly blockSizeBytes: number;
  readonly identity: Identity;
  /** Sees each read, write and flush when it takes effect; the object is new each time. For tests. */
  trace: ((execution: Execution) => void) | null;
  /** The next commands of this kind end with this sense; after an earlier fault of the same kind is used up. */
  failNext(fault: CommandFault): void;
  /** The next commands, whatever they are, end with BUSY. */
  busyNext(count: number): void;
  /** Not ready, becoming ready (02/0401) to everything but INQUIRY, REPORT LUNS and REQUEST SENSE. */
  offline(): void;
  online(): void;
  /** The next writes stop in the medium: begun, not to be taken back, and without an end until `releaseWrites`. */
  holdWrites(count: number): void;
  readonly heldWrites: number;
  /** Lets held writes reach the store, and holds no more. Answers how many there were. */
  releaseWrites(): number;
  setService(options: ServiceOptions): void;
}

const OFFLINE = senseCode(SenseKey.NotReady, Asc.BecomingReady);

/** A LUN: its store behind its service queue, every task that stands at it, and its faults. */
export class LogicalUnit implements Lun {
  readonly number: number;
  readonly store: Store;
  readonly identity: Identity;
  readonly blockSizeBytes: number;
  readonly readOnly: boolean;
  writeCache: boolean;
  readonly maxTransferBytes: number;
  readonly service: Service<Task>;
  trace: ((execution: Execution) => void) | null = null;
  /** Nexuses of all sessions. */
  readonly nexuses = new Set<Nexus>();

  private firstTask: Task | null = null;
  private readonly held: Task[] = [];
  private holdCount = 0;
  private ready = true;
  private busyCount = 0;
  private faults: { op: FaultOp; sense: number; left: number }[] = [];

  constructor(
    options: LunOptions,
    identity: Identity,
    clock: Clock,
    service: ServiceOptions,
    private readonly perform: (task: Task) => void,
  ) {
    const { number, store, blockSizeBytes = 512, readOnly = false, writeCache = true } = options;
    const { maxTransferBytes = 1 << 20 } = options;
    if (!Number.isInteger(number) || number < 0 || number > 16383)
      throw new OptionError("luns.number", "a whole number from 0 to 16383", number);
    if (!Number.isInteger(Math.log2(blockSizeBytes)) || blockSizeBytes < 512 || blockSizeBytes > 65536)
      throw new OptionError("luns.blockSizeBytes", "a power of two from 512 to 65536", blockSizeBytes);
    if (!(maxTransferBytes >= blockSizeBytes && maxTransferBytes <= 16 << 20))
      throw new OptionError("luns.maxTransferBytes", "from one block to 16 MiB", maxTransferBytes);
    this.number = number;
    this.store = store;
    this.identity = identity;
    this.blockSizeBytes = blockSizeBytes;
    this.readOnly = readOnly;
    this.writeCache = writeCache;
    this.maxTransferBytes = maxTransferBytes;
    this.service = new Service(clock, (task) => this.begin(task), service);
  }

  get sizeBytes(): number {
    return this.store.sizeBytes;
  }

  get blocks(): number {
    return Math.floor(this.store.sizeBytes / this.blockSizeBytes);
  }

  /** Enters the task in the unit's list, until `leave`. */
  enter(task: Task): void {
    task.unit = this;
    task.previousOfUnit = null;
    task.nextOfUnit = this.firstTask;
    if (this.firstTask !== null) this.firstTask.previousOfUnit = task;
    this.firstTask = task;
  }

  leave(task: Task): void {
    if (task.previousOfUnit === null) this.firstTask = task.nextOfUnit;
    else task.previousOfUnit.nextOfUnit = task.nextOfUnit;
    if (task.nextOfUnit !== null) task.nextOfUnit.previousOfUnit = task.previousOfUnit;
    task.previousOfUnit = task.nextOfUnit = null;
  }

  /** Of every session, also of those that are gone. */
  forEachTask(visit: (task: Task) => void): void {
    let task = this.firstTask;
    while (task !== null) {
      const next: Task | null = task.nextOfUnit;
      visit(task);
      task = next;
    }
  }

  /** Every task that the medium has delays `waiter` until it has ended. */
  awaitStored(waiter: TaskWaiter): void {
    this.forEachTask((task) => {
      if (task.stage === Stage.Stored) waiter.add(task);
    });
  }

  private begin(task: Task): void {
    if (!task.aborted && this.holdCount > 0 && isWriting(task)) {
      this.holdCount--;
      task.stage = Stage.Stored;
      this.held.push(task);
      return;
    }
    this.perform(task);
  }

  /** Status and sense of a fault, an offline unit or nothing; called before the command is looked at. */
  refuse(task: Task): boolean {
    if (!this.ready) {
      task.fail(OFFLINE);
      return true;
    }
    if (this.busyCount > 0) {
      this.busyCount--;
      task.status = ScsiStatus.Busy;
      return true;
    }
    return false;
  }

  /** A fault that was aimed at this kind of command; called when its kind is known. */
  strike(task: Task): boolean {
    if (this.faults.length === 0) return false;
    const fault = this.faults.find(({ op }) => op === "any" || op === opOf(task));
    if (fault === undefined) return false;
    if (--fault.left === 0) this.faults = this.faults.filter((other) => other !== fault);
    task.fail(fault.sense);
    return true;
  }

  failNext(fault: CommandFault): void {
    const { op = "any", sense, count = 1 } = fault;
    if (!Number.isInteger(sense) || sense < 0 || sense > 0x0fffff)
      throw new OptionError("sense", "key << 16 | ASC << 8 | ASCQ", sense);
    checkCount(count);
    this.faults.push({ op, sense, left: count });
  }

  busyNext(count: number): void {
    checkCount(count);
    this.busyCount += count;
  }

  offline(): void {
    this.ready = false;
  }

  online(): void {
    this.ready = true;
  }

  setService(options: ServiceOptions): void {
    this.service.configure(options);
  }

  holdWrites(count: number): void {
    checkCount(count);
    this.holdCount += count;
  }

  get heldWrites(): number {
    return this.held.length;
  }

  releaseWrites(): number {
    this.holdCount = 0;
    const tasks = this.held.splice(0);
    for (const task of tasks) this.perform(task);
    return tasks.length;
  }

  establish(attention: number): void {
    for (const nexus of this.nexuses) nexus.establish(attention);
  }
}

function isWriting(task: Task): boolean {
  return task.work === Work.Write || task.work >= Work.Same;
}

function opOf(task: Task): FaultOp {
  if (task.work === Work.Read || task.work === Work.Compare) return "read";
  if (task.work === Work.Flush) return "flush";
  return isWriting(task) ? "write" : "any";
}

function checkCount(count: number): void {
  if (!Number.isInteger(count) || count < 1)
    throw new OptionError("count", "a whole number greater than 0", count);
}
