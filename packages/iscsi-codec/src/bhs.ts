import { getU24, setU24 } from "./bytes.js";

/** Basic header segment, bytes. */
export const BHS_BYTES = 48;

/** Offsets within the basic header segment; a PDU uses those that RFC 7143, 11.3–11.19 gives it. */
export const At = {
  Opcode: 0,
  Flags: 1,
  /** SCSI Response; Task Management, Logout Response and Reject: reason or response. */
  Response: 2,
  /** Login: highest version. */
  VersionMax: 2,
  /** SCSI Response, Data-In. */
  Status: 3,
  /** Login Request: lowest version; Login Response: the active one. */
  VersionMin: 3,
  /** In units of four bytes. */
  AhsLength: 4,
  /** Three bytes. */
  DataLength: 5,
  Lun: 8,
  /** Login: six bytes. */
  Isid: 8,
  /** Login: two bytes. */
  Tsih: 14,
  InitiatorTag: 16,
  TargetTag: 20,
  /** SCSI Command: expected data transfer length. */
  ExpectedBytes: 20,
  /** Task Management Request. */
  ReferencedTag: 20,
  /** Login, Logout Request: two bytes. */
  Cid: 20,
  CmdSn: 24,
  StatSn: 24,
  ExpStatSn: 28,
  ExpCmdSn: 28,
  MaxCmdSn: 32,
  /** SCSI Command: 16 bytes. */
  Cdb: 32,
  /** Task Management Request. */
  RefCmdSn: 32,
  DataSn: 36,
  R2tSn: 36,
  /** SCSI Response. */
  ExpDataSn: 36,
  /** Login Response. */
  StatusClass: 36,
  /** Login Response. */
  StatusDetail: 37,
  AsyncEvent: 36,
  BufferOffset: 40,
  /** Logout Response, two bytes, seconds. */
  TimeToWait: 40,
  /** Logout Response, two bytes, seconds. */
  TimeToRetain: 42,
  Residual: 44,
  /** R2T. */
  DesiredBytes: 44,
} as const;

/** Clears the header and sets its first two bytes; the F bit is set by the caller, as part of `flags`. */
export function startHeader(bytes: Uint8Array, at: number, opcode: number, flags: number): void {
  bytes.fill(0, at + 2, at + BHS_BYTES);
  bytes[at] = opcode;
  bytes[at + At.Flags] = flags;
}

/** Without the immediate bit. */
export function getOpcode(bytes: Uint8Array, at: number): number {
  return bytes[at]! & 0x3f;
}

/** Bytes of data that follow the headers, padding not counted. */
export function getDataLength(bytes: Uint8Array, at: number): number {
  return getU24(bytes, at + At.DataLength);
}

export function setDataLength(bytes: Uint8Array, at: number, lengthBytes: number): void {
  setU24(bytes, at + At.DataLength, lengthBytes);
}

/** Bytes of additional headers. */
export function getAhsBytes(bytes: Uint8Array, at: number): number {
  return bytes[at + At.AhsLength]! * 4;
}

/** Up to the next multiple of four. */
export function padded(lengthBytes: number): number {
  return (lengthBytes + 3) & ~3;
}

/** Headers, data and padding; digests are never negotiated here. */
export function getPduBytes(bytes: Uint8Array, at: number): number {
  return BHS_BYTES + getAhsBytes(bytes, at) + padded(getDataLength(bytes, at));
}

/** LUN numbers that both addressing methods below can say. */
export const LUN_NUMBER_MAX = 16383;

/** SAM-5, 4.6: peripheral device addressing up to 255, flat space addressing up to 16383. */
export function setLun(bytes: Uint8Array, at: number, lunNumber: number): void {
  bytes.fill(0, at, at + 8);
  if (lunNumber > 255) bytes[at] = 0x40 | (lunNumber >>> 8);
  bytes[at + 1] = lunNumber;
}

/** -1 for other addressing methods, another bus, or a second level. */
export function getLun(bytes: Uint8Array, at: number): number {
  for (let index = at + 2; index < at + 8; index++) if (bytes[index] !== 0) return -1;
  const first = bytes[at]!;
  const method = first >>> 6;
  if (method === 1) return ((first & 0x3f) << 8) | bytes[at + 1]!;
  return first === 0 ? bytes[at + 1]! : -1;
}

/** Serial number arithmetic of RFC 1982 on 32 bits: `a` comes before `b`. */
export function isBefore(a: number, b: number): boolean {
  return ((a - b) | 0) < 0;
}

/** The serial number after this one. */
export function following(serial: number): number {
  return (serial + 1) >>> 0;
}
