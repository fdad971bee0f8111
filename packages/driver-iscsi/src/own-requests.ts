import {
  At,
  BHS_BYTES,
  Flag,
  IMMEDIATE,
  LogoutReason,
  NO_TAG,
  Opcode,
  setLun,
  setU32,
  startHeader,
  TaskFunction,
} from "@fairlead/iscsi-codec";
import { ProtocolError } from "./errors.js";
import type { Output } from "./output.js";
import type { Sequence } from "./sequence.js";
import { OWN_TAG_INDEX } from "./slot.js";

/** Requests that wait to be written; a target that asks for more answers than this floods us. */
const WAITING_MAX = 64;

/** Task tags of requests that are no SCSI commands. */
export const OwnTag = { Ping: OWN_TAG_INDEX, Reset: OWN_TAG_INDEX + 1, Logout: OWN_TAG_INDEX + 2 } as const;

/** What the connection itself has to say: pings, answers to pings, LUN RESET, logout. All of it immediate. */
export class OwnRequests {
  readonly #waiting: Uint8Array[] = [];
  #resets = 0;

  get empty(): boolean {
    return this.#waiting.length === 0;
  }

  ping(): void {
    const head = this.#begin(Opcode.NopOut, Flag.Final);
    setU32(head, At.InitiatorTag, OwnTag.Ping);
    setU32(head, At.TargetTag, NO_TAG);
  }

  /** Answers a target's NOP-In. @throws ProtocolError in a flood of them */
  answerPing(bytes: Uint8Array, at: number): void {
    if (this.#waiting.length >= WAITING_MAX)
      throw new ProtocolError(`a target may have ${WAITING_MAX} pings open, but has more`);
    const head = this.#begin(Opcode.NopOut, Flag.Final);
    head.set(bytes.subarray(at + At.Lun, at + At.Lun + 8), At.Lun);
    setU32(head, At.InitiatorTag, NO_TAG);
    head.set(bytes.subarray(at + At.TargetTag, at + At.TargetTag + 4), At.TargetTag);
  }

  /** Gives the tag of the answer. */
  resetLun(lunNumber: number): number {
    const tag = ((this.#resets++ & 0x7fff) << 16) | OwnTag.Reset;
    const head = this.#begin(Opcode.TaskManagementRequest, Flag.Final | TaskFunction.LunReset);
    setLun(head, At.Lun, lunNumber);
    setU32(head, At.InitiatorTag, tag);
    setU32(head, At.ReferencedTag, NO_TAG);
    return tag;
  }

  logout(): void {
    const head = this.#begin(Opcode.LogoutRequest, Flag.Final | LogoutReason.CloseSession);
    setU32(head, At.InitiatorTag, OwnTag.Logout);
  }

  /** False: no room, go on when the kernel has drained. */
  encode(out: Output, sequence: Sequence): boolean {
    for (let head = this.#waiting[0]; head !== undefined; head = this.#waiting[0]) {
      const staging = out.reserve(0) ? out.staging : null;
      if (staging === null) return false;
      const at = out.header(head[0]!, head[At.Flags]!);
      staging.set(head, at);
      setU32(staging, at + At.CmdSn, sequence.cmdSn);
      setU32(staging, at + At.ExpStatSn, sequence.expStatSn);
      this.#waiting.shift();
    }
    return true;
  }

  #begin(opcode: number, flags: number): Uint8Array {
    const head = new Uint8Array(BHS_BYTES);
    startHeader(head, 0, opcode | IMMEDIATE, flags);
    this.#waiting.push(head);
    return head;
  }
}
