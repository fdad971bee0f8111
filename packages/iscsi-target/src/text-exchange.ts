import {
  At,
  Flag,
  FormatError,
  formatText,
  getU32,
  NO_TAG,
  parseText,
  RejectReason,
  type TextPair,
} from "@fairlead/iscsi-codec";
import type { Connection } from "./connection.js";
import { sendReject, sendText } from "./responses.js";
import type { SessionHost } from "./session-host.js";

const REST_TAG = 1;

/** Text requests of one connection: SendTargets, and nothing else that is understood. */
export class TextExchange {
  /** What didn't fit the initiator's data segment. */
  private rest: Uint8Array = new Uint8Array(0);

  constructor(
    private readonly connection: Connection,
    private readonly host: SessionHost,
  ) {}

  take(header: Uint8Array, data: Uint8Array): void {
    if (getU32(header, At.TargetTag) !== NO_TAG) {
      this.send(header);
      return;
    }
    if ((header[At.Flags]! & Flag.Continue) !== 0) {
      // Nothing that is asked for here is so long.
      sendReject(this.connection, header, RejectReason.ProtocolError);
      return;
    }
    let pairs: TextPair[];
    try {
      pairs = parseText(data, 0, data.length);
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      sendReject(this.connection, header, RejectReason.ProtocolError);
      return;
    }
    const texts = pairs.map(([key, value]) =>
      key === "SendTargets"
        ? this.host.listTargets(this.connection, value)
        : formatText([[key, "NotUnderstood"]]).toString("utf8"),
    );
    this.rest = Buffer.from(texts.join(""), "utf8");
    this.send(header);
  }

  private send(header: Uint8Array): void {
    const bytes = Math.min(this.rest.length, this.connection.parameters.initiatorSegmentBytes);
    const part = this.rest.subarray(0, bytes);
    this.rest = this.rest.subarray(bytes);
    sendText(this.connection, header, part, this.rest.length > 0 ? REST_TAG : NO_TAG);
  }
}
