import { BHS_BYTES } from "@fairlead/iscsi-codec";

/** All of them together, with their data. Bytes. */
const EARLY_BYTES_MAX = 1 << 20;

/** A PDU that waits for those with lower numbers. */
export interface EarlyPdu {
  readonly header: Uint8Array;
  readonly data: Uint8Array;
}

/** What came before its turn, by CmdSN. RFC 7143, 4.2.2.1 */
export class EarlyPdus {
  private readonly pdus = new Map<number, EarlyPdu>();
  private heldBytes = 0;

  get empty(): boolean {
    return this.pdus.size === 0;
  }

  /** The buffer for its data; undefined where there is one already, or no room. */
  keep(cmdSn: number, header: Uint8Array, dataBytes: number): Uint8Array | undefined {
    const bytes = BHS_BYTES + dataBytes;
    if (this.pdus.has(cmdSn) || this.heldBytes + bytes > EARLY_BYTES_MAX) return undefined;
    const data = new Uint8Array(dataBytes);
    this.pdus.set(cmdSn, { header: Uint8Array.from(header), data });
    this.heldBytes += bytes;
    return data;
  }

  take(cmdSn: number): EarlyPdu | undefined {
    const pdu = this.pdus.get(cmdSn);
    if (pdu === undefined) return undefined;
    this.pdus.delete(cmdSn);
    this.heldBytes -= BHS_BYTES + pdu.data.length;
    return pdu;
  }
}
