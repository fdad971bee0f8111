/** SPC-5, 4.4: sense keys. */
export const SenseKey = {
  NoSense: 0x0,
  RecoveredError: 0x1,
  NotReady: 0x2,
  MediumError: 0x3,
  HardwareError: 0x4,
  IllegalRequest: 0x5,
  UnitAttention: 0x6,
  DataProtect: 0x7,
  AbortedCommand: 0xb,
  VolumeOverflow: 0xd,
  Miscompare: 0xe,
} as const;

/** ASC << 8 | ASCQ. */
export const Asc = {
  None: 0x0000,
  NotReady: 0x0400,
  BecomingReady: 0x0401,
  TransitionInProgress: 0x040a,
  Standby: 0x040b,
  Unavailable: 0x040c,
  WriteError: 0x0c00,
  UnrecoveredReadError: 0x1100,
  InvalidOpcode: 0x2000,
  LbaOutOfRange: 0x2100,
  InvalidFieldInCdb: 0x2400,
  LunNotSupported: 0x2500,
  WriteProtected: 0x2700,
  SpaceAllocationFailed: 0x2707,
  PowerOnOrReset: 0x2900,
  BusDeviceReset: 0x2903,
  ReservationsPreempted: 0x2a03,
  AsymmetricAccessChanged: 0x2a06,
  CapacityChanged: 0x2a09,
  InternalTargetFailure: 0x4400,
  ReportedLunsChanged: 0x3f0e,
  ProtocolServiceDeliveryError: 0x4b00,
} as const;

/** Of fixed format sense as {@link writeFixedSense} makes it. */
export const FIXED_SENSE_BYTES = 18;

/** Key << 16 | ASC << 8 | ASCQ: the form of core's `senseCode`. */
export function senseCode(key: number, asc: number): number {
  return (key << 16) | asc;
}

export function senseKey(code: number): number {
  return code >>> 16;
}

/** ASC << 8 | ASCQ */
export function senseAsc(code: number): number {
  return code & 0xffff;
}

/**
 * Sense data, fixed or descriptor format, within `bytes` from `start` to before `end`. What it says of its own length
 * only ever shortens it. 0: there is none.
 */
export function readSense(bytes: Uint8Array, start: number, end: number): number {
  if (end - start < 4) return 0;
  const format = bytes[start]! & 0x7f;
  if (format === 0x72 || format === 0x73)
    return ((bytes[start + 1]! & 0x0f) << 16) | (bytes[start + 2]! << 8) | bytes[start + 3]!;
  if (format !== 0x70 && format !== 0x71) return 0;
  const key = (bytes[start + 2]! & 0x0f) << 16;
  const saidEnd = end - start > 7 ? start + 8 + bytes[start + 7]! : end;
  return Math.min(end, saidEnd) - start < 14 ? key : key | (bytes[start + 12]! << 8) | bytes[start + 13]!;
}

/** Sense in the data segment of a SCSI Response: a length of two bytes, then the sense. */
export function readResponseSense(bytes: Uint8Array, start: number, end: number): number {
  if (end - start < 2) return 0;
  const saidBytes = (bytes[start]! << 8) | bytes[start + 1]!;
  return readSense(bytes, start + 2, Math.min(end, start + 2 + saidBytes));
}

/** Current error, fixed format, {@link FIXED_SENSE_BYTES} long. */
export function writeFixedSense(bytes: Uint8Array, at: number, code: number): void {
  bytes.fill(0, at, at + FIXED_SENSE_BYTES);
  bytes[at] = 0x70;
  bytes[at + 2] = senseKey(code);
  bytes[at + 7] = FIXED_SENSE_BYTES - 8;
  bytes[at + 12] = code >>> 8;
  bytes[at + 13] = code;
}
