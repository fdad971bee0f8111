import {
  type AdmissionPolicy,
  type Command,
  type EntrySettings,
  type EntryStatus,
  OptionError,
  type Path,
  type VmId,
} from "@fairlead/core";
import { CONSUMED, CREDIT, Entries, SHARES, STRIDE, TAG, WAITING_SINCE_MS, WEIGHT } from "./entries.js";
import { DEFAULTS, type DiskSchedulerOptions, type DiskSchedulerSettings, settingsFrom } from "./options.js";
import { Tier } from "./tier.js";
import { UnitCounter } from "./units.js";

const NONE = -1;

/** The proportional-share policy, whose options can be changed while it runs. */
export interface DiskScheduler extends AdmissionPolicy {
  readonly settings: DiskSchedulerSettings;
  /** Changes what is named, from the next decision on. Throws OptionError and changes nothing where a value is out of range. */
  configure(options: DiskSchedulerOptions): void;
}

/**
 * Divides one LUN among VMs by their shares. [0086]–[0092]
 * Throws OptionError where an option is out of its range.
 */
export function diskScheduler(options: DiskSchedulerOptions = {}): DiskScheduler {
  return new ProportionalShare(settingsFrom(DEFAULTS, options));
}

class ProportionalShare implements DiskScheduler {
  readonly name = "disk-scheduler";
  queuedCommands = 0;
  settings: DiskSchedulerSettings;
  readonly #entries = new Entries();
  readonly #cost = new UnitCounter();
  /** Entries with shares. */
  readonly #shared = new Tier();
  /** Entries without: they get what nobody else asks for, in equal parts. */
  readonly #leftover = new Tier();

  // The run of the entry that went last. [0090]
  #last = NONE;
  #runLeft = 0;
  #lastEndBytes = 0;

  // Units that may go into minima now: grows with what is served, falls below 0 by a large command.
  #floorUnits = 0;
  // Next entry to be looked at for its minimum.
  #floorCursor = 0;

  constructor(settings: DiskSchedulerSettings) {
    this.settings = settings;
    this.#cost.configure(settings);
  }

  configure(options: DiskSchedulerOptions): void {
    const settings = settingsFrom(this.settings, options);
    const { fields } = this.#entries;
    for (let index = 0; index < this.#entries.size; index++) {
      if (!this.#entries.holds(index)) continue;
      const shares = fields[index * STRIDE + SHARES]!;
      if (shares < settings.sharesMin) {
        throw new OptionError("sharesMin", `at most ${shares}, which a VM has`, settings.sharesMin);
      }
      if (shares > settings.sharesMax) {
        throw new OptionError("sharesMax", `at least ${shares}, which a VM has`, settings.sharesMax);
      }
    }
    this.settings = settings;
    this.#cost.configure(settings);
    if (this.#runLeft >= settings.quantum) this.#runLeft = settings.quantum - 1;
  }

  enqueue(command: Command, nowMs: number): void {
    let index = this.#entries.find(command.vm);
    if (index === NONE) index = this.#add(command.vm);
    command.units = this.#cost.units(command);
    if (this.#entries.append(index, command)) this.#wake(index, nowMs);
    this.queuedCommands++;
  }

  next(nowMs: number): Command | undefined {
    if (this.queuedCommands === 0) return undefined;
    let index = this.#last;
    if (this.#runLeft > 0 && this.#goesOn(index)) {
      this.#runLeft--;
      return this.#serve(index, nowMs);
    }
    index = this.#starving(nowMs);
    if (index !== NONE) return this.#serveMinimum(index, nowMs);
    index = this.#shared.empty ? this.#leftover.lowest : this.#shared.lowest;
    this.#last = index;
    this.#runLeft = this.settings.quantum - 1;
    return this.#serve(index, nowMs);
  }

  /** Infinity: while anything is queued, `next` gives something; an entry is never held back while nobody else waits. */
  nextAt(_nowMs: number): number {
    return Infinity;
  }

  requeue(command: Command, nowMs: number): void {
    let index = this.#entries.find(command.vm);
    if (index === NONE) {
      // Its entry was removed meanwhile, and with it what it had paid.
      index = this.#add(command.vm);
    } else {
      const at = index * STRIDE;
      const { fields } = this.#entries;
      fields[at + TAG]! -= command.units / fields[at + WEIGHT]!;
      fields[at + CONSUMED]! -= command.units;
    }
    if (this.#entries.prepend(index, command)) this.#wake(index, nowMs);
    else this.#place(index);
    this.queuedCommands++;
  }

  /** Units are charged when a command is routed, so nothing is left to do. */
  completed(_command: Command, _nowMs: number): void {}

  cancel(command: Command): boolean {
    const index = this.#entries.find(command.vm);
    if (index === NONE || !this.#entries.remove(index, command)) return false;
    this.queuedCommands--;
    if (this.#entries.head(index) === null) this.#sleep(index);
    return true;
  }

  setEntry(vm: VmId, settings: EntrySettings, _nowMs: number): void {
    let index = this.#entries.find(vm);
    const { shares } = settings;
    if (shares !== undefined) this.#checkShares(shares);
    if (index === NONE) index = this.#add(vm);
    this.#entries.setRemoved(index, false);
    if (shares !== undefined) this.#setShares(index, shares);
  }

  removeEntry(vm: VmId): void {
    const index = this.#entries.find(vm);
    if (index === NONE) return;
    if (this.#entries.head(index) === null) {
      this.#entries.release(index);
      return;
    }
    this.#entries.setRemoved(index, true);
    this.#setShares(index, this.settings.sharesDefault);
  }

  entry(vm: VmId): EntryStatus | undefined {
    const index = this.#entries.find(vm);
    if (index === NONE) return undefined;
    const { fields } = this.#entries;
    const at = index * STRIDE;
    let queuedCommands = 0;
    for (let command = this.#entries.head(index); command !== null; command = command.next) queuedCommands++;
    return {
      shares: fields[at + SHARES]!,
      priority: 5,
      guarantee: null,
      limit: null,
      quantum: null,
      latencyCritical: false,
      state: queuedCommands > 0 ? "waiting" : "idle",
      unmetMs: 0,
      queuedCommands,
      consumedUnits: fields[at + CONSUMED]!,
      virtualTime: fields[at + TAG]! + this.#tier(index).epoch,
    };
  }

  /** Which paths a LUN has makes no difference to how it is divided. */
  pathsChanged(_paths: readonly Path[], _capacity: number, _nowMs: number): void {}

  drain(visit: (command: Command) => void): void {
    // One chain first: `visit` hands each command to a successor, which takes its link.
    let head: Command | null = null;
    let tail: Command | null = null;
    for (let index = 0; index < this.#entries.size; index++) {
      if (this.#entries.head(index) === null) continue;
      while (this.#entries.head(index) !== null) {
        const command = this.#entries.shift(index);
        if (tail === null) head = command;
        else tail.next = command;
        tail = command;
      }
      this.#sleep(index);
    }
    this.queuedCommands = 0;
    while (head !== null) {
      const command: Command = head;
      head = command.next;
      command.next = null;
      visit(command);
    }
  }

  #add(vm: VmId): number {
    const index = this.#entries.add(vm);
    const at = index * STRIDE;
    const { fields } = this.#entries;
    fields[at + SHARES] = this.settings.sharesDefault;
    fields[at + WEIGHT] = this.settings.sharesDefault || 1;
    fields[at + TAG] = this.#tier(index).virtualTime;
    return index;
  }

  #tier(index: number): Tier {
    return this.#entries.fields[index * STRIDE + SHARES]! > 0 ? this.#shared : this.#leftover;
  }

  /** The FIFO is no longer empty. */
  #wake(index: number, nowMs: number): void {
    this.#entries.fields[index * STRIDE + WAITING_SINCE_MS] = nowMs;
    this.#place(index);
  }

  /** Puts a waiting entry where its tag belongs; what lies before the LUN's virtual time becomes credit, within the range. */
  #place(index: number): void {
    const { fields } = this.#entries;
    const at = index * STRIDE;
    const tier = this.#tier(index);
    const behind = tier.virtualTime - fields[at + TAG]!;
    if (behind > 0) {
      const creditUnits = fields[at + CREDIT]! + behind * fields[at + WEIGHT]!;
      fields[at + CREDIT] = Math.min(creditUnits, this.settings.rangeUnits);
      fields[at + TAG] = tier.virtualTime;
    }
    tier.put(index, fields);
  }

  /** The FIFO became empty. */
  #sleep(index: number): void {
    this.#tier(index).leave(index);
    if (this.#entries.isRemoved(index)) this.#entries.release(index);
  }

  /** Whether the entry that went last may go on. */
  #goesOn(index: number): boolean {
    const command = this.#entries.head(index);
    if (command === null || command.lengthBytes === 0) return false;
    if (Math.abs(command.offsetBytes - this.#lastEndBytes) > this.settings.sequentialBytes) return false;
    return this.#shared.empty || this.#tier(index) === this.#shared;
  }

  /**
   * An entry with shares that has waited for an interval, while units are left for minima; else NONE. Looks at one
   * entry for each decision: all have been looked at after as many decisions as there are entries.
   */
  #starving(nowMs: number): number {
    if (this.#floorUnits <= 0) return NONE;
    if (this.#floorCursor >= this.#entries.size) this.#floorCursor = 0;
    const index = this.#floorCursor++;
    const { fields } = this.#entries;
    const at = index * STRIDE;
    if (this.#entries.head(index) === null || !(fields[at + SHARES]! > 0)) return NONE;
    const waitedMs = nowMs - fields[at + WAITING_SINCE_MS]!;
    // The clock was set back: count from now.
    if (waitedMs < 0) fields[at + WAITING_SINCE_MS] = nowMs;
    return waitedMs >= this.settings.intervalMs ? index : NONE;
  }

  #serveMinimum(index: number, nowMs: number): Command {
    const { fields } = this.#entries;
    const at = index * STRIDE;
    const tagBefore = fields[at + TAG]!;
    const command = this.#serve(index, nowMs);
    this.#runLeft = 0;
    this.#floorUnits -= command.units;
    // Minima would add up to a debt that keeps the entry out long after the others have gone.
    const tagMax = this.#shared.virtualTime + this.settings.rangeUnits / fields[at + WEIGHT]!;
    if (fields[at + TAG]! > tagMax) {
      fields[at + TAG] = Math.max(tagBefore, tagMax);
      if (this.#entries.head(index) !== null) this.#shared.put(index, fields);
    }
    return command;
  }

  /** Takes the head of the entry and charges it. */
  #serve(index: number, nowMs: number): Command {
    const { fields } = this.#entries;
    const at = index * STRIDE;
    const tier = this.#tier(index);
    // Before the charge, which would be rounded where the tags are large.
    if (tier.advance()) this.#rebase(tier);
    const command = this.#entries.shift(index);
    const units = command.units;
    const { floor } = this.settings;
    this.queuedCommands--;
    if (command.lengthBytes > 0) this.#lastEndBytes = command.offsetBytes + command.lengthBytes;
    this.#floorUnits = Math.min(1, this.#floorUnits + units * floor);

    const credit = fields[at + CREDIT]!;
    let charged = units;
    if (credit > 0) {
      const spent = Math.min(credit, units - units / this.settings.catchUp);
      fields[at + CREDIT] = credit - spent;
      charged -= spent;
    }
    fields[at + TAG]! += charged / fields[at + WEIGHT]!;
    fields[at + CONSUMED]! += units;
    fields[at + WAITING_SINCE_MS] = nowMs;
    if (this.#entries.head(index) === null) this.#sleep(index);
    else tier.put(index, fields);
    return command;
  }

  // Apart from #serve, which would otherwise allocate the closure's context each time.
  #rebase(tier: Tier): void {
    tier.rebase(this.#entries, (index) => this.#tier(index) === tier);
  }

  #checkShares(shares: number): void {
    const { sharesMin, sharesMax } = this.settings;
    if (typeof shares !== "number" || !(shares >= sharesMin && shares <= sharesMax)) {
      throw new OptionError("shares", `from ${sharesMin} to ${sharesMax}`, shares);
    }
  }

  #setShares(index: number, shares: number): void {
    const { fields } = this.#entries;
    const at = index * STRIDE;
    const before = fields[at + SHARES]!;
    if (shares === before) return;
    const oldTier = this.#tier(index);
    const waits = this.#entries.head(index) !== null;
    if (waits) oldTier.leave(index);
    const aheadUnits = (fields[at + TAG]! - oldTier.virtualTime) * fields[at + WEIGHT]!;
    fields[at + SHARES] = shares;
    fields[at + WEIGHT] = shares || 1;
    const tier = this.#tier(index);
    // What it has had beyond its due stays the same number of units; in another tier it begins anew.
    fields[at + TAG] = tier.virtualTime + (tier === oldTier ? aheadUnits / fields[at + WEIGHT]! : 0);
    if (waits) this.#place(index);
  }
}
