import { randomBytes, timingSafeEqual } from "node:crypto";
import { OptionError } from "@fairlead/core";
import {
  CHAP_BYTES_MAX,
  ChapAlgorithm,
  chapResponse,
  formatBinary,
  parseBinary,
  parseNumber,
  type TextPair,
} from "@fairlead/iscsi-codec";

export interface ChapOptions {
  /** Name that initiators give. */
  readonly user: string;
  /** 12 bytes or more. */
  readonly secret: string;
  /** What this target proves in turn to initiators that ask. @default none: such a login fails */
  readonly mutual?: { readonly user: string; readonly secret: string };
}

const SECRET_BYTES_MIN = 12;
const CHALLENGE_BYTES = 32;
/** In order of preference. */
const ALGORITHMS = [ChapAlgorithm.Sha256, ChapAlgorithm.Md5];

export function checkChap(options: ChapOptions): void {
  checkSecret("chap.secret", options.secret);
  if (options.mutual === undefined) return;
  checkSecret("chap.mutual.secret", options.mutual.secret);
  // RFC 7143, 9.2.1: the same secret both ways lets an answer be reflected.
  if (options.mutual.secret === options.secret)
    throw new OptionError("chap.mutual.secret", "another than chap.secret", "the same");
}

function checkSecret(option: string, secret: string): void {
  const bytes = Buffer.byteLength(secret);
  if (bytes < SECRET_BYTES_MIN)
    throw new OptionError(option, `at least ${SECRET_BYTES_MIN} bytes long`, `${bytes} bytes`);
}

/** The target's side of CHAP. RFC 7143, 12.1.3 */
export class ChapExchange {
  /** The initiator has proved itself. */
  authenticated = false;
  private algorithm = 0;
  private readonly id = randomBytes(1)[0]!;
  private readonly challenge = randomBytes(CHALLENGE_BYTES);

  constructor(private readonly options: ChapOptions) {}

  /** Answer to the CHAP keys of one request; undefined where the login has failed. */
  step(keys: ReadonlyMap<string, string>): TextPair[] | undefined {
    const offered = keys.get("CHAP_A");
    if (offered !== undefined) return this.challengeWith(offered);
    if (keys.has("CHAP_N") || keys.has("CHAP_R")) return this.verify(keys);
    return [];
  }

  private challengeWith(offered: string): TextPair[] | undefined {
    const numbers = offered.split(",").map(Number);
    const algorithm = ALGORITHMS.find((known) => numbers.includes(known));
    if (algorithm === undefined || this.algorithm !== 0) return undefined;
    this.algorithm = algorithm;
    return [
      ["CHAP_A", String(algorithm)],
      ["CHAP_I", String(this.id)],
      ["CHAP_C", formatBinary(this.challenge)],
    ];
  }

  private verify(keys: ReadonlyMap<string, string>): TextPair[] | undefined {
    const expected = chapResponse(this.algorithm, this.id, this.options.secret, this.challenge);
    const received = parseBinary(keys.get("CHAP_R") ?? "", CHAP_BYTES_MAX);
    if (expected === undefined || received === undefined || received.length !== expected.length)
      return undefined;
    const right = timingSafeEqual(received, expected);
    if (keys.get("CHAP_N") !== this.options.user || !right) return undefined;
    const proof = keys.has("CHAP_I") || keys.has("CHAP_C") ? this.prove(keys) : [];
    this.authenticated = proof !== undefined;
    return proof;
  }

  private prove(keys: ReadonlyMap<string, string>): TextPair[] | undefined {
    const { mutual } = this.options;
    const id = parseNumber(keys.get("CHAP_I") ?? "", 0, 255);
    const challenge = parseBinary(keys.get("CHAP_C") ?? "", CHAP_BYTES_MAX);
    if (mutual === undefined || id === undefined || challenge === undefined) return undefined;
    // Our own challenge sent back would make us compute the answer to it.
    if (challenge.length === CHALLENGE_BYTES && timingSafeEqual(challenge, this.challenge)) return undefined;
    const response = chapResponse(this.algorithm, id, mutual.secret, challenge);
    if (response === undefined) return undefined;
    return [
      ["CHAP_N", mutual.user],
      ["CHAP_R", formatBinary(response)],
    ];
  }
}
