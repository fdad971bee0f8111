import { createCipheriv, createHash } from "node:crypto";

/** Whole numbers from 0 up to `bound`, exclusive: the same sequence for the same seed (mulberry32). */
export function seededIntegers(seed: number): (bound: number) => number {
  let state = seed >>> 0;
  return (bound) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000) * bound);
  };
}

/** Bytes without a pattern, the same for the same seed: a key stream, since a generator in JavaScript takes minutes for a GiB. */
export function seededBytes(seed: number, length: number): Buffer {
  const key = createHash("sha256").update(String(seed)).digest();
  return createCipheriv("aes-256-ctr", key, Buffer.alloc(16)).update(Buffer.alloc(length));
}
