import type {
  AdmissionPolicy,
  Clock,
  EntrySettings,
  EntryStatus,
  EventSink,
  LoadDistributionStrategy,
  LunDescription,
  Outcome,
  TeamContext,
  VmId,
} from "@fairlead/core";
import { PathTeam, type PathTeamOptions } from "@fairlead/multipath";
import { type AdmissionRecipe, configure, extended, makeAdmission, settingsOf } from "./admission.js";
import { capacityOf } from "./capacity.js";
import type { DiskCommand } from "./disk-command.js";
import { merged } from "./entry-settings.js";
import { GuardedAdmission } from "./guarded-admission.js";
import type { LunStatus, PathStatus } from "./types.js";
import { Wake } from "./wake.js";

const PRIORITY_DEFAULT = 5;

export interface LunParts {
  description: LunDescription;
  canonicalName: string;
  clock: Clock;
  context: TeamContext;
  strategies: readonly LoadDistributionStrategy[];
  admission: AdmissionRecipe;
  queueDepth: number;
  stopwatchMs?: () => number;
  onEvent: EventSink;
}

/**
 * One LUN: the queue in front of it and the paths behind. Figure 7: `enqueue` is step 810's question, `#drain`
 * asks it again (step 826) after each command, each completion and each change of paths.
 */
export class Lun {
  description: LunDescription;
  readonly canonicalName: string;
  masked = false;
  readonly team: PathTeam;
  readonly context: TeamContext;
  #admission: AdmissionPolicy;
  #recipe: AdmissionRecipe;
  /** The policy that the recipe's options are for; where it failed, its successor has others. */
  #optionsOf: string;
  readonly #clock: Clock;
  #queueDepth: number;
  /** Commands that may be outstanding: it follows the usable paths. */
  #room = 1;
  readonly #wake: Wake;
  /** Level of service of each VM that has one. */
  readonly #settings = new Map<VmId, EntrySettings>();
  /** By VM, dense: at least as long as the highest VM that was met. */
  readonly #priorities: number[] = [];

  constructor(parts: LunParts, options: PathTeamOptions) {
    this.description = parts.description;
    this.canonicalName = parts.canonicalName;
    this.context = parts.context;
    this.#recipe = parts.admission;
    this.#admission = makeAdmission(parts.admission, parts.context);
    this.#optionsOf = this.#admission.name;
    this.#clock = parts.clock;
    this.#wake = new Wake(parts.clock, () => this.#drain(this.#clock.now()));
    this.#queueDepth = parts.queueDepth;
    this.team = new PathTeam(
      {
        name: parts.description.id,
        clock: parts.clock,
        strategies: parts.strategies,
        ...(parts.stopwatchMs && { stopwatchMs: parts.stopwatchMs }),
        onEvent: parts.onEvent,
        onCompleted: (command, outcome) => this.#completed(command as DiskCommand, outcome),
        onChanged: () => this.#changed(),
        onPathsChanged: () => this.#pathsChanged(),
      },
      options,
    );
  }

  get admission(): AdmissionPolicy {
    return this.#admission;
  }

  /** Nothing is on its way to the target, and nothing may still be. */
  get settled(): boolean {
    return this.team.outstandingCommands === 0 && !this.team.doubtful;
  }

  get busy(): boolean {
    return this.#admission.queuedCommands + this.team.outstandingCommands + this.team.heldCommands > 0;
  }

  enqueue(command: DiskCommand): void {
    if (this.team.givenUp) {
      command.ended(command, "no-path");
      return;
    }
    const nowMs = this.#clock.now();
    command.enqueuedAtMs = nowMs;
    if (command.vm >= this.#priorities.length) this.#meet(command.vm);
    command.priority = this.#priorities[command.vm]!;
    this.#admission.enqueue(command, nowMs);
    this.#drain(nowMs);
  }

  /** Ends the command as `cancelled` where it has not been sent; otherwise it goes on. */
  cancel(command: DiskCommand): void {
    if (this.#admission.cancel(command)) command.ended(command, "cancelled");
    else this.team.cancel(command);
    this.#drain(this.#clock.now()); // A guarded policy may have failed at this, and others may go with its successor.
  }

  entry(vm: VmId): EntryStatus | undefined {
    const status = this.#admission.entry(vm);
    this.#drain(this.#clock.now()); // As in `cancel`.
    return status;
  }

  /** What is left out stays as it is. Throws the policy's OptionError, and then nothing has changed. */
  setEntry(vm: VmId, change: EntrySettings): void {
    const settings = merged(this.#settings.get(vm), change);
    const nowMs = this.#clock.now();
    this.#admission.setEntry(vm, merged(undefined, change), nowMs);
    this.#settings.set(vm, settings);
    this.#meet(vm);
    this.#priorities[vm] = settings.priority ?? PRIORITY_DEFAULT;
    this.team.setVm(vm, settings);
    this.#drain(nowMs);
  }

  /** An admission policy that could take over. Throws the policy's OptionError where it refuses a VM's settings. */
  successor(recipe: AdmissionRecipe): AdmissionPolicy {
    const policy = makeAdmission(recipe, this.context);
    for (const [vm, settings] of this.#settings) policy.setEntry(vm, settings, this.#clock.now());
    return policy;
  }

  /**
   * One like its own, with the same entries, those that have the defaults included: what it refuses its own refuses.
   * Without a guard: where it fails at a change, its own is not changed.
   */
  twin(): AdmissionPolicy {
    const { create, options } = this.#recipeInUse;
    const policy = GuardedAdmission.trial(create(this.context), this.#admission);
    if (Object.keys(options).length > 0) configure(policy, options, this.context);
    for (let vm = 0; vm < this.#priorities.length; vm++) {
      const status = this.#admission.entry(vm);
      if (status !== undefined) policy.setEntry(vm, settingsOf(status), this.#clock.now());
    }
    return policy;
  }

  /** It takes everything that is queued; what is outstanding or held completes at it. D9 */
  setAdmission(successor: AdmissionPolicy, recipe: AdmissionRecipe): void {
    const nowMs = this.#clock.now();
    const before = this.#admission;
    this.#admission = successor;
    this.#recipe = recipe;
    this.#optionsOf = successor.name;
    this.#pathsChanged();
    before.drain((command) => successor.enqueue(command, nowMs));
    this.#drain(nowMs);
  }

  setQueueDepth(commands: number): void {
    this.#queueDepth = commands;
    this.#pathsChanged();
    this.#drain(this.#clock.now());
  }

  /** Throws what the policy throws, though its twin took the options. */
  configure(options: object): void {
    try {
      configure(this.#admission, options, this.context);
      this.#recipe = extended(this.#recipeInUse, options);
      this.#optionsOf = this.#admission.name;
    } finally {
      this.#drain(this.#clock.now());
    }
  }

  status(): LunStatus {
    return {
      ...this.description,
      canonicalName: this.canonicalName,
      masked: this.masked,
      strategy: this.team.strategyName,
      strategies: this.team.strategyNames,
      strategyFaults: this.team.strategyFaults,
      admissionPolicy: this.#admission.name,
      paths: this.paths(),
      queueDepth: this.#queueDepth,
      queuedCommands: this.#admission.queuedCommands,
      outstandingCommands: this.team.outstandingCommands,
      heldCommands: this.team.heldCommands,
      doubtfulWrites: this.team.doubtfulWrites,
    };
  }

  paths(): PathStatus[] {
    return this.team.members.map((member) => ({
      name: member.id,
      lunId: this.description.id,
      state: member.state,
      reason: member.reason,
      components: member.adapter.components,
      pendingCommands: member.pendingCommands,
      pendingBytes: member.pendingBytes,
      completedCommands: member.completedCommands,
      completedBytes: member.completedBytes,
      busyMs: member.busyMs,
    }));
  }

  /** What waits fails; what is with a path ends with its HBA. */
  close(): void {
    try {
      this.team.close();
      this.#changed();
    } finally {
      this.#wake.cancel();
    }
  }

  get #recipeInUse(): AdmissionRecipe {
    return this.#admission.name === this.#optionsOf ? this.#recipe : { ...this.#recipe, options: {} };
  }

  #drain(nowMs: number): void {
    while (this.team.ready && this.team.outstandingCommands < this.#room) {
      const command = this.#admission.next(nowMs);
      if (command === undefined) {
        if (this.#admission.queuedCommands > 0) this.#wake.at(this.#admission.nextAt(nowMs), nowMs);
        return;
      }
      if (!this.team.submit(command)) {
        this.#admission.requeue(command, nowMs);
        return;
      }
    }
  }

  #completed(command: DiskCommand, outcome: Outcome): void {
    this.#admission.completed(command, this.#clock.now());
    command.ended(command, outcome);
  }

  #pathsChanged(): void {
    const { members, usablePaths } = this.team;
    const capacity = capacityOf(members);
    this.#room = Math.max(1, Math.ceil(this.#queueDepth * capacity));
    this.#admission.pathsChanged(usablePaths, capacity, this.#clock.now(), this.#room);
  }

  #meet(vm: VmId): void {
    while (this.#priorities.length <= vm) this.#priorities.push(PRIORITY_DEFAULT);
  }

  #changed(): void {
    if (this.team.givenUp)
      this.#admission.drain((command) => (command as DiskCommand).ended(command as DiskCommand, "no-path"));
    this.#drain(this.#clock.now());
  }
}
