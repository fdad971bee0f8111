import {
  At,
  BHS_BYTES,
  FIXED_SENSE_BYTES,
  Flag,
  Opcode,
  padded,
  ScsiStatus,
  setDataLength,
  setLun,
  setU16,
  setU32,
  startHeader,
  writeFixedSense,
} from "@fairlead/iscsi-codec";
import type { Connection } from "./connection.js";
import { SEGMENT_BYTES_MAX } from "./parameters.js";
import type { Task } from "./task.js";

/** Where the bytes of a Data-In come from: the store itself, or a buffer that holds the whole answer. */
type Source = Uint8Array | null;

/**
 * Data-In for the whole answer, the last one with the status GOOD (RFC 7143, 11.7). The store is read into the output
 * itself where it is synchronous.
 */
export function sendData(connection: Connection, task: Task, source: Source, lengthBytes: number): void {
  const { sender, parameters } = connection;
  const segmentBytes = Math.min(parameters.initiatorSegmentBytes, SEGMENT_BYTES_MAX);
  let burstLeft = parameters.maxBurstBytes;
  let sent = 0;
  let dataSn = 0;
  while (sent < lengthBytes) {
    const step = Math.min(segmentBytes, lengthBytes - sent, burstLeft);
    const at = sender.reserve(BHS_BYTES + padded(step));
    const { bytes } = sender;
    const last = sent + step === lengthBytes;
    burstLeft -= step;
    const final = last || burstLeft === 0;
    if (burstLeft === 0) burstLeft = parameters.maxBurstBytes;
    startHeader(bytes, at, Opcode.DataIn, final ? Flag.Final : 0);
    setDataLength(bytes, at, step);
    setLun(bytes, at + At.Lun, task.lunNumber);
    setU32(bytes, at + At.InitiatorTag, task.initiatorTag);
    setU32(bytes, at + At.TargetTag, 0xffffffff);
    setU32(bytes, at + At.DataSn, dataSn++);
    setU32(bytes, at + At.BufferOffset, sent);
    if (last) finish(bytes, at, task);
    connection.putNumbers(bytes, at, last);
    bytes.fill(0, at + BHS_BYTES + step, at + BHS_BYTES + padded(step));
    if (source !== null) bytes.set(source.subarray(sent, sent + step), at + BHS_BYTES);
    else task.unit?.store.read(task.offsetBytes + sent, bytes, at + BHS_BYTES, step, task.stored);
    sent += step;
  }
}

function finish(bytes: Uint8Array, at: number, task: Task): void {
  bytes[at + At.Flags]! |= Flag.Status;
  bytes[at + At.Status] = ScsiStatus.Good;
  task.session.leaveWindow(task);
  putResidual(bytes, at, task);
}

/** SCSI Response (RFC 7143, 11.4), with sense where the task has some. */
export function sendStatus(connection: Connection, task: Task): void {
  const dataBytes = task.senseCode === 0 ? 0 : 2 + FIXED_SENSE_BYTES;
  const at = connection.sender.reserve(BHS_BYTES + padded(dataBytes));
  const { bytes } = connection.sender;
  startHeader(bytes, at, Opcode.ScsiResponse, Flag.Final);
  bytes[at + At.Status] = task.status;
  setU32(bytes, at + At.InitiatorTag, task.initiatorTag);
  putResidual(bytes, at, task);
  task.session.leaveWindow(task);
  connection.putNumbers(bytes, at, true);
  if (dataBytes === 0) return;
  setDataLength(bytes, at, dataBytes);
  setU16(bytes, at + BHS_BYTES, FIXED_SENSE_BYTES);
  writeFixedSense(bytes, at + BHS_BYTES + 2, task.senseCode);
  bytes.fill(0, at + BHS_BYTES + dataBytes, at + BHS_BYTES + padded(dataBytes));
}

/** What the initiator expected against what the command moved; nothing moves where a command fails. */
function putResidual(bytes: Uint8Array, at: number, task: Task): void {
  const expected = task.expectedInBytes + task.expectedOutBytes;
  const moved = task.status === ScsiStatus.Good ? task.transferBytes : 0;
  if (moved === expected) return;
  if (moved > expected) {
    bytes[at + At.Flags]! |= Flag.Overflow;
    setU32(bytes, at + At.Residual, moved - expected);
  } else {
    bytes[at + At.Flags]! |= Flag.Underflow;
    setU32(bytes, at + At.Residual, expected - moved);
  }
}
