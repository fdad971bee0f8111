import type { Command } from "@fairlead/core";
import { Activity } from "./activity.js";
import { CONSUMED, Entries, marksAt, SHARES, STRIDE, TAG, WAITING_SINCE_MS, weightOf } from "./entries.js";
import { Guarantees } from "./guarantees.js";
import { Limits } from "./limits.js";
import { ACTIVE, GUARANTEED, LIMITED, PARKED, PLACED, REMOVED, RESTING } from "./marks.js";
import { DEFAULTS, type DiskSchedulerSettings } from "./options.js";
import { Tier, type TurnCheck } from "./tier.js";
import { Timeline } from "./timeline.js";

/** Where each entry stands: in its lane, waiting for its limit, idle, gone. */
export class Places implements TurnCheck {
  settings: DiskSchedulerSettings = DEFAULTS;
  /** Entries that are latency-critical. */
  critical = 0;
  readonly entries = new Entries();
  readonly timeline = new Timeline();
  readonly activity = new Activity(this.entries, this.timeline);
  readonly limits = new Limits(this.entries, this.timeline);
  readonly guarantees = new Guarantees(this.entries, this.timeline, this);
  /** Entries with shares. */
  readonly shared = new Tier(this.entries, this);
  /** Entries without: they get what nobody else asks for, in equal parts. */
  readonly leftover = new Tier(this.entries, this);

  tierOf(index: number): Tier {
    return this.entries.fields[index * STRIDE + SHARES]! > 0 ? this.shared : this.leftover;
  }

  /** The FIFO is no longer empty. */
  wake(index: number): void {
    this.entries.fields[index * STRIDE + WAITING_SINCE_MS] = this.timeline.now[0]!;
    if ((this.entries.ints[marksAt(index)]! & (ACTIVE | RESTING)) !== ACTIVE) this.activity.wake(index);
    this.place(index);
  }

  /** The FIFO became empty. */
  sleep(index: number): void {
    this.withdraw(index);
    this.activity.rest(index);
    if ((this.entries.ints[marksAt(index)]! & REMOVED) !== 0) this.release(index);
  }

  /** The last command of a placed entry went, and is outstanding. */
  pause(index: number, tier: Tier): void {
    tier.leave(index);
    const marks = this.entries.ints[marksAt(index)]!;
    if ((marks & GUARANTEED) !== 0) this.guarantees.pause(index);
    if ((marks & REMOVED) !== 0) this.release(index);
  }

  /** Puts an entry that has commands where its tags belong. */
  place(index: number): void {
    const tier = this.tierOf(index);
    if (this.entries.fields[index * STRIDE + TAG]! < tier.virtualTime) {
      tier.catchUp(index, this.settings.rangeUnits);
    }
    if ((this.entries.ints[marksAt(index)]! & GUARANTEED) !== 0) {
      this.guarantees.resume(index, this.settings.guaranteeWindowMs);
    }
    tier.put(index);
  }

  /** The entry waits nowhere any more. */
  withdraw(index: number): void {
    const { ints } = this.entries;
    if ((ints[marksAt(index)]! & PLACED) !== 0) {
      this.tierOf(index).leave(index);
      if ((ints[marksAt(index)]! & GUARANTEED) !== 0) this.guarantees.pause(index);
    } else if ((ints[marksAt(index)]! & PARKED) !== 0) {
      ints[marksAt(index)]! &= ~PARKED;
      this.limits.unpark(index);
    }
  }

  parksFirst(index: number): boolean {
    if (!this.limits.reached(index)) return false;
    this.withdraw(index);
    this.entries.ints[marksAt(index)]! |= PARKED;
    this.limits.park(index);
    return true;
  }

  /** What a command cost its entry is given back: it was not sent. */
  refund(index: number, command: Command): void {
    const { fields, ints } = this.entries;
    const at = index * STRIDE;
    const marks = ints[marksAt(index)]!;
    fields[at + TAG]! -= command.units / weightOf(fields, at);
    // An entry that was made anew has not paid.
    fields[at + CONSUMED] = Math.max(0, fields[at + CONSUMED]! - command.units);
    if (ints[marksAt(index) + 1]! > 0) ints[marksAt(index) + 1]!--;
    if ((marks & LIMITED) !== 0) this.limits.refund(index, command);
    if ((marks & GUARANTEED) !== 0) this.guarantees.refund(index, command);
  }

  /** A command came back to an entry that has others, with its cost. */
  moveUp(index: number): void {
    if ((this.entries.ints[marksAt(index)]! & PARKED) !== 0) {
      this.withdraw(index);
      this.place(index);
    } else {
      const tier = this.tierOf(index);
      tier.catchUp(index, this.settings.rangeUnits);
      tier.put(index);
    }
  }

  /** Those whose limit lets them go again. */
  admitLimited(): void {
    while (this.limits.due) {
      const index = this.limits.first;
      this.withdraw(index);
      this.place(index);
    }
  }

  /** Gives the entry up; its FIFO must be empty, and its level the default. */
  release(index: number): void {
    this.tierOf(index).forget(index);
    this.activity.leave(index);
    this.entries.release(index);
  }

  /** Virtual time is counted anew before a charge, which would be rounded where tags are large. */
  rebase(tier: Tier): void {
    tier.rebase((index) => this.tierOf(index) === tier);
  }
}
