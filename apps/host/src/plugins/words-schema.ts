import type { OptionsSchema } from "@fairlead/core";
import type { z } from "zod";
import { expectedBy, suggestion } from "../config/describe.js";

/** A zod schema of the host's own as a plugin's: with the config's units, and messages that say what was expected. */
export function inWords<Shape extends z.ZodRawShape>(
  schema: z.ZodObject<Shape, z.core.$strict>,
): OptionsSchema<z.output<z.ZodObject<Shape, z.core.$strict>>> {
  const known = Object.keys(schema.shape);
  return {
    "~standard": {
      version: 1,
      vendor: "fairlead",
      validate(value) {
        const result = schema.safeParse(value, { error: expectedBy });
        if (result.success) return { value: result.data };
        return { issues: result.error.issues.flatMap((issue) => wordsOf(issue, known)) };
      },
    },
  };
}

function wordsOf(
  issue: z.core.$ZodIssue,
  known: readonly string[],
): { message: string; path: PropertyKey[] }[] {
  if (issue.code === "unrecognized_keys") {
    const names = issue.path.length === 0 ? known : [];
    return issue.keys.map((key) => ({
      message: `there is no option ${[...issue.path, key].join(".")}${suggestion(key, names)}`,
      path: [],
    }));
  }
  return [{ message: `expected ${issue.message}`, path: issue.path }];
}
