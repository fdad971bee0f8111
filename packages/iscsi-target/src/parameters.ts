/** What the login settled for the data of a session. */
export interface SessionParameters {
  /** Longest data segment that the initiator takes. Bytes. */
  initiatorSegmentBytes: number;
  maxBurstBytes: number;
  /** Data that comes without being asked for. Bytes. */
  firstBurstBytes: number;
  initialR2t: boolean;
  immediateData: boolean;
}

/** Longest data segment that this target takes after the login. Bytes. */
export const SEGMENT_BYTES_MAX = 256 << 10;

/** Before and during the login. Bytes. */
export const LOGIN_SEGMENT_BYTES_MAX = 8192;

/** This side of the negotiation; keys that aren't here are answered with NotUnderstood. */
export const OWN_VALUES: Readonly<Record<string, string>> = {
  HeaderDigest: "None",
  DataDigest: "None",
  MaxConnections: "1",
  InitialR2T: "No",
  ImmediateData: "Yes",
  MaxRecvDataSegmentLength: String(SEGMENT_BYTES_MAX),
  MaxBurstLength: String(1 << 20),
  FirstBurstLength: String(256 << 10),
  DefaultTime2Wait: "2",
  DefaultTime2Retain: "0",
  MaxOutstandingR2T: "1",
  DataPDUInOrder: "Yes",
  DataSequenceInOrder: "Yes",
  ErrorRecoveryLevel: "0",
};

export function defaultParameters(): SessionParameters {
  return {
    initiatorSegmentBytes: 8192,
    maxBurstBytes: 262144,
    firstBurstBytes: 65536,
    initialR2t: true,
    immediateData: true,
  };
}

/** Puts one negotiated value in force. */
export function applyParameter(parameters: SessionParameters, key: string, value: string): void {
  switch (key) {
    case "MaxRecvDataSegmentLength":
      parameters.initiatorSegmentBytes = Number(value);
      break;
    case "MaxBurstLength":
      parameters.maxBurstBytes = Number(value);
      break;
    case "FirstBurstLength":
      parameters.firstBurstBytes = Number(value);
      break;
    case "InitialR2T":
      parameters.initialR2t = value === "Yes";
      break;
    case "ImmediateData":
      parameters.immediateData = value === "Yes";
      break;
  }
}
