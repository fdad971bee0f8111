import { At, following, getU32, isBefore } from "@fairlead/iscsi-codec";
import { ProtocolError } from "./errors.js";

/** Serial numbers of a session with one connection. RFC 7143, 4.2.2 */
export class Sequence {
  /** Of the next command that isn't immediate. */
  cmdSn = 1;
  /** Of the next status. */
  expStatSn = 0;
  /** Last command that the target has room for. */
  maxCmdSn = 1;
  #expCmdSn = 1;

  /** True while the target takes one more command. */
  get open(): boolean {
    return !isBefore(this.maxCmdSn, this.cmdSn);
  }

  /** ExpCmdSN and MaxCmdSN of any PDU of the target. */
  takeWindow(bytes: Uint8Array, at: number): void {
    const expCmdSn = getU32(bytes, at + At.ExpCmdSn);
    const maxCmdSn = getU32(bytes, at + At.MaxCmdSn);
    if (isBefore(maxCmdSn, (expCmdSn - 1) >>> 0)) return;
    if (isBefore(this.#expCmdSn, expCmdSn)) this.#expCmdSn = expCmdSn;
    if (isBefore(this.maxCmdSn, maxCmdSn)) this.maxCmdSn = maxCmdSn;
  }

  /** StatSN of a PDU that has one of its own: at error recovery level 0 none may be missing. */
  takeStatus(bytes: Uint8Array, at: number): void {
    const statSn = getU32(bytes, at + At.StatSn);
    if (statSn !== this.expStatSn)
      throw new ProtocolError(`StatSN must be ${this.expStatSn}, but is ${statSn}`);
    this.expStatSn = following(statSn);
  }

  /** The first answer of a login says where StatSN and the window begin. */
  begin(bytes: Uint8Array, at: number): void {
    this.expStatSn = following(getU32(bytes, at + At.StatSn));
    this.#expCmdSn = getU32(bytes, at + At.ExpCmdSn);
    this.maxCmdSn = getU32(bytes, at + At.MaxCmdSn);
  }
}
