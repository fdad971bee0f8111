import {
  type DiscoveredPath,
  type EntrySettings,
  FairleadError,
  type LunDescription,
  type VmId,
} from "@fairlead/core";
import type { PathTeamOptions } from "@fairlead/multipath";
import { Lun } from "./lun.js";
import { Policies, type Scope } from "./policies.js";
import type {
  CreateAdmissionPolicy,
  CreateStrategies,
  PathStatus,
  RescanReport,
  StoragePathManagerParts,
} from "./types.js";

export interface LunsOptions extends Required<Pick<PathTeamOptions, "noPathQueueMs" | "quiesceMs">> {
  queueDepth: number;
  mask: readonly string[];
  hbaShares: Readonly<Record<string, number>>;
  /** A LUN found before may have writes of a predecessor on their way to it. */
  recoveringUntilMs: number;
}

/** The LUNs that are known, by id; paths with one LUN id are one LUN, whatever their numbers. [0084] */
export class Luns {
  readonly #parts: StoragePathManagerParts;
  readonly #options: LunsOptions;
  readonly #byId = new Map<string, Lun>();
  readonly #mask: Set<string>;
  readonly #policies: Policies;
  #recoveringUntilMs: number;
  #queueDepth: number;

  constructor(parts: StoragePathManagerParts, options: LunsOptions) {
    this.#parts = parts;
    this.#options = options;
    this.#policies = new Policies(parts.createStrategies, parts.createAdmissionPolicy, parts.onEvent);
    this.#mask = new Set(options.mask);
    this.#recoveringUntilMs = options.recoveringUntilMs;
    this.#queueDepth = options.queueDepth;
  }

  /** No session of a predecessor is left. */
  predecessorFenced(): void {
    this.#recoveringUntilMs = Number.NEGATIVE_INFINITY;
    for (const lun of this.#byId.values()) lun.team.predecessorFenced();
  }

  /** No write can be on its way to any of them. */
  get settled(): boolean {
    return this.#parts.clock.now() >= this.#recoveringUntilMs && this.all().every((lun) => lun.settled);
  }

  all(): Lun[] {
    return [...this.#byId.values()];
  }

  /** By its id, another of its names, or the name of a path to it. */
  find(name: string): Lun | undefined {
    return this.#byId.get(name) ?? this.all().find((lun) => namesOf(lun).includes(name));
  }

  setPathEnabled(name: string, enabled: boolean): void {
    for (const lun of this.#byId.values()) {
      const member = lun.team.members.find(({ id }) => id === name);
      if (member === undefined) continue;
      lun.team.setEnabled(member, enabled);
      this.#event(enabled ? "path-enabled" : "path-disabled", "info", name, "an administrator's word");
      return;
    }
    throw new FairleadError("PATH_UNKNOWN", `there is no path ${name}; known are ${this.#pathNames()}`);
  }

  paths(): PathStatus[] {
    return this.all().flatMap((lun) => lun.paths());
  }

  setMasked(name: string, masked: boolean): void {
    const lun = this.#get(name);
    if (masked) this.#mask.add(lun.description.id);
    else for (const own of namesOf(lun)) this.#mask.delete(own);
    this.#applyMask(lun);
  }

  /** A level of service that was given before its LUN was found. */
  setKeptEntry(lun: Lun, vm: VmId, entry: EntrySettings): void {
    try {
      lun.setEntry(vm, entry);
    } catch (error) {
      const { code, message } = failure(error);
      const reason = `${code}: level of service of VM ${vm}: ${message}`;
      this.#event("entry-refused", "error", lun.description.id, reason);
    }
  }

  setStrategies(create: CreateStrategies, name?: string): void {
    this.#policies.setStrategies(create, this.#scope(name));
  }

  setAdmissionPolicy(create: CreateAdmissionPolicy, name?: string): void {
    this.#policies.setAdmission(create, this.#scope(name));
  }

  setQueueDepth(commands: number, name?: string): void {
    const { luns, all } = this.#scope(name);
    for (const lun of luns) lun.setQueueDepth(commands);
    if (all) this.#queueDepth = commands;
  }

  configureAdmission(options: object, name?: string): void {
    this.#policies.configureAdmission(options, this.#scope(name));
  }

  /** Takes in what a scan found; says what is new. */
  merge(found: readonly DiscoveredPath[], onGrown: (lun: Lun) => void): RescanReport {
    const problems = new Map<string, RescanReport["problems"][number]>();
    const addedPaths: string[] = [];
    const addedLuns: string[] = [];
    const grownLuns: string[] = [];
    for (const path of found) {
      const { id } = path.lun;
      if (problems.has(id)) continue;
      const known = this.#byId.get(id);
      const lun = known ?? this.#add(path, (problem) => problems.set(id, { where: id, ...problem }));
      if (lun === undefined) continue;
      if (known === undefined) addedLuns.push(lun.description.id);
      else if (path.lun.capacityBytes > lun.description.capacityBytes) {
        this.#grow(lun, path.lun);
        grownLuns.push(lun.description.id);
        onGrown(lun);
      }
      if (this.#join(lun, path)) addedPaths.push(path.adapter.id);
    }
    for (const lun of this.#byId.values()) this.#applyMask(lun);
    return { addedPaths, addedLuns, grownLuns, problems: [...problems.values()] };
  }

  /** Every one, though a policy throws; that is thrown then. */
  close(): void {
    const failures: unknown[] = [];
    for (const lun of this.#byId.values()) {
      try {
        lun.close();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  }

  #get(name: string): Lun {
    const lun = this.find(name);
    if (lun !== undefined) return lun;
    const known = this.all().map(({ description }) => description.id);
    throw new FairleadError(
      "LUN_UNKNOWN",
      `there is no LUN ${name}; known are ${known.join(", ") || "none"}`,
    );
  }

  #scope(name: string | undefined): Scope {
    return name === undefined ? { luns: this.all(), all: true } : { luns: [this.#get(name)], all: false };
  }

  /** A policy that can't be made is the problem of its own LUN. */
  #add(
    path: DiscoveredPath,
    onProblem: (problem: { code: string; message: string }) => void,
  ): Lun | undefined {
    try {
      return this.#made(path);
    } catch (error) {
      const { code, message } = failure(error);
      onProblem({ code, message });
      return undefined;
    }
  }

  #made(path: DiscoveredPath): Lun {
    const { id } = path.lun;
    const context = { team: id, ordinal: this.#byId.size };
    const { stopwatchMs } = this.#parts;
    const lun = new Lun(
      {
        description: path.lun,
        canonicalName: path.adapter.id,
        clock: this.#parts.clock,
        context,
        strategies: this.#policies.strategies(context),
        admission: this.#policies.admission,
        ...(stopwatchMs && { stopwatchMs }),
        queueDepth: this.#queueDepth,
        onEvent: this.#parts.onEvent,
      },
      { noPathQueueMs: this.#options.noPathQueueMs, quiesceMs: this.#options.quiesceMs },
    );
    this.#byId.set(id, lun);
    if (this.#parts.clock.now() < this.#recoveringUntilMs) lun.team.inheritDoubt();
    this.#event("lun-found", "info", id, `first seen as ${path.adapter.id}`);
    return lun;
  }

  /** False where the path is known already, or must not join because what it leads to is not this LUN. */
  #join(lun: Lun, path: DiscoveredPath): boolean {
    const { adapter } = path;
    if (lun.team.members.some((member) => member.adapter === adapter)) return false;
    const { capacityBytes, blockSizeBytes } = lun.description;
    if (path.lun.capacityBytes !== capacityBytes || path.lun.blockSizeBytes !== blockSizeBytes) {
      const reason = `it reports ${path.lun.capacityBytes} bytes in blocks of ${path.lun.blockSizeBytes}, but ${lun.description.id} has ${capacityBytes} in blocks of ${blockSizeBytes}`;
      this.#event("path-refused", "error", adapter.id, reason);
      return false;
    }
    this.#leave(adapter.id);
    lun.team.add(adapter, this.#options.hbaShares[adapter.id.slice(0, adapter.id.indexOf(":"))]);
    this.#event("path-found", "info", adapter.id, `leads to ${lun.description.id}`);
    return true;
  }

  /** The name stands for another adapter now: what was behind it before is gone. */
  #leave(name: string): void {
    for (const lun of this.#byId.values()) {
      const member = lun.team.members.find(({ id }) => id === name);
      if (member !== undefined) lun.team.remove(member);
    }
  }

  #grow(lun: Lun, description: LunDescription): void {
    const reason = `from ${lun.description.capacityBytes} to ${description.capacityBytes} bytes`;
    lun.description = description;
    this.#event("lun-grown", "info", description.id, reason);
  }

  #applyMask(lun: Lun): void {
    const masked = namesOf(lun).some((name) => this.#mask.has(name));
    if (masked === lun.masked) return;
    lun.masked = masked;
    this.#event(
      masked ? "lun-masked" : "lun-unmasked",
      "info",
      lun.description.id,
      "the mask names it or no longer does",
    );
  }

  #pathNames(): string {
    return (
      this.paths()
        .map(({ name }) => name)
        .join(", ") || "none"
    );
  }

  #event(kind: string, severity: "info" | "error", subject: string, reason: string): void {
    this.#parts.onEvent({ kind, severity, subject, reason });
  }
}

/** Of somebody's policy. */
function failure(error: unknown): FairleadError {
  return error instanceof FairleadError ? error : new FairleadError("POLICY_FAILED", String(error));
}

function namesOf(lun: Lun): string[] {
  return [...lun.description.ids, lun.canonicalName, ...lun.team.members.map(({ id }) => id)];
}
