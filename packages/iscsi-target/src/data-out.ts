import {
  Asc,
  At,
  BHS_BYTES,
  CDB_BYTES,
  Flag,
  getLun,
  getU32,
  IMMEDIATE,
  NO_TAG,
  Opcode,
  RejectReason,
  ScsiStatus,
  SenseKey,
  senseCode,
  setLun,
  setU32,
  startHeader,
} from "@fairlead/iscsi-codec";
import type { BufferPool } from "./buffer-pool.js";
import { prepare } from "./commands.js";
import type { Connection } from "./connection.js";
import type { Executor } from "./executor.js";
import type { PortIdentity } from "./inquiry.js";
import { sendReject } from "./responses.js";
import type { Session } from "./session.js";
import { Stage, type Task } from "./task.js";

const SEQUENCE_ERROR = senseCode(SenseKey.AbortedCommand, Asc.ProtocolServiceDeliveryError);
/** A transfer tag is a count of transfers above the slot of the task. */
const SLOT_BITS = 12;
const SLOT_MASK = (1 << SLOT_BITS) - 1;

/** SCSI commands as they come in, with their data: immediate, unsolicited, and asked for by R2T. RFC 7143, 4.2.5.2 */
export class CommandReceiver {
  private transfers = 0;
  /** Task whose data the current PDU carries. */
  private incoming: Task | null = null;
  private incomingFinal = false;

  constructor(
    private readonly connection: Connection,
    private readonly session: Session,
    private readonly executor: Executor,
    private readonly buffers: BufferPool,
    private readonly port: PortIdentity,
  ) {}

  /** Header of a SCSI Command; `connection.place` says where its immediate data goes. */
  beginCommand(bytes: Uint8Array, at: number, dataBytes: number): void {
    this.incoming = null;
    const { parameters } = this.connection;
    if (dataBytes > 0 && (!parameters.immediateData || dataBytes > parameters.firstBurstBytes)) {
      sendReject(this.connection, bytes.subarray(at, at + BHS_BYTES), RejectReason.InvalidPduField);
      return;
    }
    const task = this.session.take((bytes[at]! & IMMEDIATE) === 0);
    if (task === undefined) {
      sendReject(this.connection, bytes.subarray(at, at + BHS_BYTES), RejectReason.ImmediateReject);
      return;
    }
    const flags = bytes[at + At.Flags]!;
    const expectedBytes = getU32(bytes, at + At.ExpectedBytes);
    task.stage = Stage.Collecting;
    task.initiatorTag = getU32(bytes, at + At.InitiatorTag);
    task.lunNumber = getLun(bytes, at + At.Lun);
    if ((flags & Flag.Write) !== 0) task.expectedOutBytes = expectedBytes;
    else if ((flags & Flag.Read) !== 0) task.expectedInBytes = expectedBytes;
    for (let index = 0; index < CDB_BYTES; index++) task.cdb[index] = bytes[at + At.Cdb + index]!;
    prepare(task, this.port);
    if (task.outBytes > 0) this.lend(task);
    task.receivedBytes = Math.min(dataBytes, task.expectedOutBytes);
    task.unsolicited =
      (flags & Flag.Final) === 0 && !parameters.initialR2t && task.receivedBytes < task.outBytes;
    if (task.buffer !== null) this.connection.place(task.buffer, 0, Math.min(dataBytes, task.outBytes));
    this.incoming = task;
    this.incomingFinal = true;
  }

  private lend(task: Task): void {
    const buffer = this.buffers.take(task.outBytes);
    if (buffer !== undefined) {
      task.buffer = buffer;
      return;
    }
    task.fail(0);
    task.status = ScsiStatus.TaskSetFull;
  }

  /** Header of a Data-Out. What belongs to no task is dropped: it may have been on its way when its task was aborted. */
  beginData(bytes: Uint8Array, at: number, dataBytes: number): void {
    this.incoming = null;
    const initiatorTag = getU32(bytes, at + At.InitiatorTag);
    const transferTag = getU32(bytes, at + At.TargetTag);
    const task = this.collecting(initiatorTag, transferTag);
    if (task === undefined) return;
    if (transferTag !== (task.unsolicited ? NO_TAG : task.transferTag)) {
      sendReject(this.connection, bytes.subarray(at, at + BHS_BYTES), RejectReason.InvalidPduField);
      return;
    }
    const offset = getU32(bytes, at + At.BufferOffset);
    const end = offset + dataBytes;
    const inOrder = offset === task.receivedBytes && getU32(bytes, at + At.DataSn) === task.dataSn;
    if (!inOrder || end > this.limit(task)) {
      this.refuse(task);
      return;
    }
    if (task.buffer !== null && offset < task.outBytes)
      this.connection.place(task.buffer, offset, Math.min(end, task.outBytes));
    task.receivedBytes = end;
    task.dataSn++;
    this.incoming = task;
    this.incomingFinal = (bytes[at + At.Flags]! & Flag.Final) !== 0;
  }

  private limit(task: Task): number {
    if (!task.unsolicited) return task.burstEnd;
    return Math.min(this.connection.parameters.firstBurstBytes, task.expectedOutBytes);
  }

  /** The PDU's data is complete. */
  endPdu(): void {
    const task = this.incoming;
    this.incoming = null;
    if (task === null) return;
    if (task.unsolicited) {
      if (task.dataSn === 0 || !this.incomingFinal) return;
      task.unsolicited = false;
    } else if (task.burstEnd > 0 && task.receivedBytes < task.burstEnd) {
      // A burst that ends before what was asked for has come.
      if (this.incomingFinal) this.refuse(task);
      return;
    }
    if (task.receivedBytes < task.outBytes) this.askFor(task);
    else this.executor.submit(task);
  }

  private refuse(task: Task): void {
    task.fail(SEQUENCE_ERROR);
    this.executor.finish(task);
  }

  private collecting(initiatorTag: number, transferTag: number): Task | undefined {
    const asked = this.session.slots[transferTag & SLOT_MASK];
    if (asked?.stage === Stage.Collecting && asked.initiatorTag === initiatorTag) return asked;
    for (const task of this.session.slots)
      if (task.stage === Stage.Collecting && task.initiatorTag === initiatorTag) return task;
    return undefined;
  }

  /** R2T for the next burst: one at a time for each task. */
  private askFor(task: Task): void {
    const { sender, parameters } = this.connection;
    this.transfers = (this.transfers + 1) & 0x7ffff;
    task.transferTag = (this.transfers << SLOT_BITS) | task.slot;
    task.burstEnd = Math.min(task.receivedBytes + parameters.maxBurstBytes, task.outBytes);
    task.dataSn = 0;
    const at = sender.reserve(BHS_BYTES);
    const { bytes } = sender;
    startHeader(bytes, at, Opcode.ReadyToTransfer, Flag.Final);
    setLun(bytes, at + At.Lun, task.lunNumber);
    setU32(bytes, at + At.InitiatorTag, task.initiatorTag);
    setU32(bytes, at + At.TargetTag, task.transferTag);
    this.connection.putNumbers(bytes, at, false);
    setU32(bytes, at + At.R2tSn, task.r2tSn++);
    setU32(bytes, at + At.BufferOffset, task.receivedBytes);
    setU32(bytes, at + At.DesiredBytes, task.burstEnd - task.receivedBytes);
  }

  /** The task is over while its data may still be coming. */
  forsake(task: Task): boolean {
    if (this.incoming !== task) return false;
    this.incoming = null;
    return true;
  }
}
