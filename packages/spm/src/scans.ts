import {
  type Clock,
  type EventSink,
  FairleadError,
  type Hba,
  type LunRange,
  type ScanResult,
  type Timer,
} from "@fairlead/core";
import type { RescanReport } from "./types.js";

const SOON_FIRST_MS = 2000;
const SOON_LAST_MS = 20_000;

export interface ScansParts {
  readonly clock: Clock;
  readonly onEvent: EventSink;
  /** Pause while nothing is missing, Infinity: no schedule. ms */
  readonly rescanMs: number;
  scan(): Promise<RescanReport>;
  /** A path or a disk's LUN is not there. */
  missing(): boolean;
}

/**
 * One scan at a time, on command and on a schedule, and more often while something is missing, so that a target that
 * comes up late, or a portal that was away at the start, needs nobody's hand. [0084]
 */
export class Scans {
  readonly #parts: ScansParts;
  #running: Promise<RescanReport> | undefined;
  #timer: Timer | undefined;
  #soonMs = SOON_FIRST_MS;
  #closed = false;

  constructor(parts: ScansParts) {
    this.#parts = parts;
  }

  async run(): Promise<RescanReport> {
    const before = this.#running;
    const mine = (async () => {
      await Promise.allSettled([before]);
      return this.#parts.scan();
    })();
    this.#running = mine;
    this.#timer?.cancel();
    let progress = false;
    try {
      const report = await mine;
      progress = report.addedPaths.length > 0;
      return report;
    } finally {
      if (this.#running === mine) {
        this.#running = undefined;
        this.#schedule(progress);
      }
    }
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
  }

  #schedule(progress: boolean): void {
    const { clock, rescanMs, onEvent } = this.#parts;
    if (this.#closed || rescanMs === Number.POSITIVE_INFINITY) return;
    const missing = this.#parts.missing();
    if (!missing || progress) this.#soonMs = SOON_FIRST_MS;
    const pauseMs = missing ? Math.min(this.#soonMs, rescanMs) : rescanMs;
    if (missing) this.#soonMs = Math.min(this.#soonMs * 2, SOON_LAST_MS);
    this.#timer = clock.schedule(() => {
      this.run().catch((error: unknown) => {
        onEvent({ kind: "scan-failed", severity: "error", subject: "storage", reason: String(error) });
      });
    }, pauseMs);
  }
}

/** Asks every HBA; a driver that throws is a problem of its own HBA, not of the others. */
export async function scanAll(hbas: readonly Hba[], range: LunRange): Promise<ScanResult[]> {
  return Promise.all(
    hbas.map(async (hba) => {
      try {
        return await hba.scan(range);
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        const { code, message } = new FairleadError("HBA_SCAN_FAILED", reason);
        return { paths: [], problems: [{ where: hba.name, code, message }], settled: false };
      }
    }),
  );
}

/**
 * One problem per device and code, since what befalls a device befalls each LUN number that is tried on it. The message is
 * the first one's.
 */
export function byDevice(problems: ScanResult["problems"]): ScanResult["problems"] {
  const groups = new Map<string, ScanResult["problems"][number][]>();
  for (const problem of problems) {
    const key = `${deviceOf(problem.where)} ${problem.code}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [problem]);
    else group.push(problem);
  }
  return [...groups.values()].flatMap(([first, ...others]) => {
    if (first === undefined || others.length === 0) return first ?? [];
    return { ...first, where: deviceOf(first.where) };
  });
}

/** `vmhba0:3` of the path `vmhba0:3:17`; anything else is its own device. */
function deviceOf(where: string): string {
  return /^([^:]+:\d+):\d+$/.exec(where)?.[1] ?? where;
}

/** Tells of a problem once, and again when it has changed or had gone. */
export class ScanProblems {
  #known = new Map<string, string>();
  readonly #onEvent: EventSink;

  constructor(onEvent: EventSink) {
    this.#onEvent = onEvent;
  }

  /** The last scan left something unread. */
  get any(): boolean {
    return this.#known.size > 0;
  }

  /** What the scan that has just ended could not read. */
  report(problems: ScanResult["problems"]): void {
    const known = this.#known;
    this.#known = new Map();
    for (const { where, code, message } of problems) {
      const reason = `${code}: ${message}`;
      const key = `${where} ${code}`;
      this.#known.set(key, reason);
      if (known.get(key) === reason) continue;
      this.#onEvent({ kind: "scan-problem", severity: "warning", subject: where, reason });
    }
  }
}
