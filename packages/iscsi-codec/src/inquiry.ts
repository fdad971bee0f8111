import { getU16, getU32 } from "./bytes.js";

/** Vital product data pages. */
export const VpdPage = {
  Supported: 0x00,
  SerialNumber: 0x80,
  Identification: 0x83,
  BlockLimits: 0xb0,
  BlockCharacteristics: 0xb1,
  Provisioning: 0xb2,
} as const;

/** Peripheral device type of a disk. */
export const DISK_TYPE = 0;

export interface InquiryData {
  /** 0: a unit is there. */
  readonly qualifier: number;
  readonly deviceType: number;
  readonly vendor: string;
  readonly product: string;
}

/** Undefined where the answer is too short to have a type. */
export function parseInquiry(data: Uint8Array): InquiryData | undefined {
  if (data.length < 1) return undefined;
  return {
    qualifier: data[0]! >>> 5,
    deviceType: data[0]! & 0x1f,
    vendor: ascii(data, 8, 16),
    product: ascii(data, 16, 32),
  };
}

/** Printable characters, spaces at either end cut off; anything else shows as `_`. */
function ascii(data: Uint8Array, from: number, to: number): string {
  let text = "";
  for (let index = from; index < Math.min(to, data.length); index++) {
    const byte = data[index]!;
    if (byte === 0) continue;
    text += byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : "_";
  }
  return text.trim();
}

/** Where the body of a VPD page ends: what the page says, cut to what came. -1 for another page or none. */
function pageEnd(data: Uint8Array, page: number): number {
  if (data.length < 4 || data[1] !== page) return -1;
  return Math.min(data.length, 4 + getU16(data, 2));
}

/** `serial.…`, or undefined where the page has none. */
export function parseSerialNumber(data: Uint8Array): string | undefined {
  const end = pageEnd(data, VpdPage.SerialNumber);
  if (end === -1) return undefined;
  const serial = ascii(data, 4, end).replaceAll(" ", "_");
  return serial === "" ? undefined : `serial.${serial}`;
}

/** A locally assigned NAA (type 3) is unique only where its administrator saw to it. */
const DESIGNATOR_RANK = [/^naa\.[^3]/, /^eui\./, /^naa\.3/, /^t10\./];

/**
 * Names of the logical unit in page 0x83, the best first: `naa.…`, `eui.…`, `t10.…`. Designators of ports and target
 * devices are left out. Bounded by the page's own 64 KiB.
 */
export function parseIdentification(data: Uint8Array): string[] {
  const end = pageEnd(data, VpdPage.Identification);
  const names = new Set<string>();
  let at = 4;
  while (at + 4 <= end) {
    const bytes = data[at + 3]!;
    if (at + 4 + bytes > end) break;
    const name = designatorName(data, at, bytes);
    if (name !== undefined) names.add(name);
    at += 4 + bytes;
  }
  return [...names].sort((a, b) => rank(a) - rank(b));
}

function rank(name: string): number {
  return DESIGNATOR_RANK.findIndex((form) => form.test(name));
}

function designatorName(data: Uint8Array, at: number, bytes: number): string | undefined {
  const codeSet = data[at]! & 0x0f;
  const association = (data[at + 1]! >>> 4) & 0x03;
  if (association !== 0) return undefined;
  const from = at + 4;
  switch (data[at + 1]! & 0x0f) {
    case 1: {
      const text = ascii(data, from, from + bytes).replaceAll(" ", "_");
      return text === "" ? undefined : `t10.${text}`;
    }
    case 2:
      return bytes === 8 || bytes === 12 || bytes === 16 ? `eui.${hex(data, from, bytes)}` : undefined;
    case 3:
      return bytes === 8 || bytes === 16 ? `naa.${hex(data, from, bytes)}` : undefined;
    case 8: {
      const text = codeSet === 3 ? ascii(data, from, from + bytes).toLowerCase() : "";
      return /^(?:naa|eui)\.[0-9a-f]{16,32}$/.test(text) ? text : undefined;
    }
    default:
      return undefined;
  }
}

function hex(data: Uint8Array, from: number, bytes: number): string {
  return Buffer.from(data.buffer, data.byteOffset + from, bytes).toString("hex");
}

/** Longest transfer in blocks, from page 0xB0; 0: no limit is told. */
export function parseMaxTransferBlocks(data: Uint8Array): number {
  return pageEnd(data, VpdPage.BlockLimits) >= 12 ? getU32(data, 8) : 0;
}
