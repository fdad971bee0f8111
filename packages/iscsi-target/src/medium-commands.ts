import { Asc, cdbBlocks, cdbFua, cdbLba, ScsiOp, SenseKey, senseCode } from "@fairlead/iscsi-codec";
import type { LogicalUnit } from "./logical-unit.js";
import { type Task, Work } from "./task.js";

const OUT_OF_RANGE = senseCode(SenseKey.IllegalRequest, Asc.LbaOutOfRange);
const INVALID_FIELD = senseCode(SenseKey.IllegalRequest, Asc.InvalidFieldInCdb);
const WRITE_PROTECTED = senseCode(SenseKey.DataProtect, Asc.WriteProtected);

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
      return false;
  }
}

function prepareRead(task: Task, unit: LogicalUnit): void {
  if (!locateTransfer(task, unit)) return;
  task.work = Work.Read;
  task.lengthBytes = Math.min(task.transferBytes, task.expectedInBytes);
}

function prepareWrite(task: Task, unit: LogicalUnit): void {
  if (!locateTransfer(task, unit)) return;
  if (unit.readOnly) {
    task.fail(WRITE_PROTECTED);
    return;
  }
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
  const lba = cdbLba(task.cdb, 0);
  const { blocks } = unit;
  if (lba > blocks || cdbBlocks(task.cdb, 0) > blocks - lba) {
    task.fail(OUT_OF_RANGE);
    return false;
  }
  task.offsetBytes = lba * unit.blockSizeBytes;
  return true;
}
