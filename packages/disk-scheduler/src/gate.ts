import type { Path } from "@fairlead/core";
import type { Activity } from "./activity.js";
import type { Bandwidth } from "./bandwidth.js";
import { type Entries, marksAt, SHARES, STRIDE } from "./entries.js";
import { CRITICAL, GUARANTEED, OVER, priorityOf } from "./marks.js";
import type { DiskSchedulerSettings } from "./options.js";
import type { OthersOutstanding } from "./others-outstanding.js";

/** What may not go just now, although it waits: because bandwidth is short, or a latency-critical VM is active. */
export class Gate {
  /** Everything may go. */
  open = true;
  /** What is not latency-critical must wait for one of its kind to end. */
  criticalOnly = false;
  /** Bandwidth is short, and some of those that are active go before others. [0109] */
  deferring = false;
  // Commands pending on a path that make a backlog of them.
  #backlogMax = Infinity;
  // One path is left: whoever has a lower priority is deferred [0109]; less than the whole capacity: who is outranked and
  // has used more than its due. [0111]
  #single = false;
  #short = false;
  #capacity = 1;
  #measuredCapacity = 1;
  #paths: readonly Path[] = [];
  readonly #entries: Entries;
  readonly #activity: Activity;
  readonly #bandwidth: Bandwidth;
  readonly #others: OthersOutstanding;

  constructor(entries: Entries, activity: Activity, bandwidth: Bandwidth, others: OthersOutstanding) {
    this.#entries = entries;
    this.#activity = activity;
    this.#bandwidth = bandwidth;
    this.#others = others;
  }

  /** `capacity`: part of what all paths give. [0110] `roomCommands`: that may be outstanding over the paths. */
  setPaths(paths: readonly Path[], capacity: number, roomCommands: number): void {
    // Without any path nothing is measured; the next one is compared with what there was before.
    if (capacity > 0 && capacity !== this.#measuredCapacity) {
      this.#bandwidth.scale(capacity / this.#measuredCapacity);
      this.#measuredCapacity = capacity;
    }
    this.#paths = paths;
    this.#capacity = capacity;
    this.#single = paths.length === 1;
    this.#short = this.#single || capacity < 1;
    // Where there is little room a path never has many pending while something can go.
    this.#backlogMax = Math.ceil(roomCommands / paths.length / 2);
  }

  /** Looks at what holds now; at the beginning of each decision. */
  assess(settings: DiskSchedulerSettings): void {
    const short = this.#short;
    const activity = this.#activity;
    if (!short && activity.critical === 0 && this.open && !this.criticalOnly) return;
    this.criticalOnly = false;
    this.deferring = false;
    if (activity.critical > 0 || (short && activity.differs)) {
      activity.expire(settings.intervalMs);
      this.criticalOnly = activity.critical > 0 && this.#others.count >= settings.latencyDepth;
      this.deferring = short && activity.differs && this.#backlog(settings.backlogCommands);
      if (this.deferring) this.#bandwidth.deferred = true;
    }
    this.open = !this.deferring;
  }

  /** Whether entries of this lane may go, as far as the lane tells. */
  permits(lane: number): boolean {
    if (this.open) return true;
    if (this.#single && this.#lower(lane)) return false;
    return !(this.#capacity < 1 && (lane & OVER) !== 0 && this.#outranked(lane));
  }

  /** Whether the entry, whose turn it is, must wait because a latency-critical VM is active. */
  stops(index: number): boolean {
    return this.criticalOnly && (this.#entries.ints[marksAt(index)]! & CRITICAL) === 0;
  }

  /** Whether the entry must wait although its lane may go: it has used more than its due. */
  refuses(index: number, lane: number): boolean {
    if (!this.deferring || this.#capacity >= 1 || (lane & OVER) !== 0) return false;
    return this.#outranked(lane) && this.#overdrawn(index);
  }

  /** Whether the entry stands in such a lane for having used too much, and has not any more. */
  forgives(index: number, lane: number): boolean {
    return (lane & OVER) !== 0 && !this.#overdrawn(index);
  }

  /** Whether the entry is deferred, for which `assess` was called. */
  defers(index: number): boolean {
    const marks = this.#entries.ints[marksAt(index)]!;
    if (!this.deferring) return false;
    if (this.#single && this.#lower(marks)) return true;
    return this.#capacity < 1 && this.#outranked(marks) && this.#overdrawn(index);
  }

  /** Whether the entry's quantum ends early. [0111] */
  cuts(index: number): boolean {
    if (!(this.#capacity < 1) || !this.#activity.differs) return false;
    return this.#outranked(this.#entries.ints[marksAt(index)]!) && this.#overdrawn(index);
  }

  /** An active VM has a higher priority. */
  #lower(marks: number): boolean {
    return priorityOf(marks) < this.#activity.highestPriority;
  }

  /** An active VM has a higher priority, or a guarantee that this one doesn't have. */
  #outranked(marks: number): boolean {
    return this.#lower(marks) || ((marks & GUARANTEED) === 0 && this.#activity.guaranteed > 0);
  }

  /** It has used more of the LUN than its part of the shares of those that are active. */
  #overdrawn(index: number): boolean {
    const shares = this.#entries.fields[index * STRIDE + SHARES]!;
    return this.#bandwidth.exceeds(index, shares / this.#activity.shares);
  }

  /** Every usable path has a backlog. */
  #backlog(backlogCommands: number): boolean {
    const paths = this.#paths;
    const backlog = Math.min(backlogCommands, this.#backlogMax);
    for (let at = 0; at < paths.length; at++) {
      if (paths[at]!.pendingCommands < backlog) return false;
    }
    return paths.length > 0;
  }
}
