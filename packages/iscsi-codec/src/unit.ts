import { getLun } from "./bhs.js";
import { getU16, getU32, getU64 } from "./bytes.js";

export interface CapacityData {
  /** Inexact beyond 2^53, never too small then. */
  readonly blocks: number;
  readonly blockSizeBytes: number;
}

/** Undefined where the answer is too short. */
export function parseCapacity16(data: Uint8Array): CapacityData | undefined {
  if (data.length < 12) return undefined;
  return { blocks: getU64(data, 0) + 1, blockSizeBytes: getU32(data, 8) };
}

/** Undefined where the answer is too short, or the unit has more blocks than this form can tell. */
export function parseCapacity10(data: Uint8Array): CapacityData | undefined {
  if (data.length < 8 || getU32(data, 0) === 0xffffffff) return undefined;
  return { blocks: getU32(data, 0) + 1, blockSizeBytes: getU32(data, 4) };
}

/** LUN numbers in an answer to REPORT LUNS, in its order, -1 for addressing that {@link getLun} doesn't know left out. */
export function parseLunList(data: Uint8Array): number[] {
  if (data.length < 8) return [];
  const end = Math.min(data.length, 8 + getU32(data, 0));
  const numbers: number[] = [];
  for (let at = 8; at + 8 <= end; at += 8) {
    const number = getLun(data, at);
    if (number !== -1) numbers.push(number);
  }
  return numbers;
}

/** Mode page with the write cache's settings. */
export const CACHING_PAGE = 0x08;

export interface CachingData {
  readonly writeCache: boolean;
  readonly fua: boolean;
  readonly readOnly: boolean;
}

/** From the answer to MODE SENSE (6); the flags of the header hold even where the page is missing. */
export function parseCachingMode6(data: Uint8Array): CachingData | undefined {
  if (data.length < 4) return undefined;
  return caching(data, data[2]!, 4 + data[3]!, Math.min(data.length, data[0]! + 1));
}

/** From the answer to MODE SENSE (10). */
export function parseCachingMode10(data: Uint8Array): CachingData | undefined {
  if (data.length < 8) return undefined;
  return caching(data, data[3]!, 8 + getU16(data, 6), Math.min(data.length, getU16(data, 0) + 2));
}

function caching(data: Uint8Array, deviceByte: number, pagesAt: number, end: number): CachingData {
  let writeCache = false;
  for (let at = pagesAt; at + 3 <= end; ) {
    if ((data[at]! & 0x3f) === CACHING_PAGE) {
      writeCache = (data[at + 2]! & 0x04) !== 0;
      break;
    }
    // A page with a subpage has a longer header and a length of two bytes.
    at += (data[at]! & 0x40) !== 0 && at + 4 <= end ? 4 + getU16(data, at + 2) : 2 + data[at + 1]!;
  }
  return { writeCache, fua: (deviceByte & 0x10) !== 0, readOnly: (deviceByte & 0x80) !== 0 };
}
