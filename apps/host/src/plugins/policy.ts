import {
  type AdmissionPolicy,
  CONTRACT_VERSION,
  FairleadError,
  type LoadDistributionStrategy,
  OptionError,
  type OptionsSchema,
  type PolicyPlugin,
  type SchemaResult,
  type TeamContext,
} from "@fairlead/core";
import { show } from "../config/describe.js";
import { memberOf } from "../config/known-keys.js";
import { within } from "./patience.js";
import { thrownText } from "./thrown.js";

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
const CODE = /^[A-Z][A-Z0-9_]{0,63}$/;
const ERROR_CHARS_MAX = 1000;
const NAME_WORDS = "lower-case letters, digits and dashes, at most 64";
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
const NUMBERS = { strategy: [], "admission-policy": ["queuedCommands"] } as const;

/**
 * What a module gave is a plugin of this host's contract: a copy of it, since what was checked must not change later.
 * Errors: `PLUGIN_INVALID`, `PLUGIN_CONTRACT_MISMATCH`.
 */
export function asPlugin(value: unknown, from: string): PolicyPlugin<unknown, unknown> {
  const wrong = (what: string) =>
    new FairleadError("PLUGIN_INVALID", `the default export of ${from} is no plugin: ${what}`);
  const { contract, kind, name, options, create } = membersOf(value, (error) =>
    wrong(`to look at it threw ${thrownText(error)}`),
  );
  if (typeof contract !== "number" || typeof create !== "function") {
    throw wrong("expected what defineStrategy or defineAdmissionPolicy of @fairlead/core returns");
  }
  if (contract !== CONTRACT_VERSION) {
    const message = `${from} is written for contract ${contract}, this host has contract ${CONTRACT_VERSION}`;
    throw new FairleadError("PLUGIN_CONTRACT_MISMATCH", message);
  }
  if (kind !== "strategy" && kind !== "admission-policy") {
    throw wrong(`kind is ${show(kind)}, expected "strategy" or "admission-policy"`);
  }
  if (!isName(name)) throw wrong(`name is ${show(name)}, expected ${NAME_WORDS}`);
  return {
    contract,
    kind,
    name,
    ...(options !== undefined && { options: options as OptionsSchema<unknown> }),
    create: (...args) => Reflect.apply(create, value, args),
  };
}

/** A getter or a proxy may throw. */
function membersOf(value: unknown, refusal: (error: unknown) => FairleadError) {
  const [contract, kind, name, options, create] = ((): unknown[] => {
    try {
      return ["contract", "kind", "name", "options", "create"].map((key) => memberOf(value, key));
    } catch (error) {
      throw refusal(error);
    }
  })();
  return { contract, kind, name, options, create };
}

function isName(name: unknown): name is string {
  return typeof name === "string" && NAME.test(name);
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
  const { value } = await checkOptions(plugin, options, timeoutMs);
  const create = (context: TeamContext): PolicyOf[Kind] =>
    asPolicy({ kind, name, from }, plugin.create(value, context));
  tryOnce(name, create);
  return { kind, name, from, contract, create };
}

interface Made<Kind extends PolicyKind> {
  readonly kind: Kind;
  readonly name: string;
  readonly from: string;
}

/** Errors: `PLUGIN_INVALID`. */
function asPolicy<Kind extends PolicyKind>({ kind, name, from }: Made<Kind>, made: unknown): PolicyOf[Kind] {
  let lack: string | undefined;
  try {
    lack = lackOf(kind, made);
    if (lack === undefined && !bearsName(name, made as PolicyOf[Kind])) {
      lack = `its name can't be set and is not ${NAME_WORDS}`;
    }
  } catch (error) {
    lack = `to look at it threw ${thrownText(error)}`;
  }
  if (lack === undefined) return made as PolicyOf[Kind];
  const message = `${name} of ${from} did not create ${KIND_WORDS[kind]}: ${lack}`;
  throw new FairleadError("PLUGIN_INVALID", message);
}

/** What it lacks of a policy, if anything. By Reflect: a class's methods are not its own properties. */
function lackOf(kind: PolicyKind, made: unknown): string | undefined {
  if (typeof made !== "object" || made === null) return "it is no object";
  if (typeof Reflect.get(made, "name") !== "string") return "it has no name";
  const method = METHODS[kind].find((one) => typeof Reflect.get(made, one) !== "function");
  if (method !== undefined) return `it has no function ${method}`;
  const field = NUMBERS[kind].find((one) => typeof Reflect.get(made, one) !== "number");
  return field === undefined ? undefined : `it has no number ${field}`;
}

/**
 * Its plugin's name, which is the one that a list has: a policy made from another package bears that one's. As a value:
 * a getter may throw or change its mind while the host runs.
 */
function bearsName(name: string, made: PolicyOf[PolicyKind]): boolean {
  // The object itself, since a policy may have private fields; a frozen one keeps its own name.
  if (Reflect.defineProperty(made, "name", { value: name, configurable: true })) return true;
  return isName(Reflect.getOwnPropertyDescriptor(made, "name")?.value);
}

/** Its own check of the options, at once and not at the first LUN. */
function tryOnce(name: string, create: (context: TeamContext) => unknown): void {
  try {
    create(TRIAL);
  } catch (cause) {
    throw refusalOf(name, cause);
  }
}

function refusalOf(name: string, cause: unknown): FairleadError {
  const invalid = (message: string) =>
    new FairleadError("PLUGIN_OPTION_INVALID", `${name}: ${message}`, { cause });
  try {
    if (cause instanceof OptionError) return invalid(thrownText(cause));
    if (cause instanceof FairleadError && CODE.test(cause.code)) {
      return new FairleadError(cause.code, thrownText(cause, ERROR_CHARS_MAX), { cause });
    }
    return invalid(`create threw ${thrownText(cause)}`);
  } catch {
    return invalid("create threw something that can't be looked at");
  }
}

const ANSWERS = "expected { value } or { issues } with a list of { message }";

async function checkOptions(
  { name, options: schema }: PolicyPlugin<unknown, unknown>,
  given: object,
  timeoutMs: number,
): Promise<{ value: unknown }> {
  const invalid = (message: string, options?: ErrorOptions) =>
    new FairleadError("PLUGIN_OPTION_INVALID", message, options);
  if (schema === undefined) {
    const [first] = Object.keys(given);
    if (first !== undefined) throw invalid(`${name} takes no options, but ${first} is given`);
    return { value: undefined };
  }
  let wrong: string[] | undefined;
  let value: unknown;
  try {
    const result: SchemaResult<unknown> = await within(
      timeoutMs,
      "its check of the options",
      schema["~standard"].validate(given),
    );
    if (typeof result === "object" && result !== null) {
      wrong = result.issues === undefined ? [] : issueTexts(name, result.issues, given);
      if (wrong?.length === 0) value = (result as { value?: unknown }).value;
    }
  } catch (cause) {
    throw invalid(`${name}: ${thrownText(cause)}`, { cause });
  }
  if (wrong === undefined) {
    throw new FairleadError("PLUGIN_INVALID", `${name}: its check of the options gave no answer, ${ANSWERS}`);
  }
  if (wrong.length > 0) throw invalid(wrong.join("; "));
  return { value };
}

/** undefined: they are no list of issues. */
function issueTexts(name: string, issues: unknown, given: object): string[] | undefined {
  if (!Array.isArray(issues) || issues.length === 0) return undefined;
  return issues.map((issue: Issue) => issueText(name, issue, given));
}

type Issue = NonNullable<SchemaResult<unknown>["issues"]>[number];

function issueText(name: string, { message, path = [] }: Issue, given: object): string {
  const keys = path.map((part) => String(typeof part === "object" ? part.key : part));
  if (keys.length === 0) return `${name}: ${message}`;
  const value = keys.reduce<unknown>(memberOf, given);
  const found = value === undefined ? "is missing" : `is ${show(value)}`;
  return `option ${keys.join(".")} of ${name} ${found}: ${message}`;
}
