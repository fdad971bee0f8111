import type { JournalRecord } from "./journal.js";

/** `14:05:09 warning path-failed vmhba0:0:1: connection-lost` (UTC) */
export function recordLine({ time, severity, kind, subject, reason }: JournalRecord): string {
  const mark = severity === "info" ? "" : `${severity} `;
  return `${time.slice(11, 19)} ${mark}${kind} ${subject}: ${reason}`;
}
