import type { AdmissionPolicy, Command, EntrySettings, EntryStatus, Path, VmId } from "@fairlead/core";
import { Bandwidth } from "./bandwidth.js";
import { takeAll, visitEach } from "./chain.js";
import { CONSUMED, CREDIT, marksAt, SHARES, STRIDE, TAG, WAITING_SINCE_MS, weightOf } from "./entries.js";
import { Gate } from "./gate.js";
import { Levels } from "./levels.js";
import { CRITICAL, GUARANTEED, LANE, LIMITED, REMOVED } from "./marks.js";
import { Minima } from "./minima.js";
import { DEFAULTS, type DiskSchedulerOptions, type DiskSchedulerSettings, settingsFrom } from "./options.js";
import { OthersOutstanding } from "./others-outstanding.js";
import { Places } from "./places.js";
import { statusOf } from "./status.js";
import { UnitCounter } from "./units.js";

const NONE = -1;

/** The proportional-share policy, whose options can be changed while it runs. */
export interface DiskScheduler extends AdmissionPolicy {
  readonly settings: DiskSchedulerSettings;
  /** Changes what is named, from the next decision on. Throws OptionError and changes nothing where a value is out of range. */
  configure(options: DiskSchedulerOptions): void;
}

/**
 * Divides one LUN among VMs by their shares, between their guarantees and their limits. [0086]–[0092] [0106]–[0112]
 * Throws OptionError where an option is out of its range, `OPTION_UNKNOWN` for one that does not exist.
 */
export function diskScheduler(options: DiskSchedulerOptions = {}): DiskScheduler {
  return new ProportionalShare(settingsFrom(DEFAULTS, options));
}

class ProportionalShare implements DiskScheduler {
  readonly name = "disk-scheduler";
  queuedCommands = 0;
  readonly #places = new Places();
  readonly #entries = this.#places.entries;
  readonly #levels = new Levels(this.#places);
  readonly #cost = new UnitCounter();
  readonly #bandwidth = new Bandwidth(this.#entries, this.#places.timeline);
  readonly #others = new OthersOutstanding();
  readonly #gate = new Gate(this.#entries, this.#places.activity, this.#bandwidth, this.#others);
  readonly #minima = new Minima(this.#entries, this.#places.timeline, this.#places.limits);

  // The run of the entry that went last. [0090]
  #last = NONE;
  #runLeft = 0;
  #lastEndBytes = 0;

  constructor(settings: DiskSchedulerSettings) {
    this.#apply(settings);
  }

  get settings(): DiskSchedulerSettings {
    return this.#places.settings;
  }

  configure(options: DiskSchedulerOptions): void {
    this.#apply(settingsFrom(this.settings, options));
  }

  enqueue(command: Command, nowMs: number): void {
    this.#places.timeline.follow(nowMs);
    let index = this.#entries.find(command.vm);
    if (index === NONE) index = this.#add(command.vm);
    command.units = this.#cost.units(command);
    if (this.#entries.append(index, command)) this.#places.wake(index);
    this.queuedCommands++;
  }

  next(nowMs: number): Command | undefined {
    if (this.queuedCommands === 0) return undefined;
    const { timeline, guarantees, settings } = this.#places;
    timeline.follow(nowMs);
    if (timeline.passed) this.#timePassed();
    this.#gate.assess(settings);
    if (this.#runLeft > 0 && this.#goesOn(this.#last)) {
      this.#runLeft--;
      return this.#serve(this.#last);
    }
    let index = this.#minima.next(settings, this.#gate);
    if (index !== NONE) {
      const command = this.#serveOutOfTurn(index, 0);
      this.#minima.spend(command);
      return command;
    }
    if (!guarantees.none) {
      index = guarantees.due();
      if (index !== NONE && this.#gate.stops(index)) return undefined;
      // A debt that is smaller than a single command would make it cheaper than it is.
      if (index !== NONE) return this.#serveOutOfTurn(index, this.#entries.head(index)!.units);
    }
    index = this.#lowest();
    if (index === NONE || this.#gate.stops(index)) return undefined;
    this.#last = index;
    this.#runLeft = this.#levels.quantumOf(index) - 1;
    return this.#serve(index);
  }

  /**
   * The first moment at which a limit lets something go. Where something else waits and is held back, an event will
   * let it go; should none come, it is looked at again after an interval.
   */
  nextAt(nowMs: number): number {
    if (this.queuedCommands === 0) return Infinity;
    const { timeline, limits, settings } = this.#places;
    timeline.follow(nowMs);
    this.#gate.assess(settings);
    const againMs =
      this.#gate.open && !this.#gate.criticalOnly ? Infinity : timeline.now[0]! + settings.intervalMs;
    return timeline.callerMs(Math.min(limits.firstMs, againMs));
  }

  requeue(command: Command, nowMs: number): void {
    this.#places.timeline.follow(nowMs);
    this.#others.remove(command);
    let index = this.#entries.find(command.vm);
    // Where its entry was removed meanwhile, what it had paid went with it.
    if (index === NONE) index = this.#add(command.vm);
    else {
      this.#bandwidth.refund(index, command);
      this.#places.refund(index, command);
    }
    if (this.#entries.prepend(index, command)) this.#places.wake(index);
    else this.#places.moveUp(index);
    this.queuedCommands++;
  }

  /** Units are charged when a command is routed; here it only ceases to be outstanding. */
  completed(command: Command, nowMs: number): void {
    this.#others.remove(command);
    const index = this.#entries.find(command.vm);
    if (index === NONE) return;
    const { ints } = this.#entries;
    // 0: an earlier policy gave it, or its entry was removed meanwhile.
    if (ints[marksAt(index) + 1]! > 0) ints[marksAt(index) + 1]!--;
    if (ints[marksAt(index) + 1] !== 0 || this.#entries.head(index) !== null) return;
    this.#places.timeline.follow(nowMs);
    this.#places.activity.rest(index);
  }

  cancel(command: Command): boolean {
    const index = this.#entries.find(command.vm);
    if (index === NONE || !this.#entries.remove(index, command)) return false;
    this.queuedCommands--;
    if (this.#entries.head(index) === null) this.#places.sleep(index);
    return true;
  }

  setEntry(vm: VmId, settings: EntrySettings, nowMs: number): void {
    this.#places.timeline.follow(nowMs);
    let index = this.#entries.find(vm);
    const level = this.#levels.plan(index === NONE ? undefined : index, settings);
    if (index === NONE) index = this.#add(vm);
    this.#entries.ints[marksAt(index)]! &= ~REMOVED;
    this.#levels.set(index, level);
    this.#levelChanged(index);
  }

  removeEntry(vm: VmId): void {
    const index = this.#entries.find(vm);
    if (index === NONE) return;
    this.#levels.reset(index);
    this.#levelChanged(index);
    if (this.#entries.head(index) === null) this.#places.release(index);
    else this.#entries.ints[marksAt(index)]! |= REMOVED;
  }

  entry(vm: VmId): EntryStatus | undefined {
    const index = this.#entries.find(vm);
    if (index === NONE) return undefined;
    this.#gate.assess(this.settings);
    return statusOf(index, this.#places, this.#levels.of(index), this.#gate);
  }

  pathsChanged(paths: readonly Path[], capacity: number, nowMs: number, roomCommands = Infinity): void {
    this.#places.timeline.follow(nowMs);
    this.#gate.setPaths(paths, capacity, roomCommands);
  }

  drain(visit: (command: Command) => void): void {
    const head = takeAll(this.#entries, (index) => this.#places.sleep(index));
    this.queuedCommands = 0;
    visitEach(head, visit);
  }

  #apply(settings: DiskSchedulerSettings): void {
    this.#levels.configure(settings);
    this.#places.settings = settings;
    this.#cost.configure(settings);
    this.#minima.lookAgain();
    if (this.#last !== NONE && this.#entries.holds(this.#last)) this.#levelChanged(this.#last);
  }

  #add(vm: VmId): number {
    const index = this.#entries.add(vm);
    this.#levels.init(index);
    // The number was another VM's, whose run is over.
    if (index === this.#last) this.#runLeft = 0;
    return index;
  }

  #levelChanged(index: number): void {
    if (index === this.#last) this.#runLeft = Math.min(this.#runLeft, this.#levels.quantumOf(index) - 1);
    if (this.#places.critical === 0) this.#others.clear();
    this.#minima.lookAgain();
  }

  /** What time has changed since the last decision. */
  #timePassed(): void {
    const { timeline, settings, guarantees } = this.#places;
    timeline.passed = false;
    this.#places.admitLimited();
    if (this.#bandwidth.roll(settings.intervalMs)) {
      this.#places.shared.forgive();
      this.#places.leftover.forgive();
    }
    if (!guarantees.none) guarantees.keepUp(settings.guaranteeWindowMs);
  }

  /** Whether the entry that went last may go on. */
  #goesOn(index: number): boolean {
    const command = this.#entries.head(index);
    if (command === null || command.lengthBytes === 0) return false;
    if (Math.abs(command.offsetBytes - this.#lastEndBytes) > this.settings.sequentialBytes) return false;
    const lane = this.#entries.ints[marksAt(index)]! & LANE;
    if (!this.#entries.isPlaced(index) || !this.#gate.permits(lane) || this.#gate.cuts(index)) return false;
    if (this.#gate.stops(index)) return false;
    const { shared, limits } = this.#places;
    if (limits.reached(index)) return false;
    return shared.waiting === 0 || this.#places.tierOf(index) === shared;
  }

  /** By shares; those without any only where nobody with shares waits, or all of these are deferred. */
  #lowest(): number {
    const { shared, leftover } = this.#places;
    let tier = shared;
    let index = shared.lowest(this.#gate);
    if (index === NONE && (shared.waiting === 0 || this.#gate.deferring)) {
      tier = leftover;
      index = leftover.lowest(this.#gate);
    }
    if (tier.rebaseDue) this.#places.rebase(tier);
    return index;
  }

  /** A minimum, or a guarantee that is due: its virtual time runs ahead no further than the range, or `debtUnits`. */
  #serveOutOfTurn(index: number, debtUnits: number): Command {
    const { fields } = this.#entries;
    const at = index * STRIDE;
    const tier = this.#places.tierOf(index);
    const tagBefore = fields[at + TAG]!;
    const command = this.#serve(index);
    this.#runLeft = 0;
    // Such service would add up to a debt that keeps the entry out long after the others have gone.
    const range = Math.max(this.settings.rangeUnits, debtUnits);
    const tagMax = tier.virtualTime + range / weightOf(fields, at);
    if (fields[at + TAG]! > tagMax) fields[at + TAG] = Math.max(tagBefore, tagMax);
    return command;
  }

  /** Takes the head of the entry and charges it. */
  #serve(index: number): Command {
    const entries = this.#entries;
    const places = this.#places;
    const { fields } = entries;
    const at = index * STRIDE;
    const marks = entries.ints[marksAt(index)]!;
    const weight = weightOf(fields, at);
    const tier = fields[at + SHARES]! > 0 ? places.shared : places.leftover;
    // It may have been held back while others went.
    if (fields[at + TAG]! < tier.virtualTime) tier.catchUp(index, places.settings.rangeUnits);
    const command = entries.shift(index);
    this.queuedCommands--;
    if (command.lengthBytes > 0) this.#lastEndBytes = command.offsetBytes + command.lengthBytes;

    const units = command.units;
    let charged = units;
    const credit = fields[at + CREDIT]!;
    if (credit > 0) {
      const spent = Math.min(credit, units - units / places.settings.catchUp);
      fields[at + CREDIT] = credit - spent;
      charged -= spent;
    }
    fields[at + TAG]! += charged / weight;
    fields[at + CONSUMED]! += units;
    fields[at + WAITING_SINCE_MS] = places.timeline.now[0]!;
    entries.ints[marksAt(index) + 1]!++;
    this.#bandwidth.serve(index, command);
    this.#minima.earn(command, places.settings, this.#gate);
    if ((marks & LIMITED) !== 0) places.limits.charge(index, command, places.settings.limitBurstMs);
    if ((marks & GUARANTEED) !== 0) places.guarantees.charge(index, command);
    if (places.critical > 0 && (marks & CRITICAL) === 0) this.#others.add(command);
    if (entries.head(index) === null) places.pause(index, tier);
    if (places.shared.waiting + places.leftover.waiting === 0) this.#bandwidth.saturated = false;
    return command;
  }
}
