import {
  Asc,
  cdbBytes,
  getU16,
  getU32,
  ScsiOp,
  SenseKey,
  ServiceAction,
  senseCode,
  setU16,
  setU32,
} from "@fairlead/iscsi-codec";

/** Commands that a target takes beyond those that the initiator here sends. */
export const Op = {
  StartStopUnit: 0x1b,
  PreventAllowRemoval: 0x1e,
  WriteVerify10: 0x2e,
  Verify10: 0x2f,
  Prefetch10: 0x34,
  WriteSame10: 0x41,
  Unmap: 0x42,
  CompareAndWrite: 0x89,
  OrWrite16: 0x8b,
  WriteVerify16: 0x8e,
  Verify16: 0x8f,
  Prefetch16: 0x90,
  WriteSame16: 0x93,
  MaintenanceIn: 0xa3,
  WriteVerify12: 0xae,
  Verify12: 0xaf,
} as const;

/** Of MAINTENANCE IN. */
export const REPORT_SUPPORTED_OPCODES = 0x0c;
export const GET_LBA_STATUS = 0x12;

const INVALID_FIELD = senseCode(SenseKey.IllegalRequest, Asc.InvalidFieldInCdb);

const LBA4 = [0xff, 0xff, 0xff, 0xff];
const LBA8 = [...LBA4, ...LBA4];
const GROUP = 0x1f;
const NO_ACTION = -1;

/** One command: its service action where it has one, and the bits of its CDB that are looked at, from byte 1 on. */
type Usage = readonly [op: number, serviceAction: number, mask: readonly number[]];

function ten(op: number, flags: number): Usage {
  return [op, NO_ACTION, [flags, ...LBA4, GROUP, 0xff, 0xff, 0]];
}
function twelve(op: number, flags: number): Usage {
  return [op, NO_ACTION, [flags, ...LBA4, ...LBA4, GROUP, 0]];
}
function sixteen(op: number, flags: number, action: number = NO_ACTION): Usage {
  return [op, action, [flags, ...LBA8, ...LBA4, GROUP, 0]];
}

const DPO_FUA = 0xf8;
const VERIFY_FLAGS = 0xf6;

const USAGES: readonly Usage[] = [
  [ScsiOp.TestUnitReady, NO_ACTION, [0, 0, 0, 0, 0]],
  [ScsiOp.RequestSense, NO_ACTION, [1, 0, 0, 0xff, 0]],
  [ScsiOp.Read6, NO_ACTION, [0x1f, 0xff, 0xff, 0xff, 0]],
  [ScsiOp.Write6, NO_ACTION, [0x1f, 0xff, 0xff, 0xff, 0]],
  [ScsiOp.Inquiry, NO_ACTION, [1, 0xff, 0xff, 0xff, 0]],
  [ScsiOp.ModeSense6, NO_ACTION, [8, 0xff, 0xff, 0xff, 0]],
  [Op.StartStopUnit, NO_ACTION, [1, 0, 0x0f, 0xf7, 0]],
  [Op.PreventAllowRemoval, NO_ACTION, [0, 0, 0, 3, 0]],
  [ScsiOp.ReadCapacity10, NO_ACTION, [0, ...LBA4, 0, 0, 1, 0]],
  ten(ScsiOp.Read10, DPO_FUA),
  ten(ScsiOp.Write10, DPO_FUA),
  ten(Op.WriteVerify10, VERIFY_FLAGS),
  ten(Op.Verify10, VERIFY_FLAGS),
  ten(Op.Prefetch10, 2),
  ten(ScsiOp.SynchronizeCache10, 2),
  ten(Op.WriteSame10, 0xf8),
  [Op.Unmap, NO_ACTION, [1, 0, 0, 0, 0, GROUP, 0xff, 0xff, 0]],
  [ScsiOp.ModeSense10, NO_ACTION, [0x18, 0xff, 0xff, 0, 0, 0, 0xff, 0xff, 0]],
  sixteen(ScsiOp.Read16, DPO_FUA),
  [Op.CompareAndWrite, NO_ACTION, [DPO_FUA, ...LBA8, 0, 0, 0, 0xff, GROUP, 0]],
  sixteen(ScsiOp.Write16, DPO_FUA),
  sixteen(Op.OrWrite16, DPO_FUA),
  sixteen(Op.WriteVerify16, VERIFY_FLAGS),
  sixteen(Op.Verify16, VERIFY_FLAGS),
  sixteen(Op.Prefetch16, 2),
  sixteen(ScsiOp.SynchronizeCache16, 2),
  sixteen(Op.WriteSame16, 0xf9),
  sixteen(ScsiOp.ServiceActionIn16, 0x1f, ServiceAction.ReadCapacity16),
  sixteen(ScsiOp.ServiceActionIn16, 0x1f, GET_LBA_STATUS),
  [ScsiOp.ReportLuns, NO_ACTION, [0, 0xff, 0, 0, 0, ...LBA4, 0, 0]],
  [Op.MaintenanceIn, REPORT_SUPPORTED_OPCODES, [0x1f, 0x87, 0xff, 0xff, 0xff, ...LBA4, 0, 0]],
  twelve(ScsiOp.Read12, DPO_FUA),
  twelve(ScsiOp.Write12, DPO_FUA),
  twelve(Op.WriteVerify12, VERIFY_FLAGS),
  twelve(Op.Verify12, VERIFY_FLAGS),
];

const TIMEOUT_BYTES = 12;
const SUPPORTED = 3;
const UNSUPPORTED = 1;

/** Answer to REPORT SUPPORTED OPERATION CODES, or the sense of its refusal. SPC-4, 6.35 */
export function supportedOpcodes(cdb: Uint8Array): Uint8Array | number {
  const timeouts = (cdb[2]! & 0x80) !== 0;
  const allocationBytes = getU32(cdb, 6);
  const [option, op, action] = [cdb[2]! & 7, cdb[3]!, getU16(cdb, 4)];
  if (option === 0) return listAll(timeouts).subarray(0, allocationBytes);
  if (option > 3) return INVALID_FIELD;
  const known = USAGES.filter((usage) => usage[0] === op);
  const hasActions = known.some((usage) => usage[1] !== NO_ACTION);
  if ((option === 1 && hasActions) || (option === 2 && known.length > 0 && !hasActions)) return INVALID_FIELD;
  const usage = known.find((one) => one[1] === NO_ACTION || one[1] === action);
  return describe(usage, timeouts).subarray(0, allocationBytes);
}

function listAll(timeouts: boolean): Uint8Array {
  const step = 8 + (timeouts ? TIMEOUT_BYTES : 0);
  const data = new Uint8Array(4 + step * USAGES.length);
  setU32(data, 0, data.length - 4);
  for (const [index, [op, action]] of USAGES.entries()) {
    const at = 4 + step * index;
    data[at] = op;
    if (action !== NO_ACTION) setU16(data, at + 2, action);
    data[at + 5] = (timeouts ? 2 : 0) | (action !== NO_ACTION ? 1 : 0);
    setU16(data, at + 6, cdbBytes(op));
    if (timeouts) setU16(data, at + 8, TIMEOUT_BYTES - 2);
  }
  return data;
}

function describe(usage: Usage | undefined, timeouts: boolean): Uint8Array {
  if (usage === undefined) return Uint8Array.of(0, UNSUPPORTED, 0, 0);
  const [op, action, mask] = usage;
  const data = new Uint8Array(4 + 1 + mask.length + (timeouts ? TIMEOUT_BYTES : 0));
  data[1] = SUPPORTED | (timeouts ? 0x80 : 0);
  setU16(data, 2, 1 + mask.length);
  data[4] = op;
  data.set(mask, 5);
  if (action !== NO_ACTION) data[5] = action;
  if (timeouts) setU16(data, 5 + mask.length, TIMEOUT_BYTES - 2);
  return data;
}
