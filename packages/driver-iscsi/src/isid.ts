import { createHash } from "node:crypto";

/** Bytes of an initiator session id. */
const ISID_BYTES = 6;
/** RFC 7143, 11.12.5: type "random"; the rest of the first byte is reserved. */
const TYPE_RANDOM = 0x80;

/**
 * The same words give the same id after a restart, so that the target drops the sessions that the last run left behind.
 * `taken` holds the ids of this host in hex; the new one joins it.
 */
export function sessionIsid(taken: Set<string>, words: readonly string[]): Uint8Array {
  for (let salt = 0; ; salt++) {
    const digest = createHash("sha256")
      .update([...words, String(salt)].join("\n"))
      .digest();
    const isid = Uint8Array.from(digest.subarray(0, ISID_BYTES));
    isid[0] = TYPE_RANDOM;
    const key = Buffer.from(isid).toString("hex");
    if (taken.has(key)) continue;
    taken.add(key);
    return isid;
  }
}
