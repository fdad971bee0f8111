import {
  type AdmissionPolicy,
  type EventSink,
  FairleadError,
  type LoadDistributionStrategy,
  type TeamContext,
} from "@fairlead/core";
import type { LunStatus, StoragePathManager } from "@fairlead/spm";
import { roundRobin } from "@fairlead/strategy-round-robin";
import type { LunsConfig, SchedulerConfig } from "./config/lun-schema.js";
import type { PolicyEntry } from "./config/policy-schema.js";
import { builtIns } from "./plugins/built-in.js";
import { choosePolicies, entryName, type PolicyChoice, type PolicySource } from "./plugins/choose.js";
import { listPlugins, type PluginView } from "./plugins/list.js";
import type { Policy, PolicyKind, PolicyOf } from "./plugins/policy.js";
import { createScheduler, type SchedulerWords, schedulerOptions } from "./scheduler.js";

/** A list as it was given, and what came of it. */
export interface PolicyList<Kind extends PolicyKind> {
  readonly entries: readonly PolicyEntry[];
  readonly choice: PolicyChoice<Kind>;
}

/** What a change of policies did. */
export interface PolicyChange {
  /** The one in use, then its fall-backs. */
  readonly used: readonly string[];
  readonly skipped: readonly { readonly name: string; readonly code: string; readonly reason: string }[];
}

const SKIPPED = { strategy: "strategy-skipped", "admission-policy": "admission-skipped" } as const;
const WORDS = { strategy: "strategy", "admission-policy": "admission policy" } as const;

/** Which policies the LUNs have: those of the config, and what an administrator puts in their place. [0113] [0115] */
export class Policies {
  #scheduler: SchedulerConfig;
  readonly #source: PolicySource;
  readonly #onEvent: EventSink;
  #strategies!: PolicyList<"strategy">;
  #admission!: PolicyList<"admission-policy">;
  /** By the LUN's id, once it is known. */
  readonly #strategiesOf = new Map<string, PolicyList<"strategy">>();
  readonly #admissionOf = new Map<string, PolicyList<"admission-policy">>();
  /** One change after the other, in the order in which they were asked for. */
  #turn: Promise<unknown> = Promise.resolve();
  /** By the name under which the config has the LUN, until that one is found. */
  readonly #awaited = new Map<string, PolicyList<"strategy">>();

  private constructor(scheduler: SchedulerConfig, directory: string, onEvent: EventSink) {
    this.#scheduler = scheduler;
    this.#source = { builtIns: builtIns(() => this.#scheduler), directory };
    this.#onEvent = onEvent;
  }

  /** Errors: `POLICY_NONE_USABLE`. */
  static async load(luns: LunsConfig, directory: string, onEvent: EventSink): Promise<Policies> {
    const policies = new Policies(luns.scheduler, directory, onEvent);
    policies.#strategies = await policies.#choose("strategy", luns.strategy);
    policies.#admission = await policies.#choose("admission-policy", luns.admission);
    for (const [lun, { strategy }] of Object.entries(luns.byName)) {
      policies.#awaited.set(lun, await policies.#choose("strategy", strategy));
    }
    return policies;
  }

  /** What one unit of consumption stands for where a LUN has no scheduler of its own, bytes. */
  get unitBytes(): number | undefined {
    return this.#scheduler.unit;
  }

  readonly createStrategies = (context: TeamContext): LoadDistributionStrategy[] => {
    const { choice } = this.#strategiesOf.get(context.team) ?? this.#strategies;
    return this.#createAll(choice, context);
  };

  readonly createAdmissionPolicy = (context: TeamContext): AdmissionPolicy => {
    const { choice } = this.#admissionOf.get(context.team) ?? this.#admission;
    return this.#createFirst(choice, context);
  };

  /** A path came: LUNs that the config names by it, or by any other name, get their own strategies now. */
  lunsChanged(spm: StoragePathManager): void {
    if (this.#awaited.size === 0) return;
    const luns = spm.luns();
    for (const [name, list] of this.#awaited) {
      const lun = luns.find((one) => hasName(one, name));
      if (lun === undefined) continue;
      this.#awaited.delete(name);
      spm.setStrategies((context) => this.#createAll(list.choice, context), lun.id);
      this.#strategiesOf.set(lun.id, list);
    }
  }

  /** Of one LUN, by its id, or of all. Errors: `POLICY_NONE_USABLE`, and then nothing has changed. [0115] */
  async setStrategies(
    spm: StoragePathManager,
    entries: readonly PolicyEntry[],
    lun?: string,
  ): Promise<PolicyChange> {
    const list = await this.#inTurn(() => this.#choose("strategy", entries));
    spm.setStrategies((context) => this.#createAll(list.choice, context), lun);
    if (lun === undefined) {
      this.#strategies = list;
      this.#strategiesOf.clear();
      this.#awaited.clear();
    } else this.#strategiesOf.set(lun, list);
    return this.#report("strategy", list, lun);
  }

  /** Of one LUN, by its id, or of all. Errors: `POLICY_NONE_USABLE`, and then nothing has changed. [0093] */
  async setAdmission(
    spm: StoragePathManager,
    entries: readonly PolicyEntry[],
    lun?: string,
  ): Promise<PolicyChange> {
    const list = await this.#inTurn(() => this.#choose("admission-policy", entries));
    spm.setAdmissionPolicy((context) => this.#createFirst(list.choice, context), lun);
    if (lun === undefined) {
      this.#admission = list;
      this.#admissionOf.clear();
    } else this.#admissionOf.set(lun, list);
    return this.#report("admission-policy", list, lun);
  }

  /** Errors: `OPTION_INVALID`, `ADMISSION_NOT_CONFIGURABLE`, and then nothing has changed. [0092] */
  configureScheduler(spm: StoragePathManager, words: SchedulerWords, lun?: string): void {
    const all = { ...this.#scheduler, ...words, factors: { ...this.#scheduler.factors, ...words.factors } };
    createScheduler(all); // Also where no LUN is known yet.
    spm.configureAdmission(schedulerOptions(words), lun);
    if (lun === undefined) this.#scheduler = all;
    const subject = lun ?? "all LUNs";
    const reason = `${JSON.stringify(words)}, an administrator's word; until the host ends`;
    this.#onEvent({ kind: "scheduler-set", severity: "info", subject, reason });
  }

  /** Built-in policies, then what stands in the lists. */
  plugins(luns: readonly LunStatus[]): PluginView[] {
    const { builtIns } = this.#source;
    const named = [...this.#awaited, ...this.#strategiesOf];
    return listPlugins(builtIns, luns, [
      { kind: "strategy", scope: "all", list: this.#strategies },
      ...named.map(([scope, list]) => ({ kind: "strategy" as const, scope, list })),
      { kind: "admission-policy", scope: "all", list: this.#admission },
      ...[...this.#admissionOf].map(([scope, list]) => ({ kind: "admission-policy" as const, scope, list })),
    ]);
  }

  #inTurn<T>(action: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(action);
    this.#turn = result.catch(() => undefined); // Whoever asked is told; the next one comes all the same.
    return result;
  }

  async #choose<Kind extends PolicyKind>(
    kind: Kind,
    entries: readonly PolicyEntry[],
  ): Promise<PolicyList<Kind>> {
    const choice = await choosePolicies(kind, entries, this.#source);
    if (choice.usable.length === 0) {
      const reasons = choice.skipped.map(({ reason }) => reason).join("; ");
      const message = `no ${WORDS[kind]} of the list can be used: ${reasons}`;
      throw new FairleadError("POLICY_NONE_USABLE", message);
    }
    for (const { name, code, reason } of choice.skipped) {
      this.#onEvent({
        kind: SKIPPED[kind],
        severity: "warning",
        subject: name,
        reason: `${code}: ${reason}`,
      });
    }
    return { entries, choice };
  }

  /** One that made its trial and fails now must not keep a LUN from being served. */
  #createAll({ usable }: PolicyChoice<"strategy">, context: TeamContext): LoadDistributionStrategy[] {
    const made = usable.flatMap((policy) => this.#attempt(policy, context) ?? []);
    return made.length > 0 ? made : [roundRobin()];
  }

  #createFirst({ usable }: PolicyChoice<"admission-policy">, context: TeamContext): AdmissionPolicy {
    for (const policy of usable) {
      const made = this.#attempt(policy, context);
      if (made !== undefined) return made;
    }
    return createScheduler(this.#scheduler);
  }

  #attempt<Kind extends PolicyKind>(policy: Policy<Kind>, context: TeamContext): PolicyOf[Kind] | undefined {
    try {
      return policy.create(context);
    } catch (error) {
      const reason = `for ${context.team}: ${error instanceof Error ? error.message : String(error)}`;
      this.#onEvent({ kind: SKIPPED[policy.kind], severity: "error", subject: policy.name, reason });
      return undefined;
    }
  }

  #report(
    kind: PolicyKind,
    { entries, choice }: PolicyList<PolicyKind>,
    lun: string | undefined,
  ): PolicyChange {
    const used = choice.usable.map(({ index }) => entryName(entries[index] ?? {}));
    this.#onEvent({
      kind: kind === "strategy" ? "strategy-set" : "admission-set",
      severity: "info",
      subject: lun ?? "all LUNs",
      reason: `${used.join(", then ")}, an administrator's word; until the host ends`,
    });
    return { used, skipped: choice.skipped.map(({ name, code, reason }) => ({ name, code, reason })) };
  }
}

/** By its id, another of its names, or the name of a path to it. */
export function hasName({ ids, paths }: LunStatus, name: string): boolean {
  return ids.includes(name) || paths.some((path) => path.name === name);
}
