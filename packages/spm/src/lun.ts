import type {
  AdmissionPolicy,
  Clock,
  EventSink,
  LoadDistributionStrategy,
  LunDescription,
  Outcome,
  Timer,
} from "@fairlead/core";
import { PathTeam, type PathTeamOptions } from "@fairlead/multipath";
import type { DiskCommand } from "./disk-command.js";
import type { LunStatus, PathStatus } from "./types.js";

export interface LunParts {
  description: LunDescription;
  canonicalName: string;
  clock: Clock;
  strategy: LoadDistributionStrategy;
  admission: AdmissionPolicy;
  queueDepth: number;
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
  readonly admission: AdmissionPolicy;
  readonly #clock: Clock;
  readonly #queueDepth: number;
  #wake: Timer | undefined;
  #wakeAtMs = Number.POSITIVE_INFINITY;

  constructor(parts: LunParts, options: PathTeamOptions) {
    this.description = parts.description;
    this.canonicalName = parts.canonicalName;
    this.admission = parts.admission;
    this.#clock = parts.clock;
    this.#queueDepth = parts.queueDepth;
    this.team = new PathTeam(
      {
        name: parts.description.id,
        clock: parts.clock,
        strategy: parts.strategy,
        onEvent: parts.onEvent,
        onCompleted: (command, outcome) => this.#completed(command as DiskCommand, outcome),
        onChanged: () => this.#changed(),
        onPathsChanged: () => this.#pathsChanged(),
      },
      options,
    );
  }

  /** Nothing is on its way to the target, and nothing may still be. */
  get settled(): boolean {
    return this.team.outstandingCommands === 0 && !this.team.doubtful;
  }

  get busy(): boolean {
    return this.admission.queuedCommands + this.team.outstandingCommands + this.team.heldCommands > 0;
  }

  enqueue(command: DiskCommand): void {
    if (this.team.givenUp) {
      command.ended(command, "no-path");
      return;
    }
    const nowMs = this.#clock.now();
    command.enqueuedAtMs = nowMs;
    this.admission.enqueue(command, nowMs);
    this.#drain(nowMs);
  }

  /** Ends the command as `cancelled` where it has not been sent; otherwise it goes on. */
  cancel(command: DiskCommand): void {
    if (this.admission.cancel(command)) command.ended(command, "cancelled");
    else this.team.cancel(command);
  }

  status(): LunStatus {
    return {
      ...this.description,
      canonicalName: this.canonicalName,
      masked: this.masked,
      strategy: this.team.strategyName,
      admissionPolicy: this.admission.name,
      paths: this.paths(),
      queuedCommands: this.admission.queuedCommands,
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
    this.#wake?.cancel();
    this.team.close();
    this.#changed();
  }

  #drain(nowMs: number): void {
    while (this.team.ready && this.team.outstandingCommands < this.#queueDepth) {
      const command = this.admission.next(nowMs);
      if (command === undefined) {
        if (this.admission.queuedCommands > 0) this.#wakeAt(this.admission.nextAt(nowMs), nowMs);
        return;
      }
      if (!this.team.submit(command)) {
        this.admission.requeue(command, nowMs);
        return;
      }
    }
  }

  #wakeAt(atMs: number, nowMs: number): void {
    if (atMs === Number.POSITIVE_INFINITY || atMs === this.#wakeAtMs) return;
    this.#wake?.cancel();
    this.#wakeAtMs = atMs;
    this.#wake = this.#clock.schedule(
      () => {
        this.#wakeAtMs = Number.POSITIVE_INFINITY;
        this.#drain(this.#clock.now());
      },
      Math.max(0, atMs - nowMs),
    );
  }

  #completed(command: DiskCommand, outcome: Outcome): void {
    this.admission.completed(command, this.#clock.now());
    command.ended(command, outcome);
  }

  #pathsChanged(): void {
    const { members, usablePaths } = this.team;
    this.admission.pathsChanged(
      usablePaths,
      members.length === 0 ? 0 : usablePaths.length / members.length,
      this.#clock.now(),
    );
  }

  #changed(): void {
    if (this.team.givenUp)
      this.admission.drain((command) => (command as DiskCommand).ended(command as DiskCommand, "no-path"));
    this.#drain(this.#clock.now());
  }
}
