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
import { type Served, whoseLevel } from "./refused-level.js";
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

/** What `luns.scheduler` says at the moment: the built-in scheduler is made from it. */
interface Current {
  scheduler: SchedulerConfig;
}

interface PoliciesParts {
  readonly current: Current;
  readonly source: PolicySource;
  readonly strategies: PolicyList<"strategy">;
  readonly admission: PolicyList<"admission-policy">;
  readonly byName: ReadonlyMap<string, PolicyList<"strategy">>;
  readonly onEvent: EventSink;
}

/** Which policies the LUNs have: those of the config, and what an administrator puts in their place. [0113] [0115] */
export class Policies {
  readonly #current: Current;
  readonly #source: PolicySource;
  readonly #onEvent: EventSink;
  #strategies: PolicyList<"strategy">;
  #admission: PolicyList<"admission-policy">;
  /** By the LUN's id, once it is known. */
  readonly #strategiesOf = new Map<string, PolicyList<"strategy">>();
  readonly #admissionOf = new Map<string, PolicyList<"admission-policy">>();
  /** By the name under which the config has the LUN, until that one is found. */
  readonly #awaited: Map<string, PolicyList<"strategy">>;
  /** One change after the other, in the order in which they were asked for. */
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(parts: PoliciesParts) {
    this.#current = parts.current;
    this.#source = parts.source;
    this.#onEvent = parts.onEvent;
    this.#strategies = parts.strategies;
    this.#admission = parts.admission;
    this.#awaited = new Map(parts.byName);
  }

  /** Errors: `POLICY_NONE_USABLE`. */
  static async load(luns: LunsConfig, directory: string, onEvent: EventSink): Promise<Policies> {
    const current: Current = { scheduler: luns.scheduler };
    const source: PolicySource = { builtIns: builtIns(() => current.scheduler), directory };
    const strategies = await choose("strategy", luns.strategy, source, onEvent);
    const admission = await choose("admission-policy", luns.admission, source, onEvent);
    const byName = new Map<string, PolicyList<"strategy">>();
    for (const [lun, { strategy }] of Object.entries(luns.byName)) {
      byName.set(lun, await choose("strategy", strategy, source, onEvent));
    }
    return new Policies({ current, source, strategies, admission, byName, onEvent });
  }

  /** What one unit of consumption stands for where a LUN has no scheduler of its own, bytes. */
  get unitBytes(): number | undefined {
    return this.#current.scheduler.unit;
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
    const list = await this.#chooseInTurn("strategy", entries);
    spm.setStrategies((context) => this.#createAll(list.choice, context), lun);
    if (lun === undefined) {
      this.#strategies = list;
      this.#strategiesOf.clear();
      this.#awaited.clear();
    } else this.#strategiesOf.set(lun, list);
    return this.#report("strategy", list, lun);
  }

  /**
   * Of one LUN, by its id, or of all. Errors: `POLICY_NONE_USABLE`, `OPTION_INVALID` where it refuses a VM's level of
   * service, and then nothing has changed. [0093]
   */
  async setAdmission(served: Served, entries: readonly PolicyEntry[], lun?: string): Promise<PolicyChange> {
    const list = await this.#chooseInTurn("admission-policy", entries);
    const create = (context: TeamContext) => this.#createFirst(list.choice, context);
    try {
      served.spm.setAdmissionPolicy(create, lun);
    } catch (error) {
      throw whoseLevel(error, create, served, lun);
    }
    if (lun === undefined) {
      this.#admission = list;
      this.#admissionOf.clear();
    } else this.#admissionOf.set(lun, list);
    return this.#report("admission-policy", list, lun);
  }

  /** Errors: `OPTION_INVALID`, `ADMISSION_NOT_CONFIGURABLE`, and then nothing has changed. [0092] */
  configureScheduler(spm: StoragePathManager, words: SchedulerWords, lun?: string): void {
    const { queueDepth, ...policyWords } = words;
    if (Object.keys(policyWords).length > 0) spm.configureAdmission(schedulerOptions(policyWords), lun);
    if (queueDepth !== undefined) spm.setQueueDepth(queueDepth, lun);
    if (lun === undefined) {
      const { scheduler } = this.#current;
      this.#current.scheduler = {
        ...scheduler,
        ...policyWords,
        queueDepth: queueDepth ?? scheduler.queueDepth,
        factors: { ...scheduler.factors, ...words.factors },
      };
    }
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

  #chooseInTurn<Kind extends PolicyKind>(
    kind: Kind,
    entries: readonly PolicyEntry[],
  ): Promise<PolicyList<Kind>> {
    const list = this.#turn.then(() => choose(kind, entries, this.#source, this.#onEvent));
    this.#turn = list.catch(() => undefined); // Whoever asked is told; the next one comes all the same.
    return list;
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
    return createScheduler(this.#current.scheduler);
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

/** Errors: `POLICY_NONE_USABLE`. */
async function choose<Kind extends PolicyKind>(
  kind: Kind,
  entries: readonly PolicyEntry[],
  source: PolicySource,
  onEvent: EventSink,
): Promise<PolicyList<Kind>> {
  const choice = await choosePolicies(kind, entries, source);
  if (choice.usable.length === 0) {
    const reasons = choice.skipped.map(({ reason }) => reason).join("; ");
    const message = `no ${WORDS[kind]} of the list can be used: ${reasons}`;
    throw new FairleadError("POLICY_NONE_USABLE", message);
  }
  for (const { name, code, reason } of choice.skipped) {
    onEvent({ kind: SKIPPED[kind], severity: "warning", subject: name, reason: `${code}: ${reason}` });
  }
  return { entries, choice };
}
