import {
  type AdmissionPolicy,
  type Command,
  checkNumber,
  type EntrySettings,
  type EntryStatus,
  OptionError,
  type Path,
  refuseUnknownOptions,
  type VmId,
} from "@fairlead/core";
import { takeAll, visitEach } from "./chain.js";
import { CONSUMED, Entries, STRIDE, TAG } from "./entries.js";
import { DEFAULT_LEVEL, type Level } from "./level.js";
import { DEFAULTS } from "./options.js";
import { plainLevelFrom } from "./plain-level.js";
import { Turns } from "./turns.js";
import { UnitCounter } from "./units.js";

const PRIORITIES = 11;
const NONE = -1;
const NAME = "strict-priority";

// Fractions that change with each command, in an array, since one in a field would be put on the heap.
const OWED_UNITS = 0;
const FLOOR_TIME = 1;

export interface StrictPriorityOptions {
  /** Part of all units that goes to VMs below the highest priority that waits, 0 to 0.5; 0: none. @default 0.01 */
  floor?: number;
  /** Data in one consumption unit. Bytes. Counts for commands enqueued afterwards. [0089] @default 4096 */
  unitBytes?: number;
}

/** The strict-priority policy, whose options can be changed while it runs. */
export interface StrictPriority extends AdmissionPolicy {
  readonly settings: Readonly<Required<StrictPriorityOptions>>;
  /** Changes what is named, from the next decision on. Throws OptionError and changes nothing where a value is out of range. */
  configure(options: StrictPriorityOptions): void;
}

/**
 * The command of the waiting VM with the highest priority goes; equal ones take turns by units. [0093]
 * `shares`, `quantum` and `latencyCritical` of an entry are kept and told, but decide nothing; a guarantee or a limit is
 * refused with OptionError. Throws OptionError, or `OPTION_UNKNOWN`, where an option is wrong.
 */
export function strictPriority(options: StrictPriorityOptions = {}): StrictPriority {
  return new Ranked(settingsFrom({ floor: 0.01, unitBytes: DEFAULTS.unitBytes }, options));
}

class Ranked implements StrictPriority {
  readonly name = NAME;
  queuedCommands = 0;
  settings: Readonly<Required<StrictPriorityOptions>>;
  readonly #entries = new Entries();
  readonly #levels: Level[] = [];
  /** To be released as soon as nothing is queued. */
  readonly #removed: boolean[] = [];
  readonly #cost = new UnitCounter();
  readonly #turns = Array.from({ length: PRIORITIES }, () => new Turns());
  /** Bit p: a VM of priority p waits. */
  #waiting = 0;

  // Those below take turns too, priority by priority: units that each had of the floor.
  readonly #floorTags = new Float64Array(PRIORITIES);
  readonly #state = new Float64Array(2);
  /** What the floor gave last: its cost comes back where it could not be sent. */
  #lastOfFloor: Command | null = null;

  constructor(settings: Readonly<Required<StrictPriorityOptions>>) {
    this.settings = settings;
    this.#cost.configure({ ...DEFAULTS, unitBytes: settings.unitBytes });
  }

  configure(options: StrictPriorityOptions): void {
    this.settings = settingsFrom(this.settings, options);
    this.#cost.configure({ ...DEFAULTS, unitBytes: this.settings.unitBytes });
    if (this.settings.floor === 0) this.#state[OWED_UNITS] = 0;
  }

  enqueue(command: Command, _nowMs: number): void {
    let index = this.#entries.find(command.vm);
    if (index === NONE) index = this.#add(command.vm);
    command.units = this.#cost.units(command);
    if (this.#entries.append(index, command)) {
      this.#catchUp(index);
      this.#place(index);
    }
    this.queuedCommands++;
  }

  next(_nowMs: number): Command | undefined {
    if (this.#waiting === 0) return undefined;
    const highest = 31 - Math.clz32(this.#waiting);
    const below = this.#waiting ^ (1 << highest);
    if (below !== 0 && this.#state[OWED_UNITS]! >= 1) return this.#serveBelow(below);
    const command = this.#serve(highest);
    // Nobody below waits: what is theirs is not saved up.
    if (below === 0 && this.#state[OWED_UNITS]! > 1) this.#state[OWED_UNITS] = 1;
    return command;
  }

  /** Infinity: while anything is queued, `next` gives something. */
  nextAt(_nowMs: number): number {
    return Infinity;
  }

  requeue(command: Command, _nowMs: number): void {
    let index = this.#entries.find(command.vm);
    const known = index !== NONE;
    // Its entry was removed meanwhile, and with it what it had paid.
    if (!known) index = this.#add(command.vm);
    if (this.#entries.prepend(index, command)) this.#catchUp(index);
    if (known) {
      const { fields } = this.#entries;
      const at = index * STRIDE;
      fields[at + TAG]! -= command.units;
      fields[at + CONSUMED] = Math.max(0, fields[at + CONSUMED]! - command.units);
    }
    if (this.#lastOfFloor === command) {
      this.#state[OWED_UNITS]! += command.units;
      this.#floorTags[this.#priority(index)]! -= command.units;
    }
    this.#place(index);
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
    const level = plainLevelFrom(index === NONE ? DEFAULT_LEVEL : this.#levels[index]!, settings, NAME);
    if (index === NONE) index = this.#add(vm);
    this.#removed[index] = false;
    this.#change(index, level);
  }

  removeEntry(vm: VmId): void {
    const index = this.#entries.find(vm);
    if (index === NONE) return;
    if (this.#entries.head(index) === null) {
      this.#entries.release(index);
      return;
    }
    this.#removed[index] = true;
    this.#change(index, DEFAULT_LEVEL);
  }

  entry(vm: VmId): EntryStatus | undefined {
    const index = this.#entries.find(vm);
    if (index === NONE) return undefined;
    const { fields } = this.#entries;
    const queuedCommands = this.#entries.length(index);
    const outranked = this.#waiting >>> (this.#priority(index) + 1) !== 0;
    return {
      ...this.#levels[index]!,
      queuedCommands,
      consumedUnits: fields[index * STRIDE + CONSUMED]!,
      virtualTime: fields[index * STRIDE + TAG]!,
      state: queuedCommands === 0 ? "idle" : outranked ? "deferred" : "waiting",
      unmetMs: 0,
    };
  }

  /** Which paths a LUN has makes no difference to the ranks. */
  pathsChanged(_paths: readonly Path[], _capacity: number, _nowMs: number): void {}

  drain(visit: (command: Command) => void): void {
    const head = takeAll(this.#entries, (index) => this.#sleep(index));
    this.queuedCommands = 0;
    visitEach(head, visit);
  }

  #add(vm: VmId): number {
    const index = this.#entries.add(vm);
    this.#levels[index] = DEFAULT_LEVEL;
    this.#removed[index] = false;
    return index;
  }

  #priority(index: number): number {
    return this.#levels[index]!.priority;
  }

  /** The FIFO is no longer empty. */
  #catchUp(index: number): void {
    this.#turns[this.#priority(index)]!.catchUp(this.#entries.fields, index * STRIDE + TAG);
  }

  /** Puts an entry that waits where its tag belongs. */
  #place(index: number): void {
    const priority = this.#priority(index);
    this.#turns[priority]!.put(index, this.#entries.fields, index * STRIDE + TAG);
    if ((this.#waiting & (1 << priority)) !== 0) return;
    this.#waiting |= 1 << priority;
    const tag = this.#floorTags[priority]!;
    this.#floorTags[priority] = Math.max(tag, this.#state[FLOOR_TIME]!);
  }

  #leave(index: number): void {
    const priority = this.#priority(index);
    this.#turns[priority]!.leave(index);
    if (this.#turns[priority]!.empty) this.#waiting &= ~(1 << priority);
  }

  /** The FIFO became empty. */
  #sleep(index: number): void {
    this.#leave(index);
    if (this.#removed[index]) this.#entries.release(index);
  }

  /** Takes the head of the one whose turn it is and charges it. */
  #serve(priority: number): Command {
    const { fields } = this.#entries;
    const index = this.#turns[priority]!.take();
    const at = index * STRIDE;
    const command = this.#entries.shift(index);
    const units = command.units;
    this.queuedCommands--;
    this.#lastOfFloor = null;
    fields[at + TAG]! += units;
    fields[at + CONSUMED]! += units;
    this.#state[OWED_UNITS]! += units * this.settings.floor;
    if (this.#entries.head(index) === null) this.#sleep(index);
    else this.#place(index);
    return command;
  }

  /** A command of one of the priorities in `below`, out of the floor. */
  #serveBelow(below: number): Command {
    const tags = this.#floorTags;
    let chosen = 31 - Math.clz32(below);
    for (let priority = chosen - 1; priority >= 0; priority--) {
      if ((below & (1 << priority)) !== 0 && tags[priority]! < tags[chosen]!) chosen = priority;
    }
    this.#state[FLOOR_TIME] = Math.max(this.#state[FLOOR_TIME]!, tags[chosen]!);
    const command = this.#serve(chosen);
    tags[chosen]! += command.units;
    this.#state[OWED_UNITS]! -= command.units;
    this.#lastOfFloor = command;
    return command;
  }

  #change(index: number, level: Level): void {
    const before = this.#turns[this.#priority(index)]!;
    const after = this.#turns[level.priority]!;
    if (before === after) {
      this.#levels[index] = level;
      return;
    }
    const waits = this.#entries.head(index) !== null;
    if (waits) this.#leave(index);
    this.#levels[index] = level;
    // What it had beyond the others of its priority it has beyond its new ones.
    const { fields } = this.#entries;
    const at = index * STRIDE + TAG;
    fields[at] = after.time + Math.max(0, fields[at]! - before.time);
    if (waits) this.#place(index);
  }
}

function settingsFrom(
  base: Readonly<Required<StrictPriorityOptions>>,
  options: StrictPriorityOptions,
): Readonly<Required<StrictPriorityOptions>> {
  refuseUnknownOptions(options, Object.keys(base));
  const { floor = base.floor, unitBytes = base.unitBytes } = options;
  checkNumber("floor", floor, (part) => part >= 0 && part <= 0.5, "from 0 to 0.5");
  if (!Number.isSafeInteger(unitBytes) || unitBytes < 1) {
    throw new OptionError("unitBytes", "a whole number of 1 or more", unitBytes);
  }
  return { floor, unitBytes };
}
