import { type AdmissionPolicy, type EntrySettings, OptionError } from "@fairlead/core";
import { builtIns } from "../plugins/built-in.js";
import { choosePolicies, type LoadingHook, type PolicyChoice, type PolicySource } from "../plugins/choose.js";
import type { PolicyKind } from "../plugins/policy.js";
import { thrownText } from "../plugins/thrown.js";
import { createScheduler, SCHEDULER_WORDS } from "../scheduler.js";
import { DEFAULT_PRIORITY, entryOn } from "../service-level.js";
import { show } from "./describe.js";
import type { Finding } from "./finding.js";
import { entriesOf, memberOf } from "./known-keys.js";
import { levelSchema } from "./level-schema.js";
import { type SchedulerConfig, schedulerSchema } from "./lun-schema.js";
import type { ConfigPath } from "./places.js";
import { POLICIES_MAX, policySchema } from "./policy-schema.js";
import { expectedText } from "./refused-level.js";
import { rightPart } from "./right-part.js";
import { priority } from "./words.js";

/** The policies' own word on their options, and on the levels of service that VMs are given. */
export async function checkPolicies(raw: unknown, directory: string, hook: LoadingHook): Promise<Finding[]> {
  const luns = memberOf(raw, "luns");
  const findings: Finding[] = [];
  const scheduler = checkScheduler(memberOf(luns, "scheduler"), findings);
  const source: PolicySource = { builtIns: builtIns(() => scheduler), directory, ...hook };
  const check = async <Kind extends PolicyKind>(kind: Kind, path: ConfigPath, list: unknown) => {
    if (!Array.isArray(list) || list.length > POLICIES_MAX) return undefined; // Not there, or the schema's business.
    const choice = await chooseRightOnes(kind, list, source);
    findings.push(...skippedEntries(path, choice));
    return choice;
  };
  await check("strategy", ["luns", "strategy"], memberOf(luns, "strategy"));
  for (const [lun, settings] of entriesOf(memberOf(luns, "byName"))) {
    await check("strategy", ["luns", "byName", lun, "strategy"], memberOf(settings, "strategy"));
  }
  const given = memberOf(luns, "admission") ?? [{ name: "disk-scheduler" }];
  const admission = await check("admission-policy", ["luns", "admission"], given);
  const [first] = admission?.usable ?? [];
  if (first !== undefined) findings.push(...checkLevels(raw, (team) => first.create({ team, ordinal: 0 })));
  return findings;
}

/** Of the entries that have the form of one: what is wrong with the others does not hide what these are. */
async function chooseRightOnes<Kind extends PolicyKind>(
  kind: Kind,
  list: readonly unknown[],
  source: PolicySource,
): Promise<PolicyChoice<Kind>> {
  const right = list.flatMap((entry, index) => {
    const { success, data } = policySchema.safeParse(entry);
    return success ? [{ entry: data, index }] : [];
  });
  const { usable, skipped } = await choosePolicies(
    kind,
    right.map(({ entry }) => entry),
    source,
  );
  const inList = <T extends { readonly index: number }>(one: T): T => ({
    ...one,
    index: right[one.index]?.index ?? one.index,
  });
  return { usable: usable.map(inList), skipped: skipped.map(inList) };
}

function skippedEntries(path: ConfigPath, { usable, skipped }: PolicyChoice<PolicyKind>): Finding[] {
  const [first] = usable;
  return skipped.map(({ index, reason }) => ({
    path: [...path, index],
    message:
      first === undefined
        ? reason
        : `${reason} (${index < first.index ? `${first.name} is used instead` : "it is no fall-back"})`,
    severity: first === undefined ? "error" : "warning",
  }));
}

/** What is right, else the defaults, so that other mistakes are found all the same. */
function checkScheduler(raw: unknown, findings: Finding[]): SchedulerConfig {
  const data = rightPart(schedulerSchema, raw ?? {});
  if (data === undefined) return schedulerSchema.parse({});
  try {
    createScheduler(data);
    return data;
  } catch (error) {
    if (!(error instanceof OptionError)) throw error;
    const path = ["luns", "scheduler", SCHEDULER_WORDS[error.option] ?? error.option];
    const message = `${path.join(".")} is ${show(error.received)}, expected ${error.expected}`;
    findings.push({ path, message, severity: "error" });
    return schedulerSchema.parse({});
  }
}

/** Gives the entries of each LUN to a policy of its own, as the host will. */
function checkLevels(raw: unknown, create: (lun: string) => AdmissionPolicy): Finding[] {
  const findings: Finding[] = [];
  const policies = new Map<string, AdmissionPolicy>();
  for (const [index, [vm, machine]] of entriesOf(memberOf(raw, "vms")).entries()) {
    const general = priority.safeParse(memberOf(machine, "priority"));
    for (const [lun, entry] of entriesOf(memberOf(machine, "luns"))) {
      const level = rightPart(levelSchema, entry);
      if (level === undefined) continue; // The schema's business.
      const settings = entryOn(level, general.data ?? DEFAULT_PRIORITY);
      try {
        const policy = policies.get(lun) ?? create(lun);
        policies.set(lun, policy);
        policy.setEntry(index + 1, settings, 0);
      } catch (error) {
        findings.push(refusedLevel(["vms", vm, "luns", lun], entry, settings, error));
      }
    }
  }
  return findings;
}

function refusedLevel(path: ConfigPath, entry: unknown, settings: EntrySettings, error: unknown): Finding {
  const where = path.join(".");
  if (!(error instanceof OptionError)) {
    return { path, message: `${where} is refused: ${thrownText(error)}`, severity: "error" };
  }
  const { option, received } = error;
  const expected = expectedText(error, settings);
  const given = memberOf(entry, option);
  // What a profile says stands in no place of its own.
  const key = given === undefined && memberOf(entry, "profile") !== undefined ? "profile" : option;
  const value = show(given ?? received);
  const message =
    key === option
      ? `${where}.${option} is ${value}, expected ${expected}`
      : `${where}.${key}: its ${option} is ${value}, expected ${expected}`;
  return { path: [...path, key], message, severity: "error" };
}
