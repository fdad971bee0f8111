import { FormatError } from "./error.js";

/** RFC 7143, 6.1: longest key. Bytes. */
export const KEY_BYTES_MAX = 63;
/** Longest single value. Bytes. */
export const VALUE_BYTES_MAX = 255;
/** Longest list of values or encoded binary value. Bytes. */
export const LONG_VALUE_BYTES_MAX = 8192;

export type TextPair = readonly [key: string, value: string];

const KEY = /^[A-Z][A-Za-z0-9.\-+@_#]*$/;
const LONG_VALUE = /^0[xXbB]|,/;

/** `key=value`, each ended by a NUL. */
export function formatText(pairs: Iterable<TextPair>): Buffer {
  let text = "";
  for (const [key, value] of pairs) text += `${key}=${value}\0`;
  return Buffer.from(text, "utf8");
}

/**
 * The pairs in `bytes` from `start` to before `end`, in order, repeated keys included (SendTargets repeats its keys).
 * Empty strings between NULs are passed over, as padding shows up so.
 * @throws FormatError for a string without `=`, a key or value that is too long, or an end without NUL.
 */
export function parseText(bytes: Uint8Array, start: number, end: number): TextPair[] {
  const pairs: TextPair[] = [];
  let from = start;
  while (from < end) {
    const nul = bytes.indexOf(0, from);
    if (nul === -1 || nul >= end) throw new FormatError("text must end with a NUL");
    if (nul > from) pairs.push(parsePair(bytes, from, nul));
    from = nul + 1;
  }
  return pairs;
}

function parsePair(bytes: Uint8Array, from: number, to: number): TextPair {
  const equals = bytes.indexOf(0x3d, from);
  if (equals === -1 || equals >= to) throw new FormatError("text must be key=value, but has no =");
  if (equals - from > KEY_BYTES_MAX)
    throw new FormatError(`a key must have at most ${KEY_BYTES_MAX} bytes, but has ${equals - from}`);
  const key = utf8(bytes, from, equals);
  if (!KEY.test(key)) throw new FormatError("a key must be letters, digits or .-+@_# after a capital letter");
  const valueBytes = to - equals - 1;
  if (valueBytes > LONG_VALUE_BYTES_MAX)
    throw new FormatError(
      `the value of ${key} must have at most ${LONG_VALUE_BYTES_MAX} bytes, but has ${valueBytes}`,
    );
  const value = utf8(bytes, equals + 1, to);
  if (valueBytes > VALUE_BYTES_MAX && !LONG_VALUE.test(value))
    throw new FormatError(
      `the value of ${key} must have at most ${VALUE_BYTES_MAX} bytes, but has ${valueBytes}`,
    );
  return [key, value];
}

function utf8(bytes: Uint8Array, from: number, to: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + from, to - from).toString("utf8");
}

/** Decimal or `0x…`; undefined where it is neither, or out of the range. */
export function parseNumber(value: string, min: number, max: number): number | undefined {
  if (!/^(?:[0-9]{1,10}|0[xX][0-9a-fA-F]{1,8})$/.test(value)) return undefined;
  const number = Number(value);
  return number >= min && number <= max ? number : undefined;
}

/** `Yes` or `No`; undefined otherwise. */
export function parseBoolean(value: string): boolean | undefined {
  return value === "Yes" ? true : value === "No" ? false : undefined;
}

export function formatBoolean(value: boolean): string {
  return value ? "Yes" : "No";
}

/** `0x…` */
export function formatBinary(bytes: Uint8Array): string {
  return `0x${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("hex")}`;
}

/** `0x…` or `0b…` (base 64); undefined where it is neither, or longer than `maxBytes`. */
export function parseBinary(value: string, maxBytes: number): Uint8Array | undefined {
  if (value.length > 2 + maxBytes * 2) return undefined;
  const digits = value.slice(2);
  let bytes: Uint8Array;
  if (/^0[xX](?:[0-9a-fA-F]{2})+$/.test(value)) bytes = Buffer.from(digits, "hex");
  else if (/^0[bB][A-Za-z0-9+/]+={0,2}$/.test(value)) bytes = Buffer.from(digits, "base64");
  else return undefined;
  return bytes.length <= maxBytes ? bytes : undefined;
}
