import { Asc, getU16, getU32, getU64, SenseKey, senseCode } from "@fairlead/iscsi-codec";
import type { LogicalUnit } from "./logical-unit.js";

const HEADER_BYTES = 8;
const DESCRIPTOR_BYTES = 16;
const OUT_OF_RANGE = senseCode(SenseKey.IllegalRequest, Asc.LbaOutOfRange);
/** Invalid field in parameter list. */
const INVALID_LIST = senseCode(SenseKey.IllegalRequest, 0x2600);
const LIST_LENGTH_ERROR = senseCode(SenseKey.IllegalRequest, 0x1a00);

/** Descriptors in one UNMAP, and bytes that they may free. */
export const UNMAP_DESCRIPTORS_MAX = 256;
export const UNMAP_BYTES_MAX = 64 << 20;

export interface UnmapRange {
  readonly offsetBytes: number;
  readonly lengthBytes: number;
}

/** The ranges of an UNMAP parameter list, all checked before any is freed; the sense where one will not do. SBC-3, 5.28 */
export function unmapRanges(list: Uint8Array, unit: LogicalUnit): UnmapRange[] | number {
  if (list.length === 0) return [];
  if (list.length < HEADER_BYTES) return LIST_LENGTH_ERROR;
  const end = Math.min(list.length, HEADER_BYTES + getU16(list, 2));
  const ranges: UnmapRange[] = [];
  let bytes = 0;
  for (let at = HEADER_BYTES; at + DESCRIPTOR_BYTES <= end; at += DESCRIPTOR_BYTES) {
    const lba = getU64(list, at);
    const blocks = getU32(list, at + 8);
    if (lba > unit.blocks || blocks > unit.blocks - lba) return OUT_OF_RANGE;
    const lengthBytes = blocks * unit.blockSizeBytes;
    bytes += lengthBytes;
    if (ranges.length === UNMAP_DESCRIPTORS_MAX || bytes > UNMAP_BYTES_MAX) return INVALID_LIST;
    ranges.push({ offsetBytes: lba * unit.blockSizeBytes, lengthBytes });
  }
  return ranges;
}
