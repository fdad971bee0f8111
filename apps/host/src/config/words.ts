import { z } from "zod";
import {
  DURATION_EXPECTED,
  DURATION_PATTERN,
  parseByteRange,
  parseDuration,
  parseRate,
  parseSize,
  RANGE_EXPECTED,
  RATE_EXPECTED,
  SIZE_EXPECTED,
  SIZE_PATTERN,
} from "./units.js";

// The error of each type below is what was expected; describe.ts puts the place and the value in front of it.
const NAME_EXPECTED = "a name of letters, digits, '.', '_' and '-', at most 64 long";
const HBA_NAME_EXPECTED = "a name of letters, digits, '_' and '-', at most 64 long";
const PORTAL_EXPECTED = "an address such as 192.0.2.10:3260 or [2001:db8::1]:3260";
const NUMBERS_EXPECTED = "LUN numbers such as 0-255 or 7, at most 16383";
const RATE_OR_NONE_EXPECTED = `${RATE_EXPECTED}, or none`;
export const BLOCK_BYTES = 512;

export const name = z
  .string({ error: NAME_EXPECTED })
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, NAME_EXPECTED);
export const hbaName = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/, HBA_NAME_EXPECTED);
export const text = (expected: string, lengthMax = 256) =>
  z.string({ error: expected }).min(1, expected).max(lengthMax, expected);
export const address = z
  .string({ error: PORTAL_EXPECTED })
  .regex(/^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(:\d{1,5})?$/, PORTAL_EXPECTED)
  .refine(
    (portal) => Number(/:(\d+)$/.exec(portal.replace(/^\[.*\]/, ""))?.[1] ?? 1) <= 65_535,
    PORTAL_EXPECTED,
  );
export const initiatorName = z
  .string({ error: "an iSCSI name" })
  .max(223, "an iSCSI name of at most 223 bytes")
  .regex(
    /^(iqn\.\d{4}-\d{2}\.|eui\.|naa\.)[a-z0-9.:-]+$/,
    "an iSCSI name such as iqn.2026-01.com.example:host-a",
  );

/** ms */
export const duration = z
  .string({ error: DURATION_EXPECTED })
  .regex(DURATION_PATTERN, DURATION_EXPECTED)
  .transform((value) => parseDuration(value) ?? Number.NaN);
/** Bytes. */
export const size = z
  .string({ error: SIZE_EXPECTED })
  .regex(SIZE_PATTERN, SIZE_EXPECTED)
  .refine((value) => parseSize(value) !== undefined, "a whole number of bytes, less than 8192TiB")
  .transform((value) => parseSize(value) ?? Number.NaN);
/** `none` is null. */
export const rateOrNone = z
  .string({ error: RATE_OR_NONE_EXPECTED })
  .refine((value) => value === "none" || parseRate(value) !== undefined, RATE_OR_NONE_EXPECTED)
  .transform((value) => (value === "none" ? null : (parseRate(value) ?? null)));
export const byteRange = z
  .string({ error: RANGE_EXPECTED })
  .refine((value) => parseByteRange(value) !== undefined, RANGE_EXPECTED)
  .refine((value) => {
    const range = parseByteRange(value);
    return (range?.startBytes ?? 0) % BLOCK_BYTES === 0 && (range?.endBytes ?? 0) % BLOCK_BYTES === 0;
  }, `a range whose ends are multiples of ${BLOCK_BYTES}B`)
  .transform((value) => parseByteRange(value) ?? { startBytes: 0, endBytes: undefined });
export const lunNumbers = z
  .string({ error: NUMBERS_EXPECTED })
  .regex(/^\d{1,5}(-\d{1,5})?$/, NUMBERS_EXPECTED)
  .transform((value) => {
    const [first = 0, last = first] = value.split("-").map(Number);
    return { first, last };
  })
  .refine(({ first, last }) => first <= last && last <= 16_383, NUMBERS_EXPECTED);

export const shares = z.number({ error: "a number of shares, 0 or more" }).min(0).max(1e9);
export const positive = z.number().gt(0).max(1e9);
export const priority = z.int().min(0).max(10);
