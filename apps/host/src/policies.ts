import {
  type AdmissionPolicy,
  type EventSink,
  FairleadError,
  type LoadDistributionStrategy,
  type TeamContext,
} from "@fairlead/core";
import { guardedAdmission, type LunStatus, type StoragePathManager } from "@fairlead/spm";
import { roundRobin } from "@fairlead/strategy-round-robin";
import type { LunsConfig, SchedulerConfig } from "./config/lun-schema.js";
import type { PolicyEntry } from "./config/policy-schema.js";
import { builtIns } from "./plugins/built-in.js";
import {
  BUILT_IN,
  choosePolicies,
  entryName,
  type LoadingHook,
  type PolicyChoice,
  type PolicySource,
} from "./plugins/choose.js";
import { listPlugins, type PluginView } from "./plugins/list.js";
import type { Policy, PolicyKind, PolicyOf } from "./plugins/policy.js";
import { thrownText } from "./plugins/thrown.js";
import { type ConfigName, type PolicyList, PolicyLists } from "./policy-lists.js";
import { type Served, whoseLevel } from "./refused-level.js";
import { createScheduler, type SchedulerWords, schedulerOptions } from "./scheduler.js";

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

/** A list for a LUN that the config names and that was not found yet. */
interface Awaited extends ConfigName {
  readonly list: PolicyList<"strategy">;
}

interface PoliciesParts {
  readonly current: Current;
  readonly source: PolicySource;
  readonly strategies: PolicyList<"strategy">;
  readonly admission: PolicyList<"admission-policy">;
  /** In the order of the config. */
  readonly awaited: readonly Awaited[];
  readonly onEvent: EventSink;
}

/** Which policies the LUNs have: those of the config, and what an administrator puts in their place. [0113] [0115] */
export class Policies {
  readonly #current: Current;
  readonly #source: PolicySource;
  readonly #onEvent: EventSink;
  readonly #strategies: PolicyLists<"strategy">;
  readonly #admission: PolicyLists<"admission-policy">;
  #awaited: readonly Awaited[];

  private constructor(parts: PoliciesParts) {
    this.#current = parts.current;
    this.#source = parts.source;
    this.#onEvent = parts.onEvent;
    this.#strategies = new PolicyLists(parts.strategies);
    this.#admission = new PolicyLists(parts.admission);
    this.#awaited = parts.awaited;
  }

  /** Errors: `POLICY_NONE_USABLE`. */
  static async load(
    luns: LunsConfig,
    directory: string,
    onEvent: EventSink,
    hook: LoadingHook = {},
  ): Promise<Policies> {
    const current: Current = { scheduler: luns.scheduler };
    const source: PolicySource = { builtIns: builtIns(() => current.scheduler), directory, ...hook };
    const strategies = await choose("strategy", luns.strategy, source, onEvent);
    const admission = await choose("admission-policy", luns.admission, source, onEvent);
    const awaited: Awaited[] = [];
    for (const [rank, [name, { strategy }]] of Object.entries(luns.byName).entries()) {
      awaited.push({ name, rank, list: await choose("strategy", strategy, source, onEvent) });
    }
    return new Policies({ current, source, strategies, admission, awaited, onEvent });
  }

  /** What one unit of consumption stands for where a LUN has no scheduler of its own, bytes. */
  get unitBytes(): number | undefined {
    return this.#current.scheduler.unit;
  }

  readonly createStrategies = (context: TeamContext): LoadDistributionStrategy[] =>
    this.#createAll(this.#strategies.of(context.team).choice, context);

  readonly createAdmissionPolicy = (context: TeamContext): AdmissionPolicy =>
    this.#createAdmission(this.#admission.of(context.team).choice, context);

  /** A path came: LUNs that the config names by it, or by any other name, get their own strategies now. */
  lunsChanged(spm: StoragePathManager): void {
    if (this.#awaited.length === 0) return;
    const luns = spm.luns();
    for (const awaited of this.#awaited) {
      const lun = luns.find((one) => hasName(one, awaited.name));
      if (lun === undefined) continue;
      this.#awaited = this.#awaited.filter((one) => one !== awaited);
      if (this.#holds(awaited, lun.id)) this.#useByName(spm, awaited, lun.id);
    }
  }

  /**
   * Of one LUN, by its id, or of all; in force as soon as it is loaded, whatever else is still being loaded.
   * Errors: `POLICY_NONE_USABLE`, `POLICY_SUPERSEDED`, and then nothing has changed. [0115]
   */
  async setStrategies(
    spm: StoragePathManager,
    entries: readonly PolicyEntry[],
    lun?: string,
  ): Promise<PolicyChange> {
    const lists = this.#strategies;
    const turn = lists.nextTurn();
    const list = await choose("strategy", entries, this.#source, this.#onEvent);
    lists.check(turn, lun);
    const use = ({ choice }: PolicyList<"strategy">, id?: string) =>
      spm.setStrategies((context) => this.#createAll(choice, context), id);
    use(list, lun);
    if (lun === undefined) this.#awaited = [];
    for (const [id, own] of lists.set(list, turn, lun)) use(own, id);
    return this.#report("strategy", list, lun);
  }

  /**
   * Of one LUN, by its id, or of all; in force as soon as it is loaded, whatever else is still being loaded.
   * Errors: `POLICY_NONE_USABLE`, `POLICY_SUPERSEDED`, `OPTION_INVALID` where it refuses a VM's level of service, and then
   * nothing has changed. [0093]
   */
  async setAdmission(served: Served, entries: readonly PolicyEntry[], lun?: string): Promise<PolicyChange> {
    const lists = this.#admission;
    const turn = lists.nextTurn();
    const list = await choose("admission-policy", entries, this.#source, this.#onEvent);
    lists.check(turn, lun);
    const use = ({ choice }: PolicyList<"admission-policy">, id?: string) => {
      const create = (context: TeamContext) => this.#createAdmission(choice, context);
      try {
        served.spm.setAdmissionPolicy(create, id);
      } catch (error) {
        throw whoseLevel(error, create, served, id);
      }
    };
    use(list, lun);
    for (const [id, own] of lists.set(list, turn, lun)) use(own, id);
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
    const awaited = this.#awaited.map(({ name, list }) => [name, list] as const);
    return listPlugins(builtIns, luns, [
      { kind: "strategy", scope: "all", list: this.#strategies.all },
      ...[...awaited, ...this.#strategies.named()].map(([scope, list]) => {
        return { kind: "strategy" as const, scope, list };
      }),
      { kind: "admission-policy", scope: "all", list: this.#admission.all },
      ...this.#admission.named().map(([scope, list]) => {
        return { kind: "admission-policy" as const, scope, list };
      }),
    ]);
  }

  /** Whether a name in the config still says which strategies its LUN has, now that it was found. */
  #holds({ name, rank }: Awaited, lun: string): boolean {
    if (this.#strategies.setByAdministrator(lun)) {
      const reason = `luns.byName.${name} is passed over: an administrator has set another one`;
      this.#onEvent({ kind: "strategy-kept", severity: "info", subject: lun, reason });
      return false;
    }
    const other = this.#strategies.configName(lun);
    if (other === undefined) return true;
    const holds = rank < other.rank;
    const [first, second] = holds ? [name, other.name] : [other.name, name];
    const reason = `luns.byName has this LUN as ${first} and as ${second}; ${first} holds, which comes first`;
    this.#onEvent({ kind: "lun-named-twice", severity: "warning", subject: lun, reason });
    return holds;
  }

  #useByName(spm: StoragePathManager, { list, name, rank }: Awaited, lun: string): void {
    spm.setStrategies((context) => this.#createAll(list.choice, context), lun);
    this.#strategies.setByName(list, lun, { name, rank });
    const reason = `${usedOf(list).join(", then ")}, as luns.byName.${name} of the config says`;
    this.#onEvent({ kind: "strategy-set", severity: "info", subject: lun, reason });
  }

  /** One that made its trial and fails now must not keep a LUN from being served. */
  #createAll({ usable }: PolicyChoice<"strategy">, context: TeamContext): LoadDistributionStrategy[] {
    const made = usable.flatMap((policy) => this.#attempt(policy, context) ?? []);
    return made.length > 0 ? made : [roundRobin()];
  }

  /** The first from `rank` on that can be made; where a stranger's fails while it runs, the next takes its place. */
  #createAdmission(
    choice: PolicyChoice<"admission-policy">,
    context: TeamContext,
    rank = 0,
  ): AdmissionPolicy {
    for (const [index, policy] of choice.usable.entries()) {
      const made = index < rank ? undefined : this.#attempt(policy, context);
      if (made === undefined) continue;
      if (policy.from === BUILT_IN) return made;
      return guardedAdmission(made, {
        name: policy.name,
        team: context.team,
        successor: () => this.#createAdmission(choice, context, index + 1),
        onEvent: this.#onEvent,
      });
    }
    return createScheduler(this.#current.scheduler);
  }

  #attempt<Kind extends PolicyKind>(policy: Policy<Kind>, context: TeamContext): PolicyOf[Kind] | undefined {
    try {
      return policy.create(context);
    } catch (error) {
      const reason = `for ${context.team}: ${thrownText(error)}`;
      this.#onEvent({ kind: SKIPPED[policy.kind], severity: "error", subject: policy.name, reason });
      return undefined;
    }
  }

  #report(kind: PolicyKind, list: PolicyList<PolicyKind>, lun: string | undefined): PolicyChange {
    const used = usedOf(list);
    const { skipped } = list.choice;
    this.#onEvent({
      kind: kind === "strategy" ? "strategy-set" : "admission-set",
      severity: "info",
      subject: lun ?? "all LUNs",
      reason: `${used.join(", then ")}, an administrator's word; until the host ends`,
    });
    return { used, skipped: skipped.map(({ name, code, reason }) => ({ name, code, reason })) };
  }
}

/** As the list names them. */
function usedOf({ entries, choice }: PolicyList<PolicyKind>): string[] {
  return choice.usable.map(({ index }) => entryName(entries[index] ?? {}));
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
