import { FairleadError, type LoadDistributionStrategy } from "@fairlead/core";
import { leastPending } from "@fairlead/strategy-least-pending";
import { roundRobin } from "@fairlead/strategy-round-robin";
import { z } from "zod";
import { expectedBy, show, suggestion } from "./config/describe.js";
import { memberOf } from "./config/known-keys.js";
import { size } from "./config/schema.js";
import { defined } from "./defined.js";

/** One entry of the config's list: a name, and the options of that strategy. */
export interface StrategyEntry {
  readonly name: string;
  readonly [option: string]: unknown;
}

interface Kind {
  readonly options: z.ZodObject;
  /** Checks the options and answers a factory; throws a ZodError or an OptionError. */
  prepare(options: unknown): () => LoadDistributionStrategy;
}

function kind<Shape extends z.ZodRawShape>(
  shape: Shape,
  create: (options: z.output<z.ZodObject<Shape, z.core.$strict>>) => LoadDistributionStrategy,
): Kind {
  const options = z.strictObject(shape);
  return {
    options,
    prepare(given) {
      const checked = options.parse(given, { error: expectedBy });
      create(checked); // Its own check, at once and not at the first LUN.
      return () => create(checked);
    },
  };
}

const KINDS = new Map<string, Kind>([
  [
    "round-robin",
    kind({ commandsPerTurn: z.int().min(1).optional(), bytesPerTurn: size.optional() }, (options) =>
      roundRobin(defined(options)),
    ),
  ],
  [
    "least-pending",
    kind({ by: z.enum(["bytes", "commands"]).optional(), pendingBytesMax: size.optional() }, (options) =>
      leastPending(defined(options)),
    ),
  ],
]);

export interface StrategyChoice {
  readonly name: string;
  create(): LoadDistributionStrategy;
}

/** Why an entry of the list can't be used. */
export interface SkippedStrategy {
  readonly index: number;
  readonly reason: string;
}

/** The first entry that is known and whose options pass; `skipped` says why those before it do not, or none does. */
export function chooseStrategy(list: readonly StrategyEntry[]): {
  chosen: StrategyChoice | undefined;
  skipped: SkippedStrategy[];
} {
  const skipped: SkippedStrategy[] = [];
  for (const [index, entry] of list.entries()) {
    try {
      return { chosen: load(entry), skipped };
    } catch (error) {
      if (!(error instanceof FairleadError)) throw error;
      skipped.push({ index, reason: error.message });
    }
  }
  return { chosen: undefined, skipped };
}

/** Errors: `STRATEGY_UNKNOWN`, `STRATEGY_OPTION_INVALID`, `OPTION_INVALID`. */
function load({ name, ...options }: StrategyEntry): StrategyChoice {
  const known = KINDS.get(name);
  if (known === undefined) {
    const names = [...KINDS.keys()];
    throw new FairleadError(
      "STRATEGY_UNKNOWN",
      `there is no strategy ${show(name)}, known are ${names.join(", ")}`,
    );
  }
  try {
    return { name, create: known.prepare(options) };
  } catch (error) {
    if (!(error instanceof z.ZodError)) throw error;
    throw new FairleadError("STRATEGY_OPTION_INVALID", optionMessage(name, known, options, error.issues));
  }
}

function optionMessage(
  name: string,
  { options: schema }: Kind,
  options: object,
  issues: readonly z.core.$ZodIssue[],
): string {
  const known = Object.keys(schema.shape);
  return issues
    .map((issue) => {
      if (issue.code === "unrecognized_keys") {
        return `${name} has no option ${issue.keys.map((key) => `${key}${suggestion(key, known)}`).join("; ")}`;
      }
      const option = issue.path.map(String).join(".");
      return `option ${option} of ${name} is ${show(memberOf(options, option))}, expected ${issue.message}`;
    })
    .join("; ");
}
