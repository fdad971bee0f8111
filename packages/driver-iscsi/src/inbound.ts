import type { Outcome } from "@fairlead/core";
import {
  Asc,
  AsyncEvent,
  At,
  Flag,
  getDataLength,
  getLun,
  getOpcode,
  getU32,
  NO_TAG,
  Opcode,
  readResponseSense,
  ScsiStatus,
  SenseKey,
  senseAsc,
  senseKey,
} from "@fairlead/iscsi-codec";
import type { Connection, ConnectionOwner } from "./connection.js";
import { IscsiError, ProtocolError } from "./errors.js";
import type { Negotiated } from "./login-keys.js";
import { senseOutcome, statusOutcome } from "./outcome.js";
import type { OwnRequests } from "./own-requests.js";
import { OwnTag } from "./own-requests.js";
import type { PduReader, PduSink } from "./pdu-reader.js";
import type { Sequence } from "./sequence.js";
import { type Slot, SlotState } from "./slot.js";

/** UNIT ATTENTIONs in a row that one command bears: a target has only so many to report. */
const ATTENTIONS_MAX = 16;
/** ASC of all that a reset or power-on reports. */
const RESET_ASC = 0x29;

/** What the target sends in full feature phase. Every field is checked before it is used. */
export class Inbound implements PduSink {
  readonly #connection: Connection;
  readonly #reader: PduReader;
  readonly #sequence: Sequence;
  readonly #terms: Negotiated;
  readonly #own: OwnRequests;
  readonly #owner: ConnectionOwner;

  constructor(
    connection: Connection,
    reader: PduReader,
    sequence: Sequence,
    terms: Negotiated,
    own: OwnRequests,
    owner: ConnectionOwner,
  ) {
    this.#connection = connection;
    this.#reader = reader;
    this.#sequence = sequence;
    this.#terms = terms;
    this.#own = own;
    this.#owner = owner;
  }

  header(bytes: Uint8Array, at: number): void {
    if (getOpcode(bytes, at) !== Opcode.DataIn) return;
    const slot = this.#connection.slots.named(getU32(bytes, at + At.InitiatorTag));
    if (slot.state === SlotState.Abandoned) {
      this.#reader.discard();
      return;
    }
    const offset = getU32(bytes, at + At.BufferOffset);
    const dataBytes = getDataLength(bytes, at);
    const dataSn = getU32(bytes, at + At.DataSn);
    if (slot.write) throw new ProtocolError("a target may not send data for a write");
    if (dataSn !== slot.dataInSn)
      throw new ProtocolError(`DataSN must be ${slot.dataInSn}, but is ${dataSn}`);
    if (offset !== slot.receivedBytes || offset + dataBytes > slot.expectedBytes)
      throw new ProtocolError(
        `data must go on at ${slot.receivedBytes} of ${slot.expectedBytes} bytes, but is for ${offset} to ${offset + dataBytes}`,
      );
    slot.dataInSn++;
    slot.receivedBytes += dataBytes;
    this.#reader.receiveInto(slot.data, offset);
  }

  pdu(bytes: Uint8Array, at: number, data: Uint8Array, dataBytes: number): void {
    this.#sequence.takeWindow(bytes, at);
    switch (getOpcode(bytes, at)) {
      case Opcode.DataIn:
        if ((bytes[at + At.Flags]! & Flag.Status) !== 0) this.#response(bytes, at, 0);
        break;
      case Opcode.ScsiResponse:
        this.#response(bytes, at, readResponseSense(data, 0, dataBytes));
        break;
      case Opcode.ReadyToTransfer:
        this.#readyToTransfer(bytes, at);
        break;
      case Opcode.NopIn:
        this.#nopIn(bytes, at);
        break;
      case Opcode.TaskManagementResponse:
        this.#sequence.takeStatus(bytes, at);
        this.#connection.resetAnswered(getU32(bytes, at + At.InitiatorTag), bytes[at + At.Response]!);
        break;
      case Opcode.AsyncMessage:
        this.#asyncMessage(bytes, at, data, dataBytes);
        break;
      case Opcode.Reject:
        throw new ProtocolError(`the target rejected a PDU for reason ${bytes[at + At.Response]}`);
      default:
        throw new ProtocolError(`opcode 0x${getOpcode(bytes, at).toString(16)} has no place here`);
    }
    this.#connection.windowMoved();
  }

  #response(bytes: Uint8Array, at: number, senseCode: number): void {
    const slot = this.#connection.slots.named(getU32(bytes, at + At.InitiatorTag));
    this.#sequence.takeStatus(bytes, at);
    if (slot.state === SlotState.Abandoned) {
      this.#connection.slots.give(slot);
      return;
    }
    const isResponse = getOpcode(bytes, at) === Opcode.ScsiResponse;
    const status = bytes[at + At.Status]!;
    if (isResponse && bytes[at + At.Response] !== 0) this.#connection.finish(slot, "target-error", 0);
    else if (status === ScsiStatus.CheckCondition) this.#checkCondition(slot, senseCode, bytes, at);
    else if (status === ScsiStatus.Good)
      this.#connection.finish(slot, this.#wholeOutcome(slot, bytes, at), 0);
    else this.#connection.finish(slot, statusOutcome(status), 0);
  }

  /** GOOD holds only for a transfer of the whole length. */
  #wholeOutcome(slot: Slot, bytes: Uint8Array, at: number): Outcome {
    if (slot.control !== null) return "good";
    const residual = (bytes[at + At.Flags]! & (Flag.Overflow | Flag.Underflow)) !== 0;
    if (residual && getU32(bytes, at + At.Residual) > 0) return "target-error";
    return slot.write || slot.receivedBytes === slot.expectedBytes ? "good" : "target-error";
  }

  #checkCondition(slot: Slot, senseCode: number, bytes: Uint8Array, at: number): void {
    const key = senseKey(senseCode);
    const asc = senseAsc(senseCode);
    if (key === SenseKey.UnitAttention) {
      // The first command after a reset meets it, so everything before that one was reached by the reset.
      const proof = this.#owner.unitAttention(slot.lunNumber, senseCode, slot.cmdSn);
      if (asc >>> 8 === RESET_ASC) this.#connection.lunWasReset(slot.lunNumber, slot.cmdSn, proof);
      if (slot.attentions++ < ATTENTIONS_MAX) {
        this.#connection.repeat(slot);
        return;
      }
    }
    let outcome = senseOutcome(senseCode);
    if (outcome === "good") outcome = this.#wholeOutcome(slot, bytes, at);
    if (slot.path !== null && key === SenseKey.IllegalRequest && asc === Asc.LunNotSupported) {
      this.#owner.lunGone(slot.path);
      outcome = "not-sent";
    }
    this.#connection.finish(slot, outcome, senseCode);
  }

  #readyToTransfer(bytes: Uint8Array, at: number): void {
    const slot = this.#connection.slots.named(getU32(bytes, at + At.InitiatorTag));
    if (slot.state === SlotState.Abandoned) return;
    const offset = getU32(bytes, at + At.BufferOffset);
    const desired = getU32(bytes, at + At.DesiredBytes);
    const r2tSn = getU32(bytes, at + At.R2tSn);
    if (!slot.write) throw new ProtocolError("a target may not ask for the data of a read");
    if (r2tSn !== slot.r2tSn || slot.outLeft > 0)
      throw new ProtocolError(`R2T ${slot.r2tSn} must come after the last one's data, but ${r2tSn} came`);
    if (desired === 0 || desired > this.#terms.maxBurstBytes || offset + desired > slot.expectedBytes)
      throw new ProtocolError(
        `an R2T must ask for 1 to ${this.#terms.maxBurstBytes} bytes within ${slot.expectedBytes}, but asks for ${desired} at ${offset}`,
      );
    slot.r2tSn++;
    slot.outTag = getU32(bytes, at + At.TargetTag);
    slot.outOffset = offset;
    slot.outLeft = desired;
    slot.outSn = 0;
    this.#connection.answerR2t(slot);
  }

  #nopIn(bytes: Uint8Array, at: number): void {
    const tag = getU32(bytes, at + At.InitiatorTag);
    if (tag === NO_TAG) {
      if (getU32(bytes, at + At.TargetTag) !== NO_TAG) this.#own.answerPing(bytes, at);
      return;
    }
    if (tag !== OwnTag.Ping)
      throw new ProtocolError(`the target answers ping 0x${tag.toString(16)}, which was not sent`);
    this.#sequence.takeStatus(bytes, at);
  }

  #asyncMessage(bytes: Uint8Array, at: number, data: Uint8Array, dataBytes: number): void {
    this.#sequence.takeStatus(bytes, at);
    const event = bytes[at + At.AsyncEvent]!;
    if (event === AsyncEvent.ScsiEvent) {
      const lunNumber = getLun(bytes, at + At.Lun);
      if (lunNumber !== -1)
        this.#owner.unitAttention(lunNumber, readResponseSense(data, 0, dataBytes), this.#sequence.cmdSn);
      return;
    }
    this.#connection.fail(
      new IscsiError(
        "ISCSI_CONNECTION_LOST",
        "connection-lost",
        `the target ended the session (asynchronous event ${event})`,
      ),
    );
  }
}
