import {
  type AdmissionPolicy,
  CONTRACT_VERSION,
  FairleadError,
  type LoadDistributionStrategy,
  OptionError,
  type PolicyPlugin,
  type SchemaResult,
  type TeamContext,
} from "@fairlead/core";
import { show } from "../config/describe.js";
import { memberOf } from "../config/known-keys.js";
import { within } from "./patience.js";

export interface PolicyOf {
  strategy: LoadDistributionStrategy;
  "admission-policy": AdmissionPolicy;
}
export type PolicyKind = keyof PolicyOf;

/** A plugin whose options were checked and which was made once: it can be made for each team. */
export interface Policy<Kind extends PolicyKind = PolicyKind> {
  readonly kind: Kind;
  readonly name: string;
  /** `built-in`, `package …` or `file …` */
  readonly from: string;
  readonly contract: number;
  /** Errors: those of the plugin; `PLUGIN_INVALID`. */
  create(context: TeamContext): PolicyOf[Kind];
}

const NAME = /^[a-z0-9][a-z0-9-]{0,63}$/;
const KIND_WORDS = { strategy: "a strategy", "admission-policy": "an admission policy" } as const;
const TRIAL: TeamContext = { team: "trial", ordinal: 0 };
const METHODS = {
  strategy: ["select"],
  "admission-policy": [
    "enqueue",
    "next",
    "nextAt",
    "requeue",
    "completed",
    "cancel",
    "setEntry",
    "removeEntry",
    "entry",
    "pathsChanged",
    "drain",
  ],
} as const;

/** What a module gave is a plugin of this host's contract. Errors: `PLUGIN_INVALID`, `PLUGIN_CONTRACT_MISMATCH`. */
export function asPlugin(value: unknown, from: string): PolicyPlugin<unknown, unknown> {
  const wrong = (what: string) =>
    new FairleadError("PLUGIN_INVALID", `the default export of ${from} is no plugin: ${what}`);
  const [name, kind, contract] = ["name", "kind", "contract"].map((key) => memberOf(value, key));
  if (typeof contract !== "number" || typeof memberOf(value, "create") !== "function") {
    throw wrong("expected what defineStrategy or defineAdmissionPolicy of @fairlead/core returns");
  }
  if (contract !== CONTRACT_VERSION) {
    const message = `${from} is written for contract ${contract}, this host has contract ${CONTRACT_VERSION}`;
    throw new FairleadError("PLUGIN_CONTRACT_MISMATCH", message);
  }
  if (kind !== "strategy" && kind !== "admission-policy") {
    throw wrong(`kind is ${show(kind)}, expected "strategy" or "admission-policy"`);
  }
  if (typeof name !== "string" || !NAME.test(name)) {
    throw wrong(`name is ${show(name)}, expected lower-case letters, digits and dashes, at most 64`);
  }
  return value as PolicyPlugin<unknown, unknown>;
}

/**
 * Checks the options and makes the policy once, as a trial.
 * Errors: `PLUGIN_KIND_WRONG`, `PLUGIN_OPTION_INVALID`, `PLUGIN_INVALID`, `OPTION_INVALID`, `OPTION_UNKNOWN`.
 */
export async function preparePolicy<Kind extends PolicyKind>(
  plugin: PolicyPlugin<unknown, unknown>,
  { kind, from, options, timeoutMs }: { kind: Kind; from: string; options: object; timeoutMs: number },
): Promise<Policy<Kind>> {
  const { name, contract } = plugin;
  if (plugin.kind !== kind) {
    const message = `${name} of ${from} is ${KIND_WORDS[plugin.kind]}, expected ${KIND_WORDS[kind]}`;
    throw new FairleadError("PLUGIN_KIND_WRONG", message);
  }
  const checked = await checkOptions(plugin, options, timeoutMs);
  const create = (context: TeamContext): PolicyOf[Kind] => {
    const made = plugin.create(checked, context);
    if (isPolicy(kind, made)) return named(name, made);
    throw new FairleadError("PLUGIN_INVALID", `${name} of ${from} did not create ${KIND_WORDS[kind]}`);
  };
  tryOnce(name, create);
  return { kind, name, from, contract, create };
}

function isPolicy<Kind extends PolicyKind>(kind: Kind, made: unknown): made is PolicyOf[Kind] {
  if (typeof made !== "object" || made === null || !("name" in made) || typeof made.name !== "string") {
    return false;
  }
  // By Reflect: a class's methods are not its own properties.
  return METHODS[kind].every((method) => typeof Reflect.get(made, method) === "function");
}

/** With its plugin's name, which is the one that a list has: a policy made from another package bears that one's. */
function named<Policy extends PolicyOf[PolicyKind]>(name: string, made: Policy): Policy {
  // The object itself, since a policy may have private fields; a frozen one keeps its own name.
  if (made.name !== name) Reflect.defineProperty(made, "name", { value: name, configurable: true });
  return made;
}

/** Its own check of the options, at once and not at the first LUN. */
function tryOnce(name: string, create: (context: TeamContext) => unknown): void {
  try {
    create(TRIAL);
  } catch (cause) {
    if (cause instanceof FairleadError && !(cause instanceof OptionError)) throw cause;
    const message =
      cause instanceof OptionError
        ? cause.message
        : `create threw ${cause instanceof Error ? cause.message : String(cause)}`;
    throw new FairleadError("PLUGIN_OPTION_INVALID", `${name}: ${message}`, { cause });
  }
}

async function checkOptions(
  { name, options: schema }: PolicyPlugin<unknown, unknown>,
  given: object,
  timeoutMs: number,
): Promise<unknown> {
  const invalid = (message: string, options?: ErrorOptions) =>
    new FairleadError("PLUGIN_OPTION_INVALID", message, options);
  if (schema === undefined) {
    const [first] = Object.keys(given);
    if (first !== undefined) throw invalid(`${name} takes no options, but ${first} is given`);
    return undefined;
  }
  let result: SchemaResult<unknown>;
  try {
    result = await within(timeoutMs, "its check of the options", schema["~standard"].validate(given));
  } catch (cause) {
    throw invalid(`${name}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
  if (result.issues === undefined) return result.value;
  throw invalid(result.issues.map((issue) => issueText(name, issue, given)).join("; "));
}

type Issue = NonNullable<SchemaResult<unknown>["issues"]>[number];

function issueText(name: string, { message, path = [] }: Issue, given: object): string {
  const keys = path.map((part) => String(typeof part === "object" ? part.key : part));
  if (keys.length === 0) return `${name}: ${message}`;
  const value = keys.reduce<unknown>(memberOf, given);
  const found = value === undefined ? "is missing" : `is ${show(value)}`;
  return `option ${keys.join(".")} of ${name} ${found}: ${message}`;
}
