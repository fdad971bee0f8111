import { formatBoolean, parseBoolean, parseNumber } from "./text.js";

/** How the result follows from what both sides say. RFC 7143, 13. */
export type KeyRule =
  | { readonly kind: "min" | "max"; readonly low: number; readonly high: number }
  | { readonly kind: "and" | "or" }
  | { readonly kind: "list" }
  /** Each side states its own. */
  | { readonly kind: "declared"; readonly low: number; readonly high: number };

const BYTES = { low: 512, high: 0xffffff } as const;

/** The operational keys that are negotiated; everything else is text that a side states. */
export const OPERATIONAL_KEYS: ReadonlyMap<string, KeyRule> = new Map<string, KeyRule>([
  ["HeaderDigest", { kind: "list" }],
  ["DataDigest", { kind: "list" }],
  ["MaxConnections", { kind: "min", low: 1, high: 65535 }],
  ["InitialR2T", { kind: "or" }],
  ["ImmediateData", { kind: "and" }],
  ["MaxRecvDataSegmentLength", { kind: "declared", ...BYTES }],
  ["MaxBurstLength", { kind: "min", ...BYTES }],
  ["FirstBurstLength", { kind: "min", ...BYTES }],
  ["DefaultTime2Wait", { kind: "max", low: 0, high: 3600 }],
  ["DefaultTime2Retain", { kind: "min", low: 0, high: 3600 }],
  ["MaxOutstandingR2T", { kind: "min", low: 1, high: 65535 }],
  ["DataPDUInOrder", { kind: "or" }],
  ["DataSequenceInOrder", { kind: "or" }],
  ["ErrorRecoveryLevel", { kind: "min", low: 0, high: 2 }],
]);

/** Values in force where neither side says anything. */
export const OPERATIONAL_DEFAULTS: Readonly<Record<string, string>> = {
  HeaderDigest: "None",
  DataDigest: "None",
  MaxConnections: "1",
  InitialR2T: "Yes",
  ImmediateData: "Yes",
  MaxRecvDataSegmentLength: "8192",
  MaxBurstLength: "262144",
  FirstBurstLength: "65536",
  DefaultTime2Wait: "2",
  DefaultTime2Retain: "20",
  MaxOutstandingR2T: "1",
  DataPDUInOrder: "Yes",
  DataSequenceInOrder: "Yes",
  ErrorRecoveryLevel: "0",
};

/**
 * The value that holds after one side offered `offered` and the other has `own`; for a declared key, the peer's.
 * Undefined where the offer is malformed or out of its range, or no entry of the list will do: the answer is `Reject`.
 */
export function negotiate(rule: KeyRule, offered: string, own: string): string | undefined {
  switch (rule.kind) {
    case "list":
      return chooseFromList(offered, own.split(","));
    case "and":
    case "or": {
      const theirs = parseBoolean(offered);
      if (theirs === undefined) return undefined;
      const ours = own === "Yes";
      return formatBoolean(rule.kind === "and" ? theirs && ours : theirs || ours);
    }
    default: {
      const theirs = parseNumber(offered, rule.low, rule.high);
      if (theirs === undefined) return undefined;
      if (rule.kind === "declared") return String(theirs);
      return String(rule.kind === "min" ? Math.min(theirs, Number(own)) : Math.max(theirs, Number(own)));
    }
  }
}

/** First entry of a comma-separated offer that is supported: the offer stands in order of preference. */
export function chooseFromList(offered: string, supported: readonly string[]): string | undefined {
  return offered.split(",").find((entry) => supported.includes(entry));
}
