import type { Command } from "./command.js";
import type { EntrySettings } from "./level.js";
import type { Path } from "./path.js";
import type { VmId } from "./vm.js";

/** What one VM gets on one LUN, for the console; a copy, made on request. */
export interface EntryStatus extends Readonly<Required<EntrySettings>> {
  readonly queuedCommands: number;
  /** Units consumed since the entry was made. */
  readonly consumedUnits: number;
  /** Units consumed ÷ shares, as the scheduler counts. */
  readonly virtualTime: number;
  /**
   * `idle`: nothing is queued. `waiting`: for its turn. `limited`: it has reached its limit. `deferred`: bandwidth is
   * short and a VM with a higher priority or a guarantee is active. [0109]–[0112]
   */
  readonly state: "idle" | "waiting" | "limited" | "deferred";
  /** How long its guarantee could not be met although it had commands queued, ms since the entry was made. [0106] */
  readonly unmetMs: number;
}

/**
 * Steps 810 and 826: which of the commands that wait for one LUN goes next, if any. One instance per LUN; sees the
 * commands of that LUN only. Every method is synchronous; `enqueue`, `next` and `completed` allocate nothing.
 * While a command is queued its `next` link and its `units` belong to the policy. Behind a guard the commands are copies without `data`.
 */
export interface AdmissionPolicy {
  readonly name: string;
  /** Commands that wait. */
  readonly queuedCommands: number;
  enqueue(command: Command, nowMs: number): void;
  /** Called only while there is room. `undefined`: all that wait must go on waiting. */
  next(nowMs: number): Command | undefined;
  /** When to call `next` again although no event came, ms on the clock of `nowMs`; Infinity: only an event helps. */
  nextAt(nowMs: number): number;
  /** A command that `next` gave could not be sent: its cost is refunded and it goes to the head of its VM. */
  requeue(command: Command, nowMs: number): void;
  /** A command that was sent has ended; possibly one that an earlier policy gave before this one was swapped in. */
  completed(command: Command, nowMs: number): void;
  /** Takes a queued command out. False where it isn't queued here. */
  cancel(command: Command): boolean;
  /** Makes the entry, or changes it; in force from the next decision on. A VM without one gets the defaults at its first command. */
  setEntry(vm: VmId, settings: EntrySettings, nowMs: number): void;
  /** What the VM has queued goes on under the default settings. */
  removeEntry(vm: VmId): void;
  entry(vm: VmId): EntryStatus | undefined;
  /**
   * The usable paths and the capacity they give, as a part of what all paths give: 1 is whole. [0110]
   * `paths` may be kept until the next call; its counters go on being true. `roomCommands`: how many may be outstanding
   * over all of them; Infinity where left out.
   */
  pathsChanged(paths: readonly Path[], capacity: number, nowMs: number, roomCommands?: number): void;
  /** Hands over everything queued, oldest first per VM, and is empty afterwards: a successor takes it. */
  drain(visit: (command: Command) => void): void;
  /**
   * Changes the options that are named, from the next decision on; throws OptionError and changes nothing where one is
   * wrong. Absent: this policy has none. [0092]
   */
  configure?(options: object): void;
}
