import { writeSync } from "node:fs";
import { FairleadError } from "@fairlead/core";
import { loadConfig } from "../config/load.js";
import { startDemo } from "../demo.js";
import { demoGuide } from "../demo-guide.js";
import { startHost } from "../host.js";
import { Journal } from "../journal.js";
import { showDemo } from "../live-table.js";
import { createLog, type HostLog } from "../log.js";
import type { LogLevel } from "../log-level.js";
import { systemClock } from "../system-clock.js";
import { EXIT, errorText } from "./exit.js";

const STOP_MS_MAX = 9000;
const OTHERS = 0o077;
/** A terminal's Ctrl-C reaches the host twice under npm: from the terminal, and passed on by npm. */
const SAME_SIGNAL_MS = 500;
const SIGNALS = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const;

/** Runs a host until a signal ends it. Returns when it serves. */
export async function up(configFile: string | undefined, logLevel: LogLevel): Promise<void> {
  process.umask(OTHERS); // Sockets and files are nobody else's from the moment they are there.
  exitOnCrash();
  await (configFile === undefined ? upDemo() : upConfigured(configFile, logLevel));
}

async function upConfigured(file: string, logLevel: LogLevel): Promise<void> {
  const { config, directory, warnings } = await loadConfig(file);
  const log = createLog(logLevel);
  const journal = new Journal();
  journal.subscribe((record) => log.record(record));
  for (const { line, column, message } of warnings) {
    const subject = `${file}:${line}:${column}`;
    journal.append({ kind: "config-warning", severity: "warning", subject, reason: message });
  }
  const host = await startHost(config, { clock: systemClock(), journal, directory });
  const reason = `disks at ${host.nbdSocket}, API at ${host.apiSocket}`;
  journal.append({ kind: "host-started", severity: "info", subject: config.host.name ?? "host", reason });
  stopOnSignal(() => host.close(), log);
}

async function upDemo(): Promise<void> {
  const journal = new Journal();
  const demo = await startDemo(systemClock(), journal);
  process.stdout.write(`${demoGuide(demo)}\n`);
  const endShow = showDemo(demo.host, journal, process.stdout);
  const error = (failure: FairleadError) => process.stderr.write(errorText(failure));
  stopOnSignal(
    async () => {
      await demo.close();
      endShow();
    },
    { error },
  );
}

/** The first signal stops the host in good order, the second at once. */
function stopOnSignal(stop: () => Promise<void>, log: Pick<HostLog, "error">): void {
  let stoppingSinceMs: number | undefined;
  const onSignal = (signal: keyof typeof SIGNALS): void => {
    if (stoppingSinceMs !== undefined) {
      if (performance.now() - stoppingSinceMs > SAME_SIGNAL_MS) process.exit(128 + SIGNALS[signal]);
      return;
    }
    stoppingSinceMs = performance.now();
    setTimeout(() => {
      log.error(
        new FairleadError("STOP_TIMED_OUT", `not everything ended within ${STOP_MS_MAX} ms; leaving it`),
      );
      process.exit(EXIT.ok);
    }, STOP_MS_MAX);
    stop().then(
      () => process.exit(EXIT.ok),
      (cause: unknown) => {
        log.error(new FairleadError("STOP_FAILED", cause instanceof Error ? cause.message : String(cause)));
        process.exit(EXIT.failed);
      },
    );
  };
  for (const signal of Object.keys(SIGNALS) as (keyof typeof SIGNALS)[])
    process.on(signal, () => onSignal(signal));
}

/** A state that nobody thought of must not go on: the supervisor starts the host again, and nothing acknowledged is lost. */
function exitOnCrash(): void {
  const crash = (cause: unknown): void => {
    const stack = cause instanceof Error ? (cause.stack ?? cause.message) : String(cause);
    const { code, message } = new FairleadError("HOST_CRASHED", stack);
    const line = process.stderr.isTTY
      ? `error ${code}: ${message}`
      : JSON.stringify({ level: 60, time: new Date().toISOString(), code, msg: message });
    try {
      writeSync(2, `${line}\n`);
    } finally {
      process.exit(EXIT.crashed);
    }
  };
  process.on("uncaughtException", crash);
  process.on("unhandledRejection", crash);
}
