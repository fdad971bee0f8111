import {
  BHS_BYTES,
  FormatError,
  getDataLength,
  padded,
  parseText,
  setDataLength,
  type TextPair,
} from "@fairlead/iscsi-codec";
import { type IscsiError, ProtocolError } from "./errors.js";
import { COLLECTED_BYTES_MAX, type PduSink } from "./pdu-reader.js";
import type { Wire } from "./wire.js";

export interface Pdu {
  readonly head: Uint8Array;
  readonly data: Uint8Array;
}

/** The pairs of an answer. @throws ProtocolError where it is none */
export function answerText(text: Uint8Array): TextPair[] {
  try {
    return parseText(text, 0, text.length);
  } catch (error) {
    if (error instanceof FormatError) throw new ProtocolError(error.message);
    throw error;
  }
}

/** More than this many PDUs that nobody waits for are no login. */
const WAITING_MAX = 4;

/** The wire as login and discovery see it: one PDU out, one PDU in. */
export class PduQueue implements PduSink {
  readonly #pdus: Pdu[] = [];
  #waiter: { resolve: (pdu: Pdu) => void; reject: (error: IscsiError) => void } | undefined;
  #ended: IscsiError | undefined;
  #wire: Wire | undefined;

  /** Takes the ends of the wire. */
  attach(wire: Wire): void {
    this.#wire = wire;
    wire.onEnd = (error) => {
      this.#ended = error;
      this.#waiter?.reject(error);
    };
  }

  header(bytes: Uint8Array, at: number): void {
    const dataBytes = getDataLength(bytes, at);
    if (dataBytes > COLLECTED_BYTES_MAX)
      throw new ProtocolError(`text must come in at most ${COLLECTED_BYTES_MAX} bytes, but has ${dataBytes}`);
  }

  pdu(bytes: Uint8Array, at: number, data: Uint8Array, dataBytes: number): void {
    const pdu = { head: bytes.slice(at, at + BHS_BYTES), data: data.slice(0, dataBytes) };
    const waiter = this.#waiter;
    this.#waiter = undefined;
    if (waiter !== undefined) waiter.resolve(pdu);
    else if (this.#pdus.push(pdu) > WAITING_MAX) throw new ProtocolError("a PDU came that nobody asked for");
  }

  /** Writes a request with this text and waits for the next PDU. @throws IscsiError when the wire ends */
  exchange(head: Uint8Array, text: Uint8Array): Promise<Pdu> {
    const wire = this.#wire;
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    if (wire === undefined || wire.dead) return Promise.reject(new ProtocolError("the connection is closed"));
    setDataLength(head, 0, text.length);
    const pdu = new Uint8Array(BHS_BYTES + padded(text.length));
    pdu.set(head);
    pdu.set(text, BHS_BYTES);
    wire.write([pdu]);
    return this.next();
  }

  next(): Promise<Pdu> {
    const pdu = this.#pdus.shift();
    if (pdu !== undefined) return Promise.resolve(pdu);
    return new Promise((resolve, reject) => {
      this.#waiter = { resolve, reject };
    });
  }

  /** Hands what came behind the login's last answer to the sink that follows; the wire may end over it. */
  moveTo(wire: Wire): void {
    try {
      for (const pdu of this.#pdus.splice(0)) wire.reader.sink.pdu(pdu.head, 0, pdu.data, pdu.data.length);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      wire.fail(error);
    }
  }
}
