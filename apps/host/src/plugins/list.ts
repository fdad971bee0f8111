import { CONTRACT_VERSION } from "@fairlead/core";
import type { LunStatus } from "@fairlead/spm";
import type { PolicyEntry } from "../config/policy-schema.js";
import type { BuiltIns } from "./built-in.js";
import { entryName, type PolicyChoice } from "./choose.js";
import type { PolicyKind } from "./policy.js";

/** One plugin, as `fairlead plugins list` shows it. */
export interface PluginView {
  readonly name: string;
  readonly kind: PolicyKind;
  /** `built-in`, `package …` or `file …` */
  readonly from: string;
  /** Absent where it could not be loaded. */
  readonly contract?: number;
  /** The LUNs whose list it stands in: `all`, or the name of one; absent where it stands in none. */
  readonly scope?: string;
  /** `replaced`: after faults, on at least one LUN, another one stands in for it. */
  readonly state: "available" | "used" | "fall-back" | "refused" | "replaced";
  /** Why it was refused, or what stands in for it where. */
  readonly reason: string;
}

/** A list of policies and the LUNs that it is for. */
export interface ScopedList {
  readonly kind: PolicyKind;
  readonly scope: string;
  readonly list: { readonly entries: readonly PolicyEntry[]; readonly choice: PolicyChoice<PolicyKind> };
}

/** What stands in the lists, then the built-in policies that stand in none. */
export function listPlugins(
  builtIns: BuiltIns,
  luns: readonly LunStatus[],
  lists: readonly ScopedList[],
): PluginView[] {
  const own = new Set(lists.map(({ kind, scope }) => `${kind} ${scope}`));
  const listed = lists.flatMap((list) => {
    const those = luns.filter(({ id, ids, paths }) => {
      if (list.scope !== "all")
        return ids.includes(list.scope) || paths.some(({ name }) => name === list.scope);
      return !own.has(`${list.kind} ${id}`);
    });
    return viewsOf(list, those);
  });
  const named = new Set(listed.map(({ name, kind, from }) => `${kind} ${from} ${name}`));
  const rest = [...builtIns.strategy, ...builtIns["admission-policy"]]
    .filter(({ name, kind }) => !named.has(`${kind} built-in ${name}`))
    .map(({ name, kind }): PluginView => {
      return { name, kind, from: "built-in", contract: CONTRACT_VERSION, state: "available", reason: "" };
    });
  return [...listed, ...rest];
}

function viewsOf({ kind, scope, list }: ScopedList, luns: readonly LunStatus[]): PluginView[] {
  const { usable, skipped } = list.choice;
  const views = usable.map((policy, rank): PluginView & { index: number } => {
    const { name, from, contract, index } = policy;
    const reason = kind === "strategy" ? replacedOn(rank, luns) : succeededOn(rank, usable, luns);
    const state = reason !== "" ? "replaced" : rank === 0 ? "used" : "fall-back";
    return { name, kind, from, contract, scope, state, reason, index };
  });
  const refused = skipped.map(({ index, code, reason }): PluginView & { index: number } => {
    const entry = list.entries[index] ?? {};
    const name = entryName(entry);
    const from = entry.name !== undefined ? "built-in" : entry.file !== undefined ? "file" : "package";
    return { name, kind, from, scope, state: "refused", reason: `${code}: ${reason}`, index };
  });
  return [...views, ...refused]
    .toSorted((one, other) => one.index - other.index)
    .map(({ index: _index, ...view }) => view);
}

/** The LUNs on which the one of that rank was used and had to leave; empty: none. */
function replacedOn(rank: number, luns: readonly LunStatus[]): string {
  return luns
    .filter(({ strategy, strategies }) => {
      const current = strategies.indexOf(strategy);
      return current === -1 || current > rank;
    })
    .map(({ id, strategy, strategyFaults }) => `${strategy} on ${id} after ${strategyFaults} faults`)
    .join("; ");
}

/** The same of admission policies; the LUN tells the one in use only. */
function succeededOn(rank: number, usable: readonly { name: string }[], luns: readonly LunStatus[]): string {
  const ranks = new Map(usable.map(({ name }, place) => [name, place]));
  return luns
    .filter(({ admissionPolicy }) => (ranks.get(admissionPolicy) ?? Infinity) > rank)
    .map(({ id, admissionPolicy }) => `${admissionPolicy} on ${id} after a fault`)
    .join("; ");
}
