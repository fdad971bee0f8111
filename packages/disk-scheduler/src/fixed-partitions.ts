import {
  type AdmissionPolicy,
  type Command,
  checkNumber,
  type EntrySettings,
  type EntryStatus,
  OptionError,
  type Path,
  type VmId,
} from "@fairlead/core";
import { takeAll, visitEach } from "./chain.js";
import { CONSUMED, Entries, STRIDE, TAG } from "./entries.js";
import { DEFAULT_LEVEL, type Level } from "./level.js";
import { DEFAULTS } from "./options.js";
import {
  type FixedPartitionsOptions,
  type FixedPartitionsSettings,
  PARTITION_DEFAULTS,
  partitionSettingsFrom,
} from "./partition-options.js";
import { Partitions } from "./partitions.js";
import { plainLevelFrom } from "./plain-level.js";
import { Turns } from "./turns.js";
import { UnitCounter } from "./units.js";

const NONE = -1;
const NAME = "fixed-partitions";
/** The part of those without one of their own; entry i has part i + 1. */
const COMMON = 0;
/** Without a word about shares a VM has no part of its own. */
const UNASSIGNED: Level = { ...DEFAULT_LEVEL, shares: 0 };

/** The fixed-partitions policy, whose options can be changed while it runs. */
export interface FixedPartitions extends AdmissionPolicy {
  readonly settings: FixedPartitionsSettings;
  /** Changes what is named, from the next decision on. Throws OptionError and changes nothing where a value is out of range. */
  configure(options: Partial<FixedPartitionsOptions>): void;
}

/**
 * Each VM owns `shares` ÷ `sharesTotal` of the LUN's bandwidth and gets no more, even where the rest is idle. [0093]
 * VMs without shares take turns by units in what is not assigned. A usable capacity below 1 makes all parts smaller.
 * `priority`, `quantum` and `latencyCritical` of an entry are kept and told, but decide nothing; a guarantee or a limit
 * is refused with OptionError, as are shares beyond what is left. Throws OptionError, or `OPTION_UNKNOWN`, where an
 * option is wrong; `setEntry` also where `nowMs` is no finite number, which elsewhere counts as the last one.
 */
export function fixedPartitions(options: FixedPartitionsOptions): FixedPartitions {
  return new Partitioned(partitionSettingsFrom(PARTITION_DEFAULTS, options));
}

class Partitioned implements FixedPartitions {
  readonly name = NAME;
  queuedCommands = 0;
  settings: FixedPartitionsSettings;
  readonly #entries = new Entries();
  readonly #levels: Level[] = [];
  /** To be released as soon as nothing is queued. */
  readonly #removed: boolean[] = [];
  readonly #cost = new UnitCounter();
  readonly #parts = new Partitions();
  readonly #commonTurns = new Turns();
  #capacity = 1;
  #assignedShares = 0;

  constructor(settings: FixedPartitionsSettings) {
    this.settings = settings;
    this.#apply();
    this.#parts.open(COMMON, 1);
    this.#resizeCommon();
  }

  configure(options: Partial<FixedPartitionsOptions>): void {
    const settings = partitionSettingsFrom(this.settings, options);
    if (settings.sharesTotal < this.#assignedShares) {
      const expected = `at least ${this.#assignedShares}, which the VMs have`;
      throw new OptionError("sharesTotal", expected, settings.sharesTotal);
    }
    this.settings = settings;
    this.#apply();
    this.#resizeCommon();
    for (let index = 0; index < this.#entries.size; index++) {
      if (this.#entries.holds(index) && this.#shares(index) > 0) this.#resize(index);
    }
  }

  enqueue(command: Command, _nowMs: number): void {
    let index = this.#entries.find(command.vm);
    if (index === NONE) index = this.#add(command.vm);
    command.units = this.#cost.units(command);
    if (this.#entries.append(index, command)) this.#wake(index);
    this.queuedCommands++;
  }

  next(nowMs: number): Command | undefined {
    if (this.queuedCommands === 0) return undefined;
    this.#advance(nowMs);
    const part = this.#parts.take();
    if (part === NONE) return undefined;
    return this.#serve(part === COMMON ? this.#commonTurns.take() : part - 1);
  }

  /** Infinity also where no time was told yet. */
  nextAt(nowMs: number): number {
    this.#advance(nowMs);
    const atMs = this.#parts.nextAt();
    return Number.isNaN(atMs) ? Infinity : atMs;
  }

  requeue(command: Command, _nowMs: number): void {
    let index = this.#entries.find(command.vm);
    const known = index !== NONE;
    // Its entry was removed meanwhile, and with it what it had paid.
    if (!known) index = this.#add(command.vm);
    if (this.#entries.prepend(index, command)) this.#wake(index);
    this.queuedCommands++;
    if (!known) return;
    const { fields } = this.#entries;
    const at = index * STRIDE;
    const part = this.#part(index);
    fields[at + CONSUMED] = Math.max(0, fields[at + CONSUMED]! - command.units);
    if (part === COMMON) {
      fields[at + TAG]! -= command.units;
      this.#commonTurns.put(index, fields, at + TAG);
    }
    this.#parts.refund(part, command.units);
    this.#parts.place(part);
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

  setEntry(vm: VmId, settings: EntrySettings, nowMs: number): void {
    checkNumber("nowMs", nowMs, Number.isFinite, "finite");
    let index = this.#entries.find(vm);
    const before = index === NONE ? UNASSIGNED : this.#levels[index]!;
    const level = plainLevelFrom(before, settings, NAME);
    const left = this.settings.sharesTotal - this.#assignedShares + before.shares;
    if (level.shares > left) {
      const expected = `at most ${left}, which is left of ${this.settings.sharesTotal}`;
      throw new OptionError("shares", expected, level.shares);
    }
    this.#parts.clock.advance(nowMs);
    if (index === NONE) index = this.#add(vm);
    this.#removed[index] = false;
    this.#change(index, level);
  }

  removeEntry(vm: VmId): void {
    const index = this.#entries.find(vm);
    if (index === NONE) return;
    this.#change(index, UNASSIGNED);
    if (this.#entries.head(index) === null) this.#entries.release(index);
    else this.#removed[index] = true;
  }

  entry(vm: VmId): EntryStatus | undefined {
    const index = this.#entries.find(vm);
    if (index === NONE) return undefined;
    const level = this.#levels[index]!;
    const consumedUnits = this.#entries.fields[index * STRIDE + CONSUMED]!;
    const queuedCommands = this.#entries.length(index);
    const usedUp = this.#parts.isUsedUp(this.#part(index));
    return {
      ...level,
      queuedCommands,
      consumedUnits,
      virtualTime: consumedUnits / (level.shares || 1),
      state: queuedCommands === 0 ? "idle" : usedUp ? "limited" : "waiting",
      unmetMs: 0,
    };
  }

  /** The parts shrink and grow with the capacity. [0110] With none nothing is sent, and they stay as they are. */
  pathsChanged(_paths: readonly Path[], capacity: number, nowMs: number): void {
    this.#advance(nowMs);
    if (!(capacity > 0)) return;
    this.#capacity = capacity;
    this.#setSpeed();
  }

  drain(visit: (command: Command) => void): void {
    const head = takeAll(this.#entries, (index) => this.#sleep(index));
    this.queuedCommands = 0;
    visitEach(head, visit);
  }

  /** What is no number, or no finite one, is no time: it would make all parts endless, and so counts as the last one. */
  #advance(nowMs: number): void {
    if (Number.isFinite(nowMs)) this.#parts.clock.advance(nowMs);
  }

  #apply(): void {
    const { unitsPerSecond, burstMs, unitBytes } = this.settings;
    this.#cost.configure({ ...DEFAULTS, unitBytes });
    this.#parts.burstUnits = (burstMs * unitsPerSecond) / 1000;
    this.#setSpeed();
  }

  #setSpeed(): void {
    this.#parts.clock.setSpeed((this.settings.unitsPerSecond * this.#capacity) / 1000);
  }

  #resizeCommon(): void {
    const { sharesTotal, floor } = this.settings;
    const shares = Math.max(sharesTotal - this.#assignedShares, sharesTotal * floor);
    this.#parts.setWeight(COMMON, sharesTotal / shares);
  }

  #resize(index: number): void {
    this.#parts.setWeight(this.#part(index), this.settings.sharesTotal / this.#shares(index));
  }

  #add(vm: VmId): number {
    const index = this.#entries.add(vm);
    this.#levels[index] = UNASSIGNED;
    this.#removed[index] = false;
    return index;
  }

  #shares(index: number): number {
    return this.#levels[index]!.shares;
  }

  #part(index: number): number {
    return this.#shares(index) > 0 ? index + 1 : COMMON;
  }

  /** The FIFO is no longer empty. */
  #wake(index: number): void {
    const part = this.#part(index);
    if (part === COMMON) {
      const { fields } = this.#entries;
      this.#commonTurns.catchUp(fields, index * STRIDE + TAG);
      this.#commonTurns.put(index, fields, index * STRIDE + TAG);
    }
    this.#parts.wake(part);
  }

  #leave(index: number): void {
    const part = this.#part(index);
    if (part === COMMON) this.#commonTurns.leave(index);
    if (part !== COMMON || this.#commonTurns.empty) this.#parts.sleep(part);
  }

  /** The FIFO became empty. */
  #sleep(index: number): void {
    this.#leave(index);
    if (this.#removed[index]) this.#entries.release(index);
  }

  /** Takes the head of the entry and charges it and its part. */
  #serve(index: number): Command {
    const { fields } = this.#entries;
    const at = index * STRIDE;
    const part = this.#part(index);
    const command = this.#entries.shift(index);
    const waits = this.#entries.head(index) !== null;
    this.queuedCommands--;
    fields[at + CONSUMED]! += command.units;
    if (part === COMMON) {
      fields[at + TAG]! += command.units;
      if (waits) this.#commonTurns.put(index, fields, at + TAG);
    }
    this.#parts.pay(part, command.units);
    if (!waits) this.#sleep(index);
    if (part === COMMON ? !this.#commonTurns.empty : waits) this.#parts.place(part);
    return command;
  }

  #change(index: number, level: Level): void {
    const before = this.#levels[index]!;
    const moves = before.shares > 0 !== level.shares > 0;
    const waits = this.#entries.head(index) !== null;
    if (moves && waits) this.#leave(index);
    this.#levels[index] = level;
    this.#assignedShares += level.shares - before.shares;
    if (level.shares > 0) {
      if (moves) this.#parts.open(index + 1, this.settings.sharesTotal / level.shares);
      else this.#resize(index);
    }
    this.#resizeCommon();
    if (moves && waits) this.#wake(index);
  }
}
