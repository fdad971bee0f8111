import { resolve } from "node:path";
import { FairleadError, type PolicyPlugin } from "@fairlead/core";
import { suggestion } from "../config/describe.js";
import type { PolicyEntry } from "../config/policy-schema.js";
import type { BuiltIns } from "./built-in.js";
import { refusingExit } from "./exit-guard.js";
import { loadDefault } from "./module.js";
import { checkFileSpecifier } from "./plugin-file.js";
import { resolvePackage } from "./plugin-package.js";
import { asPlugin, type Policy, type PolicyKind, preparePolicy } from "./policy.js";

/** Where the host's own policies are from. */
export const BUILT_IN = "built-in";
/** How long a module may take to load, and a schema to check options. */
const TIMEOUT_MS = 10_000;

export interface PolicySource {
  readonly builtIns: BuiltIns;
  /** Files of plugins are relative to it, and packages are looked for from it. */
  readonly directory: string;
  /** @default 10000 */
  readonly timeoutMs?: number;
  /** Called before a package or a file is loaded; what it throws, instead of it: a FairleadError says why it is skipped. */
  readonly beforeLoading?: (entry: PolicyEntry) => Promise<void>;
}

export type LoadingHook = Pick<PolicySource, "beforeLoading">;

/** An entry of the list that can't be used, and why. */
interface SkippedPolicy {
  readonly index: number;
  /** As the list names it. */
  readonly name: string;
  readonly code: string;
  readonly reason: string;
}

export interface PolicyChoice<Kind extends PolicyKind> {
  /** The first is used, the rest are its fall-backs; `index` is the place in the list. */
  readonly usable: readonly (Policy<Kind> & { readonly index: number })[];
  readonly skipped: readonly SkippedPolicy[];
}

/** Loads every entry of the list, in order. [0113] */
export async function choosePolicies<Kind extends PolicyKind>(
  kind: Kind,
  list: readonly PolicyEntry[],
  source: PolicySource,
): Promise<PolicyChoice<Kind>> {
  const usable: (Policy<Kind> & { index: number })[] = [];
  const skipped: SkippedPolicy[] = [];
  for (const [index, entry] of list.entries()) {
    try {
      usable.push({ ...(await loadPolicy(kind, entry, source)), index });
    } catch (error) {
      if (!(error instanceof FairleadError)) throw error;
      skipped.push({ index, name: entryName(entry), code: error.code, reason: error.message });
    }
  }
  return { usable, skipped };
}

/** As the list names it. */
export function entryName({ name, package: packageName, file }: PolicyEntry): string {
  return name ?? packageName ?? file ?? "";
}

/** Errors: `PLUGIN_NOT_FOUND`, `PLUGIN_SPECIFIER_INVALID`, and those of `loadDefault`, `asPlugin` and `preparePolicy`. */
export async function loadPolicy<Kind extends PolicyKind>(
  kind: Kind,
  entry: PolicyEntry,
  source: PolicySource,
): Promise<Policy<Kind>> {
  const { name: _name, package: _package, file: _file, ...options } = entry;
  const { plugin, from } = await loadPlugin(kind, entry, source);
  const timeoutMs = source.timeoutMs ?? TIMEOUT_MS;
  return refusingExit(() => preparePolicy(plugin, { kind, from, options, timeoutMs }));
}

/** The plugin itself, its options not looked at. Where `kind` is undefined, of either kind. */
export async function loadPlugin(
  kind: PolicyKind | undefined,
  entry: PolicyEntry,
  { builtIns, directory, timeoutMs = TIMEOUT_MS, beforeLoading }: PolicySource,
): Promise<{ plugin: PolicyPlugin<unknown, unknown>; from: string }> {
  if (entry.name !== undefined) return { plugin: builtIn(builtIns, kind, entry.name), from: BUILT_IN };
  if (entry.file !== undefined) checkFileSpecifier(entry.file);
  const path =
    entry.file === undefined
      ? resolvePackage(entry.package ?? "", directory, namesOf(builtIns, kind))
      : resolve(directory, entry.file);
  const from = entry.file === undefined ? `package ${entry.package}` : `file ${path}`;
  await beforeLoading?.(entry);
  const plugin = await refusingExit(async () => asPlugin((await loadDefault(path, timeoutMs)).value, from));
  return { plugin, from };
}

function builtIn(
  builtIns: BuiltIns,
  kind: PolicyKind | undefined,
  name: string,
): PolicyPlugin<unknown, unknown> {
  const found = ofKind(builtIns, kind).find((plugin) => plugin.name === name);
  if (found !== undefined) return found;
  const words = kind === "strategy" ? "strategy" : kind === undefined ? "policy" : "admission policy";
  const message = `there is no built-in ${words} ${JSON.stringify(name)}${suggestion(name, namesOf(builtIns, kind))}`;
  throw new FairleadError("PLUGIN_NOT_FOUND", message);
}

function ofKind(builtIns: BuiltIns, kind: PolicyKind | undefined): readonly PolicyPlugin<unknown, unknown>[] {
  return kind === undefined ? [...builtIns.strategy, ...builtIns["admission-policy"]] : builtIns[kind];
}

function namesOf(builtIns: BuiltIns, kind: PolicyKind | undefined): string[] {
  return ofKind(builtIns, kind).map(({ name }) => name);
}
