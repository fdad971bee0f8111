import { Activity } from "./activity.js";
import { Entries, SHARES, STRIDE, WAITING_SINCE_MS } from "./entries.js";
import { Guarantees } from "./guarantees.js";
import { Limits } from "./limits.js";
import { CRITICAL, GUARANTEED, PARKED, PLACED, REMOVED } from "./marks.js";
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
    this.activity.wake(index);
    this.place(index);
  }

  /** The FIFO became empty. */
  sleep(index: number): void {
    this.withdraw(index);
    this.activity.rest(index);
    if ((this.entries.marks[index]! & REMOVED) !== 0) this.release(index);
  }

  /** Puts an entry that has commands where its tags belong. */
  place(index: number): void {
    const tier = this.tierOf(index);
    tier.catchUp(index, this.settings.rangeUnits);
    if ((this.entries.marks[index]! & GUARANTEED) !== 0) {
      this.guarantees.resume(index, this.settings.guaranteeWindowMs);
    }
    tier.put(index);
  }

  /** The entry waits nowhere any more. */
  withdraw(index: number): void {
    const { marks } = this.entries;
    if ((marks[index]! & PLACED) !== 0) {
      this.tierOf(index).leave(index);
      if ((marks[index]! & GUARANTEED) !== 0) this.guarantees.pause(index);
    } else if ((marks[index]! & PARKED) !== 0) {
      marks[index]! &= ~PARKED;
      this.limits.unpark(index);
    }
  }

  parksFirst(index: number): boolean {
    if (!this.limits.reached(index)) return false;
    this.withdraw(index);
    this.entries.marks[index]! |= PARKED;
    this.limits.park(index);
    return true;
  }

  /** A command came back to an entry that has others, with its cost. */
  moveUp(index: number): void {
    if ((this.entries.marks[index]! & PARKED) !== 0) {
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

  /** Gives the entry up; its FIFO must be empty. */
  release(index: number): void {
    const marks = this.entries.marks[index]!;
    this.tierOf(index).forget(index);
    this.activity.leave(index);
    if ((marks & GUARANTEED) !== 0) this.guarantees.detach(index);
    if ((marks & CRITICAL) !== 0) this.critical--;
    this.entries.release(index);
  }

  /** Virtual time is counted anew before a charge, which would be rounded where tags are large. */
  rebase(tier: Tier): void {
    tier.rebase((index) => this.tierOf(index) === tier);
  }
}
