import type { AdmissionPolicy, Command, EntrySettings, EventSink, Path, VmId } from "@fairlead/core";
import { describedError } from "@fairlead/multipath";
import { merged } from "./entry-settings.js";
import { firstCome } from "./first-come.js";

interface HeritageParts {
  /** Names the LUN in events. */
  readonly team: string;
  successor(): AdmissionPolicy;
  readonly onEvent: EventSink;
}

/** What a policy was told, for the one that takes its place. */
export class Heritage {
  readonly #parts: HeritageParts;
  readonly #levels = new Map<VmId, EntrySettings>();
  #paths: readonly Path[] | undefined;
  #capacity = 1;
  /** When the policy was told a time last: some of its methods are told none. */
  nowMs = 0;

  constructor(parts: HeritageParts) {
    this.#parts = parts;
  }

  setLevel(vm: VmId, change: EntrySettings): void {
    this.#levels.set(vm, merged(this.#levels.get(vm), change));
  }

  removeLevel(vm: VmId): void {
    this.#levels.delete(vm);
  }

  setPaths(paths: readonly Path[], capacity: number): void {
    this.#paths = paths;
    this.#capacity = capacity;
  }

  /** Commands are on their way over the usable paths, possibly from an earlier policy. */
  get pending(): boolean {
    for (const path of this.#paths ?? []) if (path.pendingCommands > 0) return true;
    return false;
  }

  /** Makes the successor and tells it everything; `commands` are what is queued, oldest first. */
  handOver(commands: readonly Command[]): { successor: AdmissionPolicy; hitch: string } {
    const { successor, hitch } = this.#make();
    for (const [vm, settings] of this.#levels) this.#tellLevel(successor, vm, settings);
    if (this.#paths !== undefined) successor.pathsChanged(this.#paths, this.#capacity, this.nowMs);
    for (const command of commands) successor.enqueue(command, this.nowMs);
    return { successor, hitch };
  }

  #make(): { successor: AdmissionPolicy; hitch: string } {
    try {
      return { successor: this.#parts.successor(), hitch: "" };
    } catch (error) {
      const hitch = `, since its successor could not be made: ${describedError(error)}`;
      return { successor: firstCome(), hitch };
    }
  }

  #tellLevel(successor: AdmissionPolicy, vm: VmId, settings: EntrySettings): void {
    try {
      successor.setEntry(vm, settings, this.nowMs);
    } catch (error) {
      const { team, onEvent } = this.#parts;
      const reason = `${successor.name} refuses the level of service of VM ${vm}: ${describedError(error)}`;
      onEvent({ kind: "entry-refused", severity: "error", subject: team, reason, inputs: { vm } });
    }
  }
}
