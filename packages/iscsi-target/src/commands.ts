import {
  Asc,
  cdbAllocationBytes,
  FIXED_SENSE_BYTES,
  getU32,
  getU64,
  ScsiOp,
  SenseKey,
  ServiceAction,
  senseCode,
  setLun,
  setU32,
  setU64,
  writeFixedSense,
} from "@fairlead/iscsi-codec";
import { countCommand } from "./counters.js";
import { type PortIdentity, standardInquiry, vpdPage } from "./inquiry.js";
import type { LogicalUnit } from "./logical-unit.js";
import { prepareMedium } from "./medium-commands.js";
import { modePages, modeSense } from "./mode-pages.js";
import { GET_LBA_STATUS, Op, REPORT_SUPPORTED_OPCODES, supportedOpcodes } from "./opcodes.js";
import type { Task } from "./task.js";

const Refusal = {
  Opcode: senseCode(SenseKey.IllegalRequest, Asc.InvalidOpcode),
  Field: senseCode(SenseKey.IllegalRequest, Asc.InvalidFieldInCdb),
  Range: senseCode(SenseKey.IllegalRequest, Asc.LbaOutOfRange),
  Lun: senseCode(SenseKey.IllegalRequest, Asc.LunNotSupported),
} as const;

const NOTHING = new Uint8Array(0);

/**
 * Looks at a command that has just come: leaves in the task either an answer (reply, or status and sense) or the work
 * that the medium has to do and the data-out that it needs.
 */
export function prepare(task: Task, port: PortIdentity): void {
  const nexus = task.session.nexuses.get(task.lunNumber);
  if (nexus === undefined) {
    prepareWithoutUnit(task);
    return;
  }
  const { unit } = nexus;
  task.nexus = nexus;
  unit.enter(task);
  if (!always(task.cdb[0])) {
    if (nexus.hasAttention) {
      task.fail(nexus.takeAttention());
      nexus.counters.commands++;
      return;
    }
    if (unit.refuse(task)) {
      nexus.counters.commands++;
      return;
    }
  }
  if (!prepareMedium(task, unit)) answer(task, control(task, unit, port));
  countCommand(nexus.counters, task);
  unit.strike(task);
}

/** SPC-3, 5.6: told also while a unit attention or a fault stands. */
function always(op: number | undefined): boolean {
  return op === ScsiOp.Inquiry || op === ScsiOp.ReportLuns || op === ScsiOp.RequestSense;
}

function prepareWithoutUnit(task: Task): void {
  const { cdb } = task;
  switch (cdb[0]) {
    case ScsiOp.Inquiry:
      answer(task, cut(task, cdb[1] === 0 ? standardInquiry(null) : Refusal.Lun));
      break;
    case ScsiOp.ReportLuns:
      answer(task, cut(task, reportLuns(task)));
      break;
    case ScsiOp.RequestSense:
      answer(task, cut(task, senseData(Refusal.Lun)));
      break;
    default:
      task.fail(Refusal.Lun);
  }
}

/** Data, or the sense of a refusal. */
type Answer = Uint8Array | number;

function answer(task: Task, result: Answer): void {
  if (typeof result === "number") {
    task.fail(result);
    return;
  }
  task.reply = result;
  task.transferBytes = result.length;
}

/** No more than the CDB allows. */
function cut(task: Task, result: Answer): Answer {
  return typeof result === "number" ? result : result.subarray(0, cdbAllocationBytes(task.cdb, 0));
}

function control(task: Task, unit: LogicalUnit, port: PortIdentity): Answer {
  const { cdb } = task;
  switch (cdb[0]) {
    case ScsiOp.TestUnitReady:
    case Op.StartStopUnit:
    case Op.PreventAllowRemoval:
      return NOTHING;
    case ScsiOp.RequestSense:
      return requestSense(task);
    case ScsiOp.Inquiry:
      return cut(task, inquiry(unit, port, cdb));
    case ScsiOp.ReportLuns:
      return cut(task, reportLuns(task));
    case ScsiOp.ReadCapacity10:
      return capacity10(unit, cdb);
    case ScsiOp.ServiceActionIn16:
      return serviceActionIn(task, unit);
    case ScsiOp.ModeSense6:
    case ScsiOp.ModeSense10:
      return cut(task, senseMode(unit, cdb));
    case Op.MaintenanceIn:
      return (cdb[1]! & 0x1f) === REPORT_SUPPORTED_OPCODES ? supportedOpcodes(cdb) : Refusal.Opcode;
    default:
      return Refusal.Opcode;
  }
}

function inquiry(unit: LogicalUnit, port: PortIdentity, cdb: Uint8Array): Answer {
  const vital = (cdb[1]! & 1) !== 0;
  // CMDDT is long obsolete; a page code without EVPD asks for nothing.
  if ((cdb[1]! & 2) !== 0 || (!vital && cdb[2] !== 0)) return Refusal.Field;
  return vital ? (vpdPage(unit, port, cdb[2]!) ?? Refusal.Field) : standardInquiry(unit);
}

function requestSense(task: Task): Answer {
  // Descriptor format isn't offered.
  if ((task.cdb[1]! & 1) !== 0) return Refusal.Field;
  return cut(task, senseData(task.nexus?.takeAttention() ?? 0));
}

function senseData(code: number): Uint8Array {
  const data = new Uint8Array(FIXED_SENSE_BYTES);
  writeFixedSense(data, 0, code);
  return data;
}

function reportLuns(task: Task): Answer {
  const { cdb, session } = task;
  const select = cdb[2]!;
  if (select > 2 || getU32(cdb, 6) < 16) return Refusal.Field;
  // 1: well-known units only, and there are none.
  const numbers = select === 1 ? [] : [...session.nexuses.keys()].sort((a, b) => a - b);
  const data = new Uint8Array(8 + 8 * numbers.length);
  setU32(data, 0, data.length - 8);
  for (const [index, number] of numbers.entries()) setLun(data, 8 + 8 * index, number);
  return data;
}

function capacity10(unit: LogicalUnit, cdb: Uint8Array): Answer {
  const partial = (cdb[8]! & 1) !== 0;
  if (!partial && getU32(cdb, 2) !== 0) return Refusal.Field;
  const data = new Uint8Array(8);
  setU32(data, 0, Math.min(unit.blocks - 1, 0xffffffff));
  setU32(data, 4, unit.blockSizeBytes);
  return data;
}

function serviceActionIn(task: Task, unit: LogicalUnit): Answer {
  switch (task.cdb[1]! & 0x1f) {
    case ServiceAction.ReadCapacity16:
      return cut(task, capacity16(unit));
    case GET_LBA_STATUS:
      return cut(task, lbaStatus(unit, task.cdb));
    default:
      return Refusal.Opcode;
  }
}

function capacity16(unit: LogicalUnit): Uint8Array {
  const data = new Uint8Array(32);
  setU64(data, 0, unit.blocks - 1);
  setU32(data, 8, unit.blockSizeBytes);
  // LBPME, LBPRZ: unmapped blocks read as zeros.
  data[14] = 0xc0;
  return data;
}

/** One descriptor for everything from the LBA on: all of it counts as mapped. SBC-3, 5.6 */
function lbaStatus(unit: LogicalUnit, cdb: Uint8Array): Answer {
  const lba = getU64(cdb, 2);
  if (lba >= unit.blocks) return Refusal.Range;
  const data = new Uint8Array(24);
  setU32(data, 0, data.length - 4);
  setU64(data, 8, lba);
  setU32(data, 16, Math.min(unit.blocks - lba, 0xffffffff));
  return data;
}

function senseMode(unit: LogicalUnit, cdb: Uint8Array): Answer {
  const control = cdb[2]! >>> 6;
  // Saved values: none are kept (39/00, saving parameters not supported).
  if (control === 3) return senseCode(SenseKey.IllegalRequest, 0x3900);
  const pages = modePages(unit, control, cdb[2]! & 0x3f, cdb[3]!);
  return pages === undefined ? Refusal.Field : modeSense(unit, pages, cdb[0] === ScsiOp.ModeSense10);
}
