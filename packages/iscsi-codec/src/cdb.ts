import { getU16, getU24, getU32, getU64, setU16, setU32, setU64 } from "./bytes.js";

/** First byte of a command descriptor block. */
export const ScsiOp = {
  TestUnitReady: 0x00,
  RequestSense: 0x03,
  Read6: 0x08,
  Write6: 0x0a,
  Inquiry: 0x12,
  ModeSense6: 0x1a,
  ReadCapacity10: 0x25,
  Read10: 0x28,
  Write10: 0x2a,
  SynchronizeCache10: 0x35,
  ModeSense10: 0x5a,
  PersistentReserveIn: 0x5e,
  PersistentReserveOut: 0x5f,
  Read16: 0x88,
  Write16: 0x8a,
  SynchronizeCache16: 0x91,
  ServiceActionIn16: 0x9e,
  ReportLuns: 0xa0,
  Read12: 0xa8,
  Write12: 0xaa,
} as const;

/** Of SERVICE ACTION IN (16): low five bits of byte 1. */
export const ServiceAction = { ReadCapacity16: 0x10 } as const;

/** SCSI status, SAM-5, 5.3. */
export const ScsiStatus = {
  Good: 0x00,
  CheckCondition: 0x02,
  ConditionMet: 0x04,
  Busy: 0x08,
  ReservationConflict: 0x18,
  TaskSetFull: 0x28,
  AcaActive: 0x30,
  TaskAborted: 0x40,
} as const;

/** Longest CDB that fits a basic header segment. */
export const CDB_BYTES = 16;

const FUA = 0x08;
const CAPACITY_16_BYTES = 32;

/** The builders write 16 bytes at `at`, the unused ones 0. */
function start(bytes: Uint8Array, at: number, op: number): void {
  bytes.fill(0, at + 1, at + CDB_BYTES);
  bytes[at] = op;
}

export function testUnitReady(bytes: Uint8Array, at: number): void {
  start(bytes, at, ScsiOp.TestUnitReady);
}

export function requestSense(bytes: Uint8Array, at: number, allocationBytes: number): void {
  start(bytes, at, ScsiOp.RequestSense);
  bytes[at + 4] = allocationBytes;
}

/** Standard INQUIRY, or a vital product data page where `page` is given. */
export function inquiry(bytes: Uint8Array, at: number, allocationBytes: number, page?: number): void {
  start(bytes, at, ScsiOp.Inquiry);
  if (page !== undefined) {
    bytes[at + 1] = 1;
    bytes[at + 2] = page;
  }
  setU16(bytes, at + 3, allocationBytes);
}

export function reportLuns(bytes: Uint8Array, at: number, allocationBytes: number): void {
  start(bytes, at, ScsiOp.ReportLuns);
  setU32(bytes, at + 6, allocationBytes);
}

export function readCapacity10(bytes: Uint8Array, at: number): void {
  start(bytes, at, ScsiOp.ReadCapacity10);
}

export function readCapacity16(bytes: Uint8Array, at: number): void {
  start(bytes, at, ScsiOp.ServiceActionIn16);
  bytes[at + 1] = ServiceAction.ReadCapacity16;
  setU32(bytes, at + 10, CAPACITY_16_BYTES);
}

export function modeSense6(bytes: Uint8Array, at: number, page: number, allocationBytes: number): void {
  start(bytes, at, ScsiOp.ModeSense6);
  bytes[at + 2] = page;
  bytes[at + 4] = allocationBytes;
}

export function modeSense10(bytes: Uint8Array, at: number, page: number, allocationBytes: number): void {
  start(bytes, at, ScsiOp.ModeSense10);
  bytes[at + 2] = page;
  setU16(bytes, at + 7, allocationBytes);
}

/** READ or WRITE in the ten-byte form where the range fits it, else in the sixteen-byte one. */
export function transfer(
  bytes: Uint8Array,
  at: number,
  write: boolean,
  lba: number,
  blocks: number,
  fua: boolean,
): void {
  if (lba <= 0xffffffff && blocks <= 0xffff) {
    start(bytes, at, write ? ScsiOp.Write10 : ScsiOp.Read10);
    setU32(bytes, at + 2, lba);
    setU16(bytes, at + 7, blocks);
  } else {
    start(bytes, at, write ? ScsiOp.Write16 : ScsiOp.Read16);
    setU64(bytes, at + 2, lba);
    setU32(bytes, at + 10, blocks);
  }
  if (fua) bytes[at + 1] = FUA;
}

/** The whole unit: a range of 0 blocks from block 0 on. */
export function synchronizeCache10(bytes: Uint8Array, at: number): void {
  start(bytes, at, ScsiOp.SynchronizeCache10);
}

/** A range of the unit; 0 blocks: to its end. */
export function synchronizeCache16(bytes: Uint8Array, at: number, lba: number, blocks: number): void {
  start(bytes, at, ScsiOp.SynchronizeCache16);
  setU64(bytes, at + 2, lba);
  setU32(bytes, at + 10, blocks);
}

/** Length of the CDB that begins with this byte, by its group code; 0 for a reserved or vendor's group. */
export function cdbBytes(op: number): number {
  switch (op >>> 5) {
    case 0:
      return 6;
    case 1:
    case 2:
      return 10;
    case 4:
      return 16;
    case 5:
      return 12;
    default:
      return 0;
  }
}

/** First block of a READ, WRITE or SYNCHRONIZE CACHE of any length. */
export function cdbLba(bytes: Uint8Array, at: number): number {
  switch (cdbBytes(bytes[at]!)) {
    case 6:
      return getU24(bytes, at + 1) & 0x1fffff;
    case 16:
      return getU64(bytes, at + 2);
    default:
      return getU32(bytes, at + 2);
  }
}

/** Blocks of a READ, WRITE or SYNCHRONIZE CACHE of any length; 0 means 256 in the six-byte READ and WRITE, told so here. */
export function cdbBlocks(bytes: Uint8Array, at: number): number {
  switch (cdbBytes(bytes[at]!)) {
    case 6:
      return bytes[at + 4]! || 256;
    case 10:
      return getU16(bytes, at + 7);
    case 12:
      return getU32(bytes, at + 6);
    default:
      return getU32(bytes, at + 10);
  }
}

/** Force unit access; the six-byte forms have none. */
export function cdbFua(bytes: Uint8Array, at: number): boolean {
  return bytes[at]! >= 0x20 && (bytes[at + 1]! & FUA) !== 0;
}

/** Bytes that INQUIRY, REPORT LUNS, MODE SENSE, REQUEST SENSE and the two READ CAPACITY let the target return. */
export function cdbAllocationBytes(bytes: Uint8Array, at: number): number {
  switch (bytes[at]) {
    case ScsiOp.Inquiry:
      return getU16(bytes, at + 3);
    case ScsiOp.ReportLuns:
      return getU32(bytes, at + 6);
    case ScsiOp.ModeSense6:
    case ScsiOp.RequestSense:
      return bytes[at + 4]!;
    case ScsiOp.ModeSense10:
    case ScsiOp.PersistentReserveIn:
      return getU16(bytes, at + 7);
    case ScsiOp.ReadCapacity10:
      return 8;
    case ScsiOp.ServiceActionIn16:
      return getU32(bytes, at + 10);
    default:
      return 0;
  }
}
