import type { AdmissionPolicy, Command, EntrySettings, EntryStatus, Path, VmId } from "@fairlead/core";
import { type GuardedAdmissionParts, WatchedPolicy } from "./watched-policy.js";

/**
 * Somebody's admission policy, whose faults must neither lose a command nor stop the host: at the first method that
 * throws, and at the first answer that is wrong, a successor takes its place with the paths, the levels of service and
 * every command that is queued, oldest first. What the policy sees of a command is a copy. [0113]
 */
export function guardedAdmission(policy: AdmissionPolicy, parts: GuardedAdmissionParts): AdmissionPolicy {
  // Its `configure` may be undefined, which AdmissionPolicy says by leaving it out.
  return new GuardedAdmission(policy, parts) as AdmissionPolicy;
}

/** See {@link guardedAdmission}: passes each call on to the policy, watched, or to what has taken its place. */
export class GuardedAdmission implements Omit<AdmissionPolicy, "configure"> {
  readonly #policy: AdmissionPolicy;
  readonly #parts: GuardedAdmissionParts;
  #inUse: AdmissionPolicy | WatchedPolicy;

  constructor(policy: AdmissionPolicy, parts: GuardedAdmissionParts) {
    this.#policy = policy;
    this.#parts = parts;
    this.#inUse = new WatchedPolicy(policy, {
      ...parts,
      successor: () => parts.successor(),
      tookOver: (successor) => {
        this.#inUse = successor;
      },
    });
  }

  /**
   * What a change may be tried on: `fresh`, made like `used`, without its guard; where `used` has been replaced, one like
   * its successor. What it throws is for whoever wanted the change.
   */
  static trial(fresh: AdmissionPolicy, used: AdmissionPolicy): AdmissionPolicy {
    if (!(fresh instanceof GuardedAdmission) || !(used instanceof GuardedAdmission)) return fresh;
    if (used.#inUse instanceof WatchedPolicy) return fresh.#policy;
    return GuardedAdmission.trial(fresh.#parts.successor(), used.#inUse);
  }

  get name(): string {
    return this.#inUse.name;
  }

  get queuedCommands(): number {
    return this.#inUse.queuedCommands;
  }

  get configure(): ((options: object) => void) | undefined {
    return this.#inUse.configure?.bind(this.#inUse);
  }

  enqueue(command: Command, nowMs: number): void {
    this.#inUse.enqueue(command, nowMs);
  }

  next(nowMs: number): Command | undefined {
    return this.#inUse.next(nowMs);
  }

  nextAt(nowMs: number): number {
    return this.#inUse.nextAt(nowMs);
  }

  requeue(command: Command, nowMs: number): void {
    this.#inUse.requeue(command, nowMs);
  }

  completed(command: Command, nowMs: number): void {
    this.#inUse.completed(command, nowMs);
  }

  cancel(command: Command): boolean {
    return this.#inUse.cancel(command);
  }

  setEntry(vm: VmId, settings: EntrySettings, nowMs: number): void {
    this.#inUse.setEntry(vm, settings, nowMs);
  }

  removeEntry(vm: VmId): void {
    this.#inUse.removeEntry(vm);
  }

  entry(vm: VmId): EntryStatus | undefined {
    return this.#inUse.entry(vm);
  }

  pathsChanged(paths: readonly Path[], capacity: number, nowMs: number): void {
    this.#inUse.pathsChanged(paths, capacity, nowMs);
  }

  drain(visit: (command: Command) => void): void {
    this.#inUse.drain(visit);
  }
}
