import {
  At,
  Flag,
  following,
  NO_TAG,
  Opcode,
  setLun,
  setU32,
  synchronizeCache10,
  transfer,
} from "@fairlead/iscsi-codec";
import type { Negotiated } from "./login-keys.js";
import type { Output } from "./output.js";
import type { Sequence } from "./sequence.js";
import type { Slot } from "./slot.js";

/** Bytes that go out with the command itself. */
function immediateBytes(slot: Slot, terms: Negotiated): number {
  if (!slot.write || !terms.immediateData) return 0;
  return Math.min(slot.expectedBytes, terms.firstBurstBytes, terms.sendDataBytesMax);
}

/** A SCSI command with its immediate data; unsolicited data that follows is left in the slot's `out` fields. False: no room. */
export function encodeCommand(out: Output, slot: Slot, sequence: Sequence, terms: Negotiated): boolean {
  const immediate = immediateBytes(slot, terms);
  const staging = out.reserve(immediate) ? out.staging : null;
  if (staging === null) return false;
  const unsolicited =
    slot.write && !terms.initialR2t ? Math.min(slot.expectedBytes, terms.firstBurstBytes) - immediate : 0;
  let flags = Flag.Simple | (unsolicited === 0 ? Flag.Final : 0);
  if (slot.expectedBytes > 0) flags |= slot.write ? Flag.Write : Flag.Read;
  const at = out.header(Opcode.ScsiCommand, flags);
  setLun(staging, at + At.Lun, slot.lunNumber);
  setU32(staging, at + At.InitiatorTag, slot.tag);
  setU32(staging, at + At.ExpectedBytes, slot.expectedBytes);
  slot.cmdSn = sequence.cmdSn;
  sequence.cmdSn = following(sequence.cmdSn);
  setU32(staging, at + At.CmdSn, slot.cmdSn);
  setU32(staging, at + At.ExpStatSn, sequence.expStatSn);
  encodeCdb(staging, at + At.Cdb, slot);
  if (immediate > 0) out.payload(at, slot.data, 0, immediate);
  slot.complete = !slot.write || immediate === slot.expectedBytes;
  slot.outTag = NO_TAG;
  slot.outOffset = immediate;
  slot.outLeft = unsolicited;
  slot.outSn = 0;
  return true;
}

function encodeCdb(staging: Uint8Array, at: number, slot: Slot): void {
  const { command, control, path } = slot;
  if (control !== null) staging.set(control.cdb, at);
  else if (command === null || path === null) return;
  else if (command.op === "flush") synchronizeCache10(staging, at);
  else {
    const { blockSizeBytes } = path;
    const lba = command.offsetBytes / blockSizeBytes;
    transfer(staging, at, slot.write, lba, command.lengthBytes / blockSizeBytes, slot.write && command.fua);
  }
}

/** Data-Out PDUs of the slot's current sequence, as many as there is room for. True: the sequence has gone. */
export function encodeDataOut(out: Output, slot: Slot, sequence: Sequence, terms: Negotiated): boolean {
  while (slot.outLeft > 0) {
    const bytes = Math.min(slot.outLeft, terms.sendDataBytesMax);
    const staging = out.reserve(bytes) ? out.staging : null;
    if (staging === null) return false;
    const at = out.header(Opcode.DataOut, bytes === slot.outLeft ? Flag.Final : 0);
    setLun(staging, at + At.Lun, slot.lunNumber);
    setU32(staging, at + At.InitiatorTag, slot.tag);
    setU32(staging, at + At.TargetTag, slot.outTag);
    setU32(staging, at + At.ExpStatSn, sequence.expStatSn);
    setU32(staging, at + At.DataSn, slot.outSn++);
    setU32(staging, at + At.BufferOffset, slot.outOffset);
    out.payload(at, slot.data, slot.outOffset, bytes);
    slot.outOffset += bytes;
    slot.outLeft -= bytes;
  }
  return true;
}
