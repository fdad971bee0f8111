import type { Path, Transfer } from "@fairlead/core";

/** So many completions make a figure; before that the old one counts, or what is typical of the other paths. */
const COMMANDS_MIN = 8;
/** A figure that differs from the one before by more than this factor replaces it; otherwise the two are averaged. */
const CHANGE_FACTOR = 2;

/** What all paths of a team have in common. Shared by reference: a fraction that is handed over costs an object. */
export interface Measuring {
  /** The latest time that a transfer told, ms. */
  nowMs: number;
  readonly intervalMs: number;
  readonly overheadBytes: number;
}

/**
 * How fast one path is, and what it was given. Costs are bytes, overhead included; times are those of transfers, ms.
 * 004.c15
 */
export class PathSpeed {
  // All numbers from the start: a field that was once undefined takes a new object for each fraction that it is given.

  /** Time that the path took for one byte of cost; 0: not known yet. */
  msPerByte = 0;
  /** The same as decisions take it: weighed against the other paths, and known from the start. */
  weighedMsPerByte = 0;
  /** Virtual time: the service time of all that it was given. What it grows by with each byte is its share, inverted. */
  givenMs = 0;
  /** Since when the path works on what completes next; Infinity: it was busy before anybody looked. */
  workingSinceMs = Infinity;
  /** Since when completions are collected for the next figure. */
  openedAtMs = 0;

  // What was collected.
  #commands = 0;
  #costBytes = 0;
  #serviceMs = 0;
  // What the figure in force rests on.
  #pastCommands = 0;
  #pastCostBytes = 0;
  #pastServiceMs = 0;

  readonly #measuring: Measuring;

  constructor(
    readonly id: string,
    measuring: Measuring,
  ) {
    this.#measuring = measuring;
    this.openedAtMs = measuring.nowMs;
  }

  /** How long until what is pending has completed, and no less than the path has been silent with it. */
  backlogMs(path: Path): number {
    if (path.pendingCommands === 0) return 0;
    const pendingBytes = path.pendingBytes + path.pendingCommands * this.#measuring.overheadBytes;
    const expectedMs = pendingBytes * this.weighedMsPerByte;
    const silentMs = this.#measuring.nowMs - this.workingSinceMs;
    return Math.max(silentMs, expectedMs);
  }

  /** A transfer was placed on an idle path. */
  begin(): void {
    this.workingSinceMs = this.#measuring.nowMs;
  }

  /**
   * A transfer has ended: the time since the one before it ended, or since it was sent, is the path's service time for
   * it; what it waited behind others is theirs. False where nothing can be said: nobody saw when the path began.
   */
  collect(transfer: Transfer): boolean {
    const { nowMs } = this.#measuring;
    const serviceMs = nowMs - Math.max(this.workingSinceMs, transfer.sentAtMs);
    if (this.openedAtMs > nowMs) this.openedAtMs = nowMs; // The clock was set back.
    if (!this.ended() || !(serviceMs >= 0)) return false;
    this.#commands++;
    this.#costBytes += this.#measuring.overheadBytes + transfer.lengthBytes;
    this.#serviceMs += serviceMs;
    return this.#costBytes > 0 && this.#serviceMs > 0;
  }

  /** A transfer has ended, whether it tells of the speed or not. */
  ended(): boolean {
    const seen = this.workingSinceMs !== Infinity;
    this.workingSinceMs = this.#measuring.nowMs;
    return seen;
  }

  /**
   * A new figure where the interval is over; few commands do not make a path faster, but else they are taken for what
   * they are, so that a slow path is not probed again at once. It does not wait for the interval where more was
   * collected than the figure in force rests on: after the first completions, and after a change.
   */
  settle(): boolean {
    const { nowMs, intervalMs } = this.#measuring;
    const over = nowMs - this.openedAtMs >= intervalMs;
    const enough = this.#commands >= COMMANDS_MIN;
    const factor = this.#serviceMs / this.#costBytes / this.msPerByte;
    const faster = factor < 1 / CHANGE_FACTOR;
    if (over ? faster && !enough : !enough || this.#commands < this.#pastCommands) return false;
    if (this.msPerByte === 0 && !enough) return false;
    let keep = over && enough ? 0.5 : 1;
    if (faster || factor > CHANGE_FACTOR) keep = enough ? 0 : Math.min(1, COMMANDS_MIN / this.#pastCommands);
    const costBytes = this.#costBytes + keep * this.#pastCostBytes;
    const serviceMs = this.#serviceMs + keep * this.#pastServiceMs;
    this.msPerByte = serviceMs / costBytes;
    this.#rest(this.#commands + keep * this.#pastCommands, costBytes, serviceMs);
    return true;
  }

  /**
   * A path that becomes slow completes little, so a few late completions are enough: as soon as they outweigh what was
   * expected, counted as eight commands. The figure stands in until a measured one replaces it. True where it is new.
   */
  settleSlow(othersKnown: boolean): boolean {
    if (this.msPerByte === 0 && !othersKnown) return false;
    const msPerByte = this.msPerByte > 0 ? this.msPerByte : this.weighedMsPerByte;
    const expectedBytes = (COMMANDS_MIN * this.#costBytes) / this.#commands;
    const costBytes = expectedBytes + this.#costBytes;
    const serviceMs = expectedBytes * msPerByte + this.#serviceMs;
    if (serviceMs <= CHANGE_FACTOR * msPerByte * costBytes) return false;
    this.msPerByte = serviceMs / costBytes;
    this.#rest(0, 0, 0);
    return true;
  }

  /** What the figure rests on from now on; collects anew. */
  #rest(commands: number, costBytes: number, serviceMs: number): void {
    this.#pastCommands = commands;
    this.#pastCostBytes = costBytes;
    this.#pastServiceMs = serviceMs;
    this.#commands = 0;
    this.#costBytes = 0;
    this.#serviceMs = 0;
    this.openedAtMs = this.#measuring.nowMs;
  }
}
