import { createHash } from "node:crypto";

/** CHAP_A values. */
export const ChapAlgorithm = { Md5: 5, Sha256: 7 } as const;

/** Longest challenge or response that RFC 7143, 12.1.3 allows. Bytes. */
export const CHAP_BYTES_MAX = 1024;

/** RFC 1994: hash of id, secret and challenge. Undefined for an algorithm that isn't known here. */
export function chapResponse(
  algorithm: number,
  id: number,
  secret: string,
  challenge: Uint8Array,
): Buffer | undefined {
  const hash =
    algorithm === ChapAlgorithm.Md5 ? "md5" : algorithm === ChapAlgorithm.Sha256 ? "sha256" : undefined;
  if (hash === undefined) return undefined;
  return createHash(hash).update(Uint8Array.of(id)).update(secret, "utf8").update(challenge).digest();
}
