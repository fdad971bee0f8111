import {
  negotiate,
  OPERATIONAL_DEFAULTS,
  OPERATIONAL_KEYS,
  parseNumber,
  type TextPair,
} from "@fairlead/iscsi-codec";
import { ProtocolError } from "./errors.js";
import { RECEIVE_DATA_BYTES_MAX } from "./pdu-reader.js";

/** What a login agreed on. */
export interface Negotiated {
  readonly immediateData: boolean;
  readonly initialR2t: boolean;
  readonly firstBurstBytes: number;
  readonly maxBurstBytes: number;
  /** Longest data segment that the target takes. */
  readonly sendDataBytesMax: number;
}

const MAX_RECEIVE = "MaxRecvDataSegmentLength";

const OFFER: readonly TextPair[] = [
  ["HeaderDigest", "None"],
  ["DataDigest", "None"],
  ["MaxConnections", "1"],
  ["InitialR2T", "No"],
  ["ImmediateData", "Yes"],
  [MAX_RECEIVE, String(RECEIVE_DATA_BYTES_MAX)],
  ["MaxBurstLength", "1048576"],
  ["FirstBurstLength", "262144"],
  ["DefaultTime2Wait", "0"],
  ["DefaultTime2Retain", "0"],
  ["MaxOutstandingR2T", "1"],
  ["DataPDUInOrder", "Yes"],
  ["DataSequenceInOrder", "Yes"],
  ["ErrorRecoveryLevel", "0"],
];

/** Answers that leave a key at its default. */
const NO_RESULT = new Set(["Irrelevant", "NotUnderstood", "Reject"]);
/** What a target states about itself, with no answer. */
const STATEMENTS = new Set(["TargetAlias", "TargetAddress", "TargetPortalGroupTag"]);

/** The operational stage, without its I/O. */
export class OperationalKeys {
  readonly offer = OFFER;
  readonly #ours = new Map(OFFER);
  readonly #results = new Map<string, string>();
  #sendDataBytesMax = Number(OPERATIONAL_DEFAULTS[MAX_RECEIVE]);

  /** Takes an answer's keys; what it gives back has to be sent in turn. @throws ProtocolError */
  take(pairs: readonly TextPair[]): TextPair[] {
    const replies: TextPair[] = [];
    for (const [key, value] of pairs) {
      if (STATEMENTS.has(key)) continue;
      const reply = this.#takeOne(key, value);
      if (reply !== undefined) replies.push(reply);
    }
    return replies;
  }

  #takeOne(key: string, value: string): TextPair | undefined {
    const rule = OPERATIONAL_KEYS.get(key);
    const own = this.#ours.get(key);
    if (rule === undefined || own === undefined) return [key, "NotUnderstood"];
    if (rule.kind === "declared") {
      const bytes = parseNumber(value, rule.low, rule.high);
      if (bytes === undefined) throw unusable(key, value);
      this.#sendDataBytesMax = bytes;
      return undefined;
    }
    if (this.#results.has(key)) throw new ProtocolError(`the target answered ${key} twice`);
    // The result has to be one that our offer allows: combined with it, it stays what it is.
    const result = NO_RESULT.has(value) ? negotiate(rule, OPERATIONAL_DEFAULTS[key] ?? "", own) : value;
    if (result === undefined || negotiate(rule, result, own) !== result) throw unusable(key, value);
    this.#results.set(key, result);
    return undefined;
  }

  result(): Negotiated {
    const value = (key: string) => this.#results.get(key) ?? OPERATIONAL_DEFAULTS[key] ?? "";
    const maxBurstBytes = Number(value("MaxBurstLength"));
    return {
      immediateData: value("ImmediateData") === "Yes",
      initialR2t: value("InitialR2T") === "Yes",
      firstBurstBytes: Math.min(Number(value("FirstBurstLength")), maxBurstBytes),
      maxBurstBytes,
      sendDataBytesMax: this.#sendDataBytesMax,
    };
  }
}

function unusable(key: string, value: string): ProtocolError {
  return new ProtocolError(`the target's ${key} must suit what was offered, but is ${value.slice(0, 64)}`);
}
