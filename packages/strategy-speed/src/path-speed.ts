import type { Path } from "@fairlead/core";

/** So many completions make a figure; before that the old one counts, or what is typical of the other paths. */
const COMMANDS_MIN = 8;
/** A figure that differs from the one before by more than this factor replaces it; otherwise the two are averaged. */
const CHANGE_FACTOR = 2;

/**
 * How fast one path is, and what it was given. Costs are bytes, overhead included; times are those of transfers, ms.
 * 004.c15
 */
export class PathSpeed {
  /** Time that the path took for one byte of cost; 0: not known yet. */
  msPerByte = 0;
  /** The same as decisions take it: weighed against the other paths, and known from the start. */
  weighedMsPerByte: number;
  /** Virtual time: the service time of all that it was given. What it grows by with each byte is its share, inverted. */
  givenMs: number;
  /** Since when the path works on what completes next; Infinity: it was busy before anybody looked. */
  workingSinceMs = Infinity;
  /** Since when completions are collected for the next figure. */
  openedAtMs: number;

  // What was collected.
  #commands = 0;
  #costBytes = 0;
  #serviceMs = 0;
  // What the figure in force rests on.
  #pastCommands = 0;
  #pastCostBytes = 0;
  #pastServiceMs = 0;

  constructor(
    readonly id: string,
    weighedMsPerByte: number,
    givenMs: number,
    nowMs: number,
  ) {
    this.weighedMsPerByte = weighedMsPerByte;
    this.givenMs = givenMs;
    this.openedAtMs = nowMs;
  }

  /** How long until what is pending has completed, and no less than the path has been silent with it. */
  backlogMs(path: Path, overheadBytes: number, nowMs: number): number {
    if (path.pendingCommands === 0) return 0;
    const expectedMs = (path.pendingBytes + path.pendingCommands * overheadBytes) * this.weighedMsPerByte;
    const silentMs = nowMs - this.workingSinceMs;
    return Math.max(silentMs, expectedMs);
  }

  /**
   * A transfer has ended: the time since the one before it ended, or since it was sent, is the path's service time for
   * it; what it waited behind others is theirs. False where nothing can be said: nobody saw when the path began.
   */
  collect(sentAtMs: number, endedAtMs: number, costBytes: number): boolean {
    const serviceMs = endedAtMs - Math.max(this.workingSinceMs, sentAtMs);
    if (!this.ended(endedAtMs)) return false;
    this.#commands++;
    this.#costBytes += costBytes;
    this.#serviceMs += Math.max(0, serviceMs);
    return this.#costBytes > 0 && this.#serviceMs > 0;
  }

  /** A transfer has ended, whether it tells of the speed or not. */
  ended(endedAtMs: number): boolean {
    const seen = this.workingSinceMs !== Infinity;
    if (!seen || endedAtMs > this.workingSinceMs) this.workingSinceMs = endedAtMs;
    return seen;
  }

  /**
   * A new figure where the interval is over. It does not wait for that while what was collected is worth more than what
   * the figure in force rests on: after the first completions and after a change. True where the figure is new.
   */
  settle(nowMs: number, intervalMs: number): boolean {
    const over = nowMs - this.openedAtMs >= intervalMs;
    if (this.#commands < COMMANDS_MIN || !(over || this.#commands >= this.#pastCommands)) return false;
    const factor = this.#serviceMs / this.#costBytes / this.msPerByte;
    let keep = over ? 0.5 : 1;
    if (factor > CHANGE_FACTOR || factor < 1 / CHANGE_FACTOR) keep = 0;
    const costBytes = this.#costBytes + keep * this.#pastCostBytes;
    const serviceMs = this.#serviceMs + keep * this.#pastServiceMs;
    this.msPerByte = serviceMs / costBytes;
    this.#rest(this.#commands + keep * this.#pastCommands, costBytes, serviceMs, nowMs);
    return true;
  }

  /**
   * A path that becomes slow completes little, so a few late completions are enough: as soon as they outweigh what was
   * expected, counted as eight commands. The figure stands in until a measured one replaces it. True where it is new.
   */
  settleSlow(nowMs: number, typicalMsPerByte: number, pendingBytes: number): boolean {
    const msPerByte = this.msPerByte > 0 ? this.msPerByte : typicalMsPerByte;
    // Commands that a path serves side by side complete together after a silence, which is then that of all of them.
    const expectedBytes = (COMMANDS_MIN * this.#costBytes) / this.#commands + pendingBytes;
    const costBytes = expectedBytes + this.#costBytes;
    const serviceMs = expectedBytes * msPerByte + this.#serviceMs;
    if (msPerByte === 0 || serviceMs <= CHANGE_FACTOR * msPerByte * costBytes) return false;
    this.msPerByte = serviceMs / costBytes;
    this.#rest(0, 0, 0, nowMs);
    return true;
  }

  /** What the figure rests on from now on; collects anew. */
  #rest(commands: number, costBytes: number, serviceMs: number, nowMs: number): void {
    this.#pastCommands = commands;
    this.#pastCostBytes = costBytes;
    this.#pastServiceMs = serviceMs;
    this.#commands = 0;
    this.#costBytes = 0;
    this.#serviceMs = 0;
    this.openedAtMs = nowMs;
  }
}
