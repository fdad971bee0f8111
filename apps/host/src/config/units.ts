import type { Rate } from "@fairlead/core";

/** Text with a unit, as it stands in the config file and on the command line. Nothing without a unit but 0. */

const DURATION_MS = { ms: 1, s: 1000, min: 60_000, h: 3_600_000 } as const;
const SIZE_BYTES = { B: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40 } as const;

export const DURATION_PATTERN = /^\d{1,12}(\.\d{1,6})? ?(ms|s|min|h)$/;
export const DURATION_EXPECTED = "a duration such as 500ms, 30s, 5min or 1h";
export const SIZE_PATTERN = /^\d{1,16}(\.\d{1,6})? ?(B|KiB|MiB|GiB|TiB)$/;
export const SIZE_EXPECTED = "a size such as 512B, 64KiB, 50MiB, 20GiB or 1TiB";
export const RATE_EXPECTED = "a rate such as 50MiB/s or 3000iops";
export const RANGE_EXPECTED = "a range such as 0-20GiB, 20-40GiB or 40GiB-";

function split(text: string): { number: number; unit: string } | undefined {
  const match = /^(\d{1,16}(?:\.\d{1,6})?) ?([A-Za-z/]+)$/.exec(text);
  return match?.[1] === undefined || match[2] === undefined
    ? undefined
    : { number: Number(match[1]), unit: match[2] };
}

function factorOf(units: Readonly<Record<string, number>>, unit: string): number | undefined {
  return Object.hasOwn(units, unit) ? units[unit] : undefined;
}

/** ms */
export function parseDuration(text: string): number | undefined {
  const parts = DURATION_PATTERN.test(text) ? split(text) : undefined;
  const factor = parts && factorOf(DURATION_MS, parts.unit);
  return parts === undefined || factor === undefined ? undefined : parts.number * factor;
}

/** Bytes; a whole number of them, small enough to be exact. */
export function parseSize(text: string): number | undefined {
  const parts = SIZE_PATTERN.test(text) ? split(text) : undefined;
  const factor = parts && factorOf(SIZE_BYTES, parts.unit);
  if (parts === undefined || factor === undefined) return undefined;
  const bytes = parts.number * factor;
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

/** `50MiB/s` or `3000iops`, greater than 0. */
export function parseRate(text: string): Rate | undefined {
  const commands = /^(\d{1,12}) ?iops$/.exec(text)?.[1];
  if (commands !== undefined)
    return Number(commands) > 0 ? { commandsPerSecond: Number(commands) } : undefined;
  if (!text.endsWith("/s")) return undefined;
  const bytesPerSecond = parseSize(text.slice(0, -2));
  return bytesPerSecond !== undefined && bytesPerSecond > 0 ? { bytesPerSecond } : undefined;
}

export interface ByteRange {
  readonly startBytes: number;
  /** Undefined: to the end. */
  readonly endBytes: number | undefined;
}

/** `0-20GiB`; a start without a unit takes the end's. The end is the first byte that does not belong to it. */
export function parseByteRange(text: string): ByteRange | undefined {
  const match = /^([^-]+)-([^-]*)$/.exec(text);
  const [start, end] = [match?.[1]?.trim(), match?.[2]?.trim()];
  if (start === undefined || end === undefined) return undefined;
  const unit = /^\d+(?:\.\d+)?$/.test(start) ? (split(end)?.unit ?? (start === "0" ? "B" : "")) : "";
  const startBytes = parseSize(start + unit);
  if (end === "") return startBytes === undefined ? undefined : { startBytes, endBytes: undefined };
  const endBytes = parseSize(end);
  if (startBytes === undefined || endBytes === undefined || endBytes <= startBytes) return undefined;
  return { startBytes, endBytes };
}

/** For people: at most one digit after the point. `20 GiB`, `1.5 MiB` */
export function formatSize(bytes: number): string {
  let [shown, value]: [string, number] = ["B", bytes];
  for (const [unit, factor] of Object.entries(SIZE_BYTES)) {
    if (bytes >= factor) [shown, value] = [unit, bytes / factor];
  }
  return `${Number.isInteger(value) ? value : value.toFixed(1)} ${shown}`;
}

/** As `parseRate` takes it, exact. `50MiB/s`, `3000iops`; null: `none` */
export function formatRate(rate: Rate | null): string {
  if (rate === null) return "none";
  if ("commandsPerSecond" in rate) return `${rate.commandsPerSecond}iops`;
  let [shown, value]: [string, number] = ["B", rate.bytesPerSecond];
  for (const [unit, factor] of Object.entries(SIZE_BYTES)) {
    if (rate.bytesPerSecond % factor === 0) [shown, value] = [unit, rate.bytesPerSecond / factor];
  }
  return `${value}${shown}/s`;
}
