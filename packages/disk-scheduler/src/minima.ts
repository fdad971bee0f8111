import type { Command } from "@fairlead/core";
import { type Entries, marksAt, SHARES, STRIDE, WAITING_SINCE_MS } from "./entries.js";
import type { Gate } from "./gate.js";
import type { Limits } from "./limits.js";
import { PLACED } from "./marks.js";
import type { DiskSchedulerSettings } from "./options.js";
import type { Timeline } from "./timeline.js";

const NONE = -1;
/** Entries that one decision looks at, most of which wait for nothing. */
const LOOKS_MAX = 16;
// For those that are deferred, whatever `floor` says.
const DEFERRED_FLOOR = 0.01;

/** The least that each waiting entry with shares gets in an interval. [0091] */
export class Minima {
  readonly #entries: Entries;
  readonly #timeline: Timeline;
  readonly #limits: Limits;
  // Units that may go into minima now: grows with what is served, falls below 0 by a large command.
  #units = 0;
  // Next entry to be looked at.
  #cursor = 0;
  // At 0: when the first of those that were seen in this round may be due. At 1: until then nobody is. ms
  readonly #dueMs = Float64Array.of(Infinity, 0);

  constructor(entries: Entries, timeline: Timeline, limits: Limits) {
    this.#entries = entries;
    this.#timeline = timeline;
    this.#limits = limits;
  }

  /** Somebody may be due earlier than was thought. */
  lookAgain(): void {
    this.#dueMs[1] = 0;
    this.#dueMs[0] = 0;
  }

  /**
   * An entry with shares that has waited for an interval, while units are left for minima; else NONE. Looks at one
   * entry that waits for each decision, passing over a few that do not, in rounds, and at none while all were served
   * less than an interval ago.
   */
  next(settings: DiskSchedulerSettings, gate: Gate): number {
    if (this.#timeline.now[0]! < this.#dueMs[1]! || this.#units <= 0) return NONE;
    const { fields, ints, size } = this.#entries;
    let index = NONE;
    for (let look = 0; look < LOOKS_MAX; look++) {
      if (this.#cursor >= size) {
        this.#nextRound(settings);
        if (this.#timeline.now[0]! < this.#dueMs[1]!) return NONE;
      }
      index = this.#cursor++;
      if ((ints[marksAt(index)]! & PLACED) !== 0) break;
      if (look === LOOKS_MAX - 1) return NONE;
    }
    const dueMs = fields[index * STRIDE + WAITING_SINCE_MS]! + settings.intervalMs;
    if (dueMs < this.#dueMs[0]!) this.#dueMs[0] = dueMs;
    if (dueMs > this.#timeline.now[0]! || !(fields[index * STRIDE + SHARES]! > 0)) return NONE;
    if (this.#limits.reached(index) || !(settings.floor > 0 || gate.defers(index))) return NONE;
    if (!gate.stops(index)) return index;
    // Its turn comes as soon as it may go.
    this.#cursor--;
    return NONE;
  }

  #nextRound(settings: DiskSchedulerSettings): void {
    this.#cursor = 0;
    this.#dueMs[1] = this.#dueMs[0]!;
    // Those that wake up from now on are due no earlier.
    this.#dueMs[0] = this.#timeline.now[0]! + settings.intervalMs;
  }

  /** A command is served. */
  earn(command: Command, settings: DiskSchedulerSettings, gate: Gate): void {
    // As a rule nobody needs one, and no more is saved up.
    if (this.#units === 1) return;
    const part = gate.deferring ? DEFERRED_FLOOR : settings.floor;
    this.#units = Math.min(1, this.#units + command.units * part);
  }

  /** It was a minimum. */
  spend(command: Command): void {
    this.#units -= command.units;
  }
}
