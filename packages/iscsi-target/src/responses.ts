import {
  At,
  BHS_BYTES,
  Flag,
  getU32,
  NO_TAG,
  Opcode,
  padded,
  setDataLength,
  setU16,
  setU32,
  startHeader,
} from "@fairlead/iscsi-codec";
import type { Connection } from "./connection.js";

/** PDUs that carry no SCSI data. Each is built in the connection's output; the batch's end sends it. */

/** With a data segment. Answers the offset of the header, numbers being set. */
function build(
  connection: Connection,
  opcode: number,
  flags: number,
  initiatorTag: number,
  data: Uint8Array,
): number {
  const { sender } = connection;
  const at = sender.reserve(BHS_BYTES + padded(data.length));
  const { bytes } = sender;
  startHeader(bytes, at, opcode, flags);
  setDataLength(bytes, at, data.length);
  setU32(bytes, at + At.InitiatorTag, initiatorTag);
  connection.putNumbers(bytes, at, true);
  bytes.set(data, at + BHS_BYTES);
  bytes.fill(0, at + BHS_BYTES + data.length, at + BHS_BYTES + padded(data.length));
  return at;
}

const NOTHING = new Uint8Array(0);

/** Answer to a ping. RFC 7143, 11.19 */
export function sendNopIn(connection: Connection, request: Uint8Array, data: Uint8Array): void {
  const at = build(connection, Opcode.NopIn, Flag.Final, tagOf(request), data);
  const { bytes } = connection.sender;
  bytes.set(request.subarray(At.Lun, At.Lun + 8), at + At.Lun);
  setU32(bytes, at + At.TargetTag, NO_TAG);
}

export function sendTaskResponse(connection: Connection, initiatorTag: number, response: number): void {
  const at = build(connection, Opcode.TaskManagementResponse, Flag.Final, initiatorTag, NOTHING);
  connection.sender.bytes[at + At.Response] = response;
}

/** `transferTag`: NO_TAG where the text ends here. */
export function sendText(
  connection: Connection,
  request: Uint8Array,
  data: Uint8Array,
  transferTag: number,
): void {
  const flags = transferTag === NO_TAG ? Flag.Final : Flag.Continue;
  const at = build(connection, Opcode.TextResponse, flags, tagOf(request), data);
  setU32(connection.sender.bytes, at + At.TargetTag, transferTag);
}

export function sendLogoutResponse(connection: Connection, request: Uint8Array, response: number): void {
  const at = build(connection, Opcode.LogoutResponse, Flag.Final, tagOf(request), NOTHING);
  const { bytes } = connection.sender;
  bytes[at + At.Response] = response;
  setU16(bytes, at + At.TimeToWait, 2);
}

/** Carries the header of what is rejected. RFC 7143, 11.17 */
export function sendReject(connection: Connection, header: Uint8Array, reason: number): void {
  const at = build(connection, Opcode.Reject, Flag.Final, NO_TAG, header);
  connection.sender.bytes[at + At.Response] = reason;
}

export interface LoginResponseFields {
  readonly flags: number;
  readonly tsih: number;
  /** Class << 8 | detail. */
  readonly status: number;
}

export function sendLoginResponse(
  connection: Connection,
  request: Uint8Array,
  data: Uint8Array,
  fields: LoginResponseFields,
): void {
  const at = build(connection, Opcode.LoginResponse, fields.flags, tagOf(request), data);
  const { bytes } = connection.sender;
  bytes.set(request.subarray(At.Isid, At.Isid + 6), at + At.Isid);
  setU16(bytes, at + At.Tsih, fields.tsih);
  setU16(bytes, at + At.StatusClass, fields.status);
}

function tagOf(request: Uint8Array): number {
  return getU32(request, At.InitiatorTag);
}
