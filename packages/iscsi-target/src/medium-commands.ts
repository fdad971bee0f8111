import { Asc, cdbBlocks, cdbFua, cdbLba, getU16, ScsiOp, SenseKey, senseCode } from "@fairlead/iscsi-codec";
import type { LogicalUnit } from "./logical-unit.js";
import { Op } from "./opcodes.js";
import { type Task, Work } from "./task.js";

const OUT_OF_RANGE = senseCode(SenseKey.IllegalRequest, Asc.LbaOutOfRange);
const INVALID_FIELD = senseCode(SenseKey.IllegalRequest, Asc.InvalidFieldInCdb);
const INVALID_OPCODE = senseCode(SenseKey.IllegalRequest, Asc.InvalidOpcode);
const WRITE_PROTECTED = senseCode(SenseKey.DataProtect, Asc.WriteProtected);

/** Longest range of one WRITE SAME. */
export const WRITE_SAME_BYTES_MAX = 16 << 20;

/** Commands to the medium: what they move and where. False: it is another kind of command. */
export function prepareMedium(task: Task, unit: LogicalUnit): boolean {
  switch (task.cdb[0]) {
    case ScsiOp.Read6:
    case ScsiOp.Read10:
    case ScsiOp.Read12:
    case ScsiOp.Read16:
      prepareRead(task, unit);
      return true;
    case ScsiOp.Write6:
    case ScsiOp.Write10:
    case ScsiOp.Write12:
    case ScsiOp.Write16:
      prepareWrite(task, unit);
      return true;
    case ScsiOp.SynchronizeCache10:
    case ScsiOp.SynchronizeCache16:
      if (locate(task, unit)) task.work = Work.Flush;
      return true;
    default:
      return prepareSpecial(task, unit);
  }
}

function prepareSpecial(task: Task, unit: LogicalUnit): boolean {
  switch (task.cdb[0]) {
    case Op.Verify10:
    case Op.Verify12:
    case Op.Verify16:
      prepareVerify(task, unit);
      return true;
    case Op.WriteVerify10:
    case Op.WriteVerify12:
    case Op.WriteVerify16:
      prepareWrite(task, unit);
      // The data has to come back from the medium: there must be no cache in between.
      task.fua = true;
      return true;
    case Op.WriteSame10:
    case Op.WriteSame16:
      prepareWriteSame(task, unit);
      return true;
    case Op.OrWrite16:
      prepareWrite(task, unit);
      if (task.work === Work.Write) task.work = Work.OrWrite;
      return true;
    case Op.CompareAndWrite:
      prepareCompareAndWrite(task, unit);
      return true;
    case Op.Unmap:
      prepareUnmap(task, unit);
      return true;
    case Op.Prefetch10:
    case Op.Prefetch16:
      locate(task, unit);
      return true;
    default:
      return false;
  }
}

function prepareVerify(task: Task, unit: LogicalUnit): void {
  if (!locateTransfer(task, unit)) return;
  const byteCheck = (task.cdb[1]! >>> 1) & 3;
  if (byteCheck > 1) {
    task.fail(INVALID_FIELD);
    return;
  }
  if (byteCheck === 0) {
    // Nothing moves, and a range that can be read is verified.
    task.transferBytes = 0;
    return;
  }
  task.work = Work.Compare;
  takeData(task, task.transferBytes);
  task.lengthBytes = task.outBytes;
}

function prepareWriteSame(task: Task, unit: LogicalUnit): void {
  const { cdb } = task;
  const flags = cdb[1]!;
  const noData = cdb[0] === Op.WriteSame16 && (flags & 1) !== 0;
  const blocks = cdbBlocks(cdb, 0);
  // WRPROTECT, ANCHOR, PBDATA and LBDATA aren't offered, nor is "to the end" (WSNZ).
  const refused = (flags & 0xf6) !== 0 || (flags & 1 & ~Number(noData)) !== 0 || blocks === 0;
  if (refused || blocks * unit.blockSizeBytes > WRITE_SAME_BYTES_MAX) {
    task.fail(INVALID_FIELD);
    return;
  }
  if (!locate(task, unit) || !writable(task, unit)) return;
  task.work = Work.Same;
  task.transferBytes = noData ? 0 : unit.blockSizeBytes;
  takeData(task, task.transferBytes);
  if (task.outBytes < task.transferBytes) task.fail(INVALID_FIELD);
  else task.lengthBytes = blocks * unit.blockSizeBytes;
}

function prepareCompareAndWrite(task: Task, unit: LogicalUnit): void {
  const { cdb } = task;
  const blocks = cdb[13]!;
  if (!unit.store.synchronous) {
    task.fail(INVALID_OPCODE);
    return;
  }
  if (cdb[1]! >>> 5 !== 0 || blocks * unit.blockSizeBytes > unit.maxTransferBytes) {
    task.fail(INVALID_FIELD);
    return;
  }
  if (!inRange(task, unit, cdbLba(cdb, 0), blocks) || !writable(task, unit)) return;
  task.work = Work.CompareAndWrite;
  task.fua = cdbFua(cdb, 0);
  task.transferBytes = 2 * blocks * unit.blockSizeBytes;
  takeData(task, task.transferBytes);
  // Less or more would compare and write something else.
  if (task.expectedOutBytes !== task.transferBytes) task.fail(INVALID_FIELD);
  else task.lengthBytes = blocks * unit.blockSizeBytes;
}

function prepareUnmap(task: Task, unit: LogicalUnit): void {
  const { cdb } = task;
  if ((cdb[1]! & 1) !== 0) {
    task.fail(INVALID_FIELD);
    return;
  }
  if (!writable(task, unit)) return;
  task.work = Work.Unmap;
  task.transferBytes = getU16(cdb, 7);
  takeData(task, task.transferBytes);
}

function takeData(task: Task, bytes: number): void {
  task.outBytes = Math.min(bytes, task.expectedOutBytes);
}

function writable(task: Task, unit: LogicalUnit): boolean {
  if (unit.readOnly) task.fail(WRITE_PROTECTED);
  return !unit.readOnly;
}

function prepareRead(task: Task, unit: LogicalUnit): void {
  if (!locateTransfer(task, unit)) return;
  task.work = Work.Read;
  task.lengthBytes = Math.min(task.transferBytes, task.expectedInBytes);
}

function prepareWrite(task: Task, unit: LogicalUnit): void {
  if (!locateTransfer(task, unit)) return;
  if (!writable(task, unit)) return;
  task.work = Work.Write;
  task.fua = cdbFua(task.cdb, 0);
  // Whole blocks only, where the initiator sends less than the command moves.
  const bytes = Math.min(task.transferBytes, task.expectedOutBytes);
  task.outBytes = bytes - (bytes % unit.blockSizeBytes);
  task.lengthBytes = task.outBytes;
}

/** A range with data that moves: bounded by the unit's longest transfer, and without protection information. */
function locateTransfer(task: Task, unit: LogicalUnit): boolean {
  const { cdb } = task;
  if (cdb[0]! >= 0x20 && cdb[1]! >>> 5 !== 0) {
    task.fail(INVALID_FIELD);
    return false;
  }
  if (!locate(task, unit)) return false;
  task.transferBytes = cdbBlocks(cdb, 0) * unit.blockSizeBytes;
  if (task.transferBytes > unit.maxTransferBytes) {
    task.fail(INVALID_FIELD);
    return false;
  }
  return true;
}

/** The range lies on the unit. An LBA beyond 2^53 is inexact but never below any capacity. */
function locate(task: Task, unit: LogicalUnit): boolean {
  return inRange(task, unit, cdbLba(task.cdb, 0), cdbBlocks(task.cdb, 0));
}

function inRange(task: Task, unit: LogicalUnit, lba: number, blocks: number): boolean {
  if (lba > unit.blocks || blocks > unit.blocks - lba) {
    task.fail(OUT_OF_RANGE);
    return false;
  }
  task.offsetBytes = lba * unit.blockSizeBytes;
  return true;
}
