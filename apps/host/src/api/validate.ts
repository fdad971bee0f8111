import { FairleadError } from "@fairlead/core";
import type { z } from "zod";
import { expectedBy, show } from "../config/describe.js";
import { memberOf } from "../config/known-keys.js";

/** Errors: `API_BODY_INVALID`. */
export function bodyAs<T extends z.ZodType>(schema: T, body: unknown): z.output<T> {
  const result = schema.safeParse(body ?? {}, { error: expectedBy });
  if (result.success) return result.data;
  throw new FairleadError("API_BODY_INVALID", `body: ${explain(result.error, body)}`);
}

/** Errors: `API_QUERY_INVALID`. */
export function queryAs<T extends z.ZodType>(schema: T, query: unknown): z.output<T> {
  const result = schema.safeParse(query, { error: expectedBy });
  if (result.success) return result.data;
  throw new FairleadError("API_QUERY_INVALID", `query: ${explain(result.error, query)}`);
}

function explain(error: z.ZodError, value: unknown): string {
  return error.issues
    .map((issue) => {
      if (issue.code === "unrecognized_keys") return `${issue.keys.map(show).join(", ")} not known`;
      const path = issue.path.map(String);
      const found = path.reduce<unknown>(memberOf, value);
      return `${path.join(".") || "it"} ${found === undefined ? "is missing" : `is ${show(found)}`}, expected ${issue.message}`;
    })
    .join("; ");
}
