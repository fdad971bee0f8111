import type { Clock, EventSink, HostEvent, Timer } from "@fairlead/core";
import type { RescanReport, StoragePathManager } from "@fairlead/spm";

const SOON_MS = 2000;
const LATER_MS = 20_000;

export interface RescansParts {
  readonly spm: StoragePathManager;
  readonly clock: Clock;
  readonly onEvent: EventSink;
  /** Pause while nothing is missing. ms */
  readonly pauseMs: number;
  onScanned(report: RescanReport): void;
}

/**
 * Scans on a schedule, and more often while something is missing, so that a target that comes up late, or a portal that
 * was away at the start, needs nobody's hand. [0084]
 */
export class Rescans {
  readonly #parts: RescansParts;
  #soonMs = SOON_MS;
  #timer: Timer | undefined;
  #closed = false;

  constructor(parts: RescansParts) {
    this.#parts = parts;
  }

  async run(): Promise<RescanReport> {
    try {
      const report = await this.#parts.spm.rescan();
      this.#parts.onScanned(report);
      this.#schedule(report.problems.length > 0, report.addedPaths.length > 0);
      return report;
    } catch (error) {
      this.#schedule(true, false);
      throw error;
    }
  }

  /** For those who don't wait for the answer. */
  start(): void {
    this.run().catch((error: unknown) => {
      const reason = error instanceof Error ? error.message : String(error);
      this.#parts.onEvent({ kind: "scan-failed", severity: "error", subject: "storage", reason });
    });
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
  }

  #schedule(problems: boolean, progress: boolean): void {
    const { spm, clock, pauseMs } = this.#parts;
    this.#timer?.cancel();
    if (this.#closed) return;
    const missing =
      problems ||
      spm.disks().some(({ state }) => state === "waiting") ||
      spm.paths().some(({ state }) => state === "failed");
    if (!missing || progress) this.#soonMs = SOON_MS;
    this.#timer = clock.schedule(() => this.start(), missing ? Math.min(this.#soonMs, pauseMs) : pauseMs);
    if (missing) this.#soonMs = Math.min(this.#soonMs * 2, LATER_MS);
  }
}

/** Lets a problem of a scan through once, and again when it has changed or had gone. */
export class ScanProblems {
  readonly #known = new Map<string, string>();
  readonly #onEvent: EventSink;

  constructor(onEvent: EventSink) {
    this.#onEvent = onEvent;
  }

  readonly onEvent = (event: HostEvent): void => {
    if (event.kind === "scan-problem") {
      if (this.#known.get(event.subject) === event.reason) return;
      this.#known.set(event.subject, event.reason);
    }
    this.#onEvent(event);
  };

  /** After a scan: what it did not find is no longer known. */
  scanned({ problems }: RescanReport): void {
    const found = new Set(problems.map(({ where }) => where));
    for (const where of this.#known.keys()) if (!found.has(where)) this.#known.delete(where);
  }
}
