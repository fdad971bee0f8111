import type { Command } from "@fairlead/core";
import { type Entries, SHARES, STRIDE, WAITING_SINCE_MS } from "./entries.js";
import type { Gate } from "./gate.js";
import type { Limits } from "./limits.js";
import { CRITICAL } from "./marks.js";
import type { DiskSchedulerSettings } from "./options.js";
import type { Timeline } from "./timeline.js";

const NONE = -1;
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

  constructor(entries: Entries, timeline: Timeline, limits: Limits) {
    this.#entries = entries;
    this.#timeline = timeline;
    this.#limits = limits;
  }

  /**
   * An entry with shares that has waited for an interval, while units are left for minima; else NONE. Looks at one
   * entry for each decision: all have been looked at after as many decisions as there are entries.
   */
  next(settings: DiskSchedulerSettings, gate: Gate): number {
    if (this.#units <= 0) return NONE;
    const entries = this.#entries;
    if (this.#cursor >= entries.size) this.#cursor = 0;
    const index = this.#cursor++;
    if (!this.#isDue(index, settings, gate)) return NONE;
    if (!gate.criticalOnly || (entries.marks[index]! & CRITICAL) !== 0) return index;
    // Its turn comes as soon as it may go.
    this.#cursor--;
    return NONE;
  }

  #isDue(index: number, settings: DiskSchedulerSettings, gate: Gate): boolean {
    const entries = this.#entries;
    const at = index * STRIDE;
    if (!entries.isPlaced(index) || !(entries.fields[at + SHARES]! > 0)) return false;
    if (this.#timeline.now[0]! - entries.fields[at + WAITING_SINCE_MS]! < settings.intervalMs) return false;
    return !this.#limits.reached(index) && (settings.floor > 0 || gate.defers(index));
  }

  /** A command is served. */
  earn(command: Command, settings: DiskSchedulerSettings, gate: Gate): void {
    const part = gate.deferring ? DEFERRED_FLOOR : settings.floor;
    this.#units = Math.min(1, this.#units + command.units * part);
  }

  /** It was a minimum. */
  spend(command: Command): void {
    this.#units -= command.units;
  }
}
