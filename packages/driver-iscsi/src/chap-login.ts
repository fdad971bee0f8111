import { randomBytes, timingSafeEqual } from "node:crypto";
import {
  CHAP_BYTES_MAX,
  ChapAlgorithm,
  chapResponse,
  formatBinary,
  parseBinary,
  parseNumber,
  type TextPair,
} from "@fairlead/iscsi-codec";
import { IscsiError } from "./errors.js";
import type { ChapOptions } from "./options.js";

const CHALLENGE_BYTES = 16;
/** In order of preference. MD5 is what every target knows; some take the number of SHA-256 for SHA-1. */
export const CHAP_OFFER = `${ChapAlgorithm.Md5},${ChapAlgorithm.Sha256}`;

interface OwnChallenge {
  readonly id: number;
  readonly bytes: Buffer;
}

/**
 * One CHAP exchange. `outstanding` holds the challenges of all logins of this host in hex: one of our own is never
 * answered, whoever sends it back. RFC 7143, 9.2.1
 */
export class ChapExchange {
  readonly #chap: ChapOptions;
  readonly #outstanding: Set<string>;
  #algorithm = 0;
  #own: OwnChallenge | undefined;

  constructor(chap: ChapOptions, outstanding: Set<string>) {
    this.#chap = chap;
    this.#outstanding = outstanding;
  }

  /** Answers the target's challenge, and puts ours where the target has to prove itself too. @throws IscsiError */
  answer(keys: ReadonlyMap<string, string>): TextPair[] {
    const algorithm = parseNumber(keys.get("CHAP_A") ?? "", 0, 255);
    const id = parseNumber(keys.get("CHAP_I") ?? "", 0, 255);
    const challenge = parseBinary(keys.get("CHAP_C") ?? "", CHAP_BYTES_MAX);
    if (algorithm === undefined || id === undefined || challenge === undefined)
      throw refused("the target's challenge is malformed");
    if (this.#outstanding.has(Buffer.from(challenge).toString("hex")))
      throw refused("the target sent our own challenge back");
    const response = chapResponse(algorithm, id, this.#chap.secret, challenge);
    if (response === undefined || !CHAP_OFFER.split(",").includes(String(algorithm)))
      throw refused(`the target chose CHAP algorithm ${algorithm}, which was not offered`);
    this.#algorithm = algorithm;
    const pairs: TextPair[] = [
      ["CHAP_N", this.#chap.user],
      ["CHAP_R", formatBinary(response)],
    ];
    if (this.#chap.mutual !== undefined) {
      this.#own = { id: randomBytes(1).readUInt8(), bytes: randomBytes(CHALLENGE_BYTES) };
      this.#outstanding.add(this.#own.bytes.toString("hex"));
      pairs.push(["CHAP_I", String(this.#own.id)], ["CHAP_C", formatBinary(this.#own.bytes)]);
    }
    return pairs;
  }

  /** Checks the target's proof, where one was asked for. @throws IscsiError */
  verify(keys: ReadonlyMap<string, string>): void {
    const mutual = this.#chap.mutual;
    if (mutual === undefined || this.#own === undefined) return;
    const expected = chapResponse(this.#algorithm, this.#own.id, mutual.secret, this.#own.bytes);
    const response = parseBinary(keys.get("CHAP_R") ?? "", CHAP_BYTES_MAX);
    const proven =
      expected !== undefined &&
      response !== undefined &&
      response.length === expected.length &&
      timingSafeEqual(response, expected);
    if (!proven || keys.get("CHAP_N") !== mutual.user) throw refused("the target did not prove who it is");
  }

  /** The login is over, either way. */
  end(): void {
    if (this.#own !== undefined) this.#outstanding.delete(this.#own.bytes.toString("hex"));
  }
}

export function refused(message: string): IscsiError {
  return new IscsiError("ISCSI_AUTHENTICATION_FAILED", "login-refused", message);
}
