import type { FairleadError } from "@fairlead/core";
import pino, { type Logger } from "pino";
import type { JournalRecord } from "./journal.js";
import { recordLine } from "./journal-line.js";
import { LOG_LEVELS, type LogLevel } from "./log-level.js";
import { printable } from "./printable.js";

/** What a reader that never comes may cost. Bytes. */
const BUFFERED_BYTES_MAX = 1024 * 1024;
const LEVEL_OF = { info: "info", warning: "warn", error: "error" } as const;

export interface HostLog {
  record(record: JournalRecord): void;
  error(error: FairleadError): void;
}

/** Lines on stderr: JSON, or short ones where a person reads along. */
export function createLog(level: LogLevel): HostLog {
  return process.stderr.isTTY ? humanLog(level) : jsonLog(level);
}

function jsonLog(level: LogLevel): HostLog {
  // Not synchronous: a full pipe must not stop the host; beyond the bound lines are dropped.
  const destination = pino.destination({ dest: 2, sync: false, maxLength: BUFFERED_BYTES_MAX });
  destination.on("error", () => {}); // A full disk under the log must not end the host; the journal still has it.
  const logger: Logger = pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, destination);
  return {
    record: ({ sequence, kind, severity, subject, reason, inputs }) => {
      logger[LEVEL_OF[severity]]({ sequence, kind, subject, inputs }, reason);
    },
    error: ({ code, message }) => logger.error({ code }, printable(message)),
  };
}

function humanLog(level: LogLevel): HostLog {
  const lowest = LOG_LEVELS.indexOf(level);
  const shows = (one: LogLevel): boolean => LOG_LEVELS.indexOf(one) >= lowest;
  return {
    record: (record) => {
      if (shows(LEVEL_OF[record.severity])) process.stderr.write(`${recordLine(record)}\n`);
    },
    error: ({ code, message }) => {
      if (shows("error")) process.stderr.write(`${code}: ${printable(message)}\n`);
    },
  };
}
