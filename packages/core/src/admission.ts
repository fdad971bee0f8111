import type { Command, VmId } from "./command.js";
import type { Path } from "./path.js";

/** An absolute bandwidth; greater than 0. */
export type Rate = { readonly bytesPerSecond: number } | { readonly commandsPerSecond: number };

/** Level of service of one VM on one LUN. What is left out keeps its value, or takes the default. */
export interface EntrySettings {
  /** 0 or more; the entitlement is shares ÷ shares of the VMs that are active. 0: served only while nobody else waits. [0086] @default 1000 */
  shares?: number;
  /** 0 to 10, whole; matters where bandwidth is short. [0105] [0109] [0111] @default 5 */
  priority?: number;
  /** Least bandwidth, met before shares; null: none. [0106] @default null */
  guarantee?: Rate | null;
  /** Most bandwidth; null: none. 001.c2–c3 @default null */
  limit?: Rate | null;
  /** Sequential commands in a row; null: as many as the policy's own quantum. [0090] @default null */
  quantum?: number | null;
  /** While it is active the others keep fewer commands outstanding, so that its own find short queues. @default false */
  latencyCritical?: boolean;
}

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
 * While a command is queued its `next` link and its `units` belong to the policy.
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
   * `paths` may be kept until the next call; its counters go on being true.
   */
  pathsChanged(paths: readonly Path[], capacity: number, nowMs: number): void;
  /** Hands over everything queued, oldest first per VM, and is empty afterwards: a successor takes it. */
  drain(visit: (command: Command) => void): void;
  /**
   * Changes the options that are named, from the next decision on; throws OptionError and changes nothing where one is
   * wrong. Absent: this policy has none. [0092]
   */
  configure?(options: object): void;
}
