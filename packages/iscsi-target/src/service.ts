import { type Clock, OptionError, type Timer } from "@fairlead/core";

/** How fast a LUN works. Several rates at once: the slowest of them holds. Nothing given: at once. */
export interface ServiceOptions {
  /** Commands to the medium per second. @default Infinity */
  commandsPerSecond?: number;
  /** One unit is a command with its first 4 KiB, and each further 4 KiB begun. Per second. @default Infinity */
  unitsPerSecond?: number;
  /** Bytes read or written per second. @default Infinity */
  bytesPerSecond?: number;
  /** Time in service on top of what the rates ask for. ms. @default 0 */
  serviceTimeMs?: number;
  /** Commands in service at a time. @default 1 */
  parallel?: number;
}

const UNIT_BYTES = 4096;
/** Longest delay of our own that is made up for. ms */
const LATENESS_MS_MAX = 50;

/** What waits for service; the fields belong to the service until `complete`. */
export interface Job<J> {
  readonly lengthBytes: number;
  /** Where service has not begun it costs nothing any more and completes at its turn. */
  readonly aborted: boolean;
  nextJob: J | null;
  arrivedAtMs: number;
  dueAtMs: number;
  /** Set when service began, cleared at the end. */
  inService: boolean;
}

/**
 * One queue in front of a medium, first come, first served. Times follow from the times of arrival alone: a timer that
 * comes late completes everything that was due in one batch, the next job starts when the one before was due, and what
 * arrives after a late batch counts as having come earlier by as much; so the rate doesn't drift.
 */
export class Service<J extends Job<J>> {
  private commandMs = 0;
  private unitMs = 0;
  private byteMs = 0;
  private serviceTimeMs = 0;
  private parallel = 1;
  private immediate = true;

  private waitingHead: J | null = null;
  private waitingTail: J | null = null;
  private servedHead: J | null = null;
  private servedTail: J | null = null;
  private servedCount = 0;
  /** When the rates let the next job start. */
  private paceFreeAtMs = Number.NEGATIVE_INFINITY;
  /** When the last place in service became free. */
  private placeFreeAtMs = Number.NEGATIVE_INFINITY;
  /** By how much the oldest job of the last batch was completed too late. ms */
  private latenessMs = 0;
  private timer: Timer | null = null;
  private pumping = false;

  constructor(
    private readonly clock: Clock,
    private readonly complete: (job: J) => void,
    options: ServiceOptions,
  ) {
    this.configure(options);
  }

  configure(options: ServiceOptions): void {
    const { commandsPerSecond = Infinity, unitsPerSecond = Infinity, bytesPerSecond = Infinity } = options;
    const { serviceTimeMs = 0, parallel = 1 } = options;
    checkPositive("commandsPerSecond", commandsPerSecond);
    checkPositive("unitsPerSecond", unitsPerSecond);
    checkPositive("bytesPerSecond", bytesPerSecond);
    if (!(serviceTimeMs >= 0 && serviceTimeMs < Infinity))
      throw new OptionError("serviceTimeMs", "finite and 0 or more", serviceTimeMs);
    if (!(parallel === Infinity || (Number.isInteger(parallel) && parallel > 0)))
      throw new OptionError("parallel", "a whole number greater than 0", parallel);
    this.commandMs = 1000 / commandsPerSecond;
    this.unitMs = 1000 / unitsPerSecond;
    this.byteMs = 1000 / bytesPerSecond;
    this.serviceTimeMs = serviceTimeMs;
    this.parallel = parallel;
    this.immediate = this.commandMs + this.unitMs + this.byteMs + serviceTimeMs === 0;
    this.timer?.cancel();
    this.timer = null;
    this.pump();
  }

  enqueue(job: J): void {
    if (this.immediate && this.waitingHead === null && this.servedHead === null) {
      this.complete(job);
      return;
    }
    // What was due before this arrival ends first: its place is free from then on.
    if (!this.pumping) this.pump();
    // Who waited for an answer that was late sends the next command late by as much.
    job.arrivedAtMs = this.clock.now() - this.latenessMs;
    job.nextJob = null;
    if (this.waitingTail === null) this.waitingHead = job;
    else this.waitingTail.nextJob = job;
    this.waitingTail = job;
    if (!this.pumping) this.pump();
  }

  /** Brings starts and ends up to now, so that `inService` can be relied on. */
  pump(): void {
    if (this.waitingHead === null && this.servedHead === null) return;
    this.pumping = true;
    const nowMs = this.clock.now();
    if (this.servedHead !== null && this.servedHead.dueAtMs <= nowMs)
      this.latenessMs = Math.min(nowMs - this.servedHead.dueAtMs, LATENESS_MS_MAX);
    // A start comes before an end, so that each place that becomes free is taken at its own time.
    while (this.start(nowMs) || this.end(nowMs));
    this.pumping = false;
    this.arm(nowMs);
  }

  private start(nowMs: number): boolean {
    const job = this.waitingHead;
    if (job?.aborted === true) {
      this.takeWaiting(job);
      this.complete(job);
      return true;
    }
    if (job === null || this.servedCount >= this.parallel) return false;
    const startMs = Math.max(job.arrivedAtMs, this.paceFreeAtMs, this.placeFreeAtMs);
    if (startMs > nowMs) return false;
    this.takeWaiting(job);
    const paceMs = this.paceMs(job.lengthBytes);
    this.paceFreeAtMs = startMs + paceMs;
    job.dueAtMs = startMs + paceMs + this.serviceTimeMs;
    job.inService = true;
    if (this.servedTail === null) this.servedHead = job;
    else this.servedTail.nextJob = job;
    this.servedTail = job;
    this.servedCount++;
    return true;
  }

  private takeWaiting(head: J): void {
    this.waitingHead = head.nextJob;
    if (this.waitingHead === null) this.waitingTail = null;
    head.nextJob = null;
  }

  private end(nowMs: number): boolean {
    const job = this.servedHead;
    if (job === null || job.dueAtMs > nowMs) return false;
    this.servedHead = job.nextJob;
    if (this.servedHead === null) this.servedTail = null;
    this.servedCount--;
    this.placeFreeAtMs = job.dueAtMs;
    job.nextJob = null;
    job.inService = false;
    this.complete(job);
    return true;
  }

  private paceMs(lengthBytes: number): number {
    const units = Math.max(1, Math.ceil(lengthBytes / UNIT_BYTES));
    return Math.max(this.commandMs, units * this.unitMs, lengthBytes * this.byteMs);
  }

  private arm(nowMs: number): void {
    if (this.timer !== null || (this.servedHead === null && this.waitingHead === null)) return;
    const atMs = this.servedHead !== null ? this.servedHead.dueAtMs : this.paceFreeAtMs;
    this.timer = this.clock.schedule(this.onTimer, Math.max(0, atMs - nowMs));
  }

  private readonly onTimer = (): void => {
    this.timer = null;
    this.pump();
  };

  /** Nothing that waits or is in service completes any more. */
  stop(): void {
    this.timer?.cancel();
    this.timer = null;
    this.waitingHead = this.waitingTail = this.servedHead = this.servedTail = null;
    this.servedCount = 0;
  }
}

function checkPositive(option: string, value: number): void {
  if (!(value > 0)) throw new OptionError(option, "greater than 0", value);
}
