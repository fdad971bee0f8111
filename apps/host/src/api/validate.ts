import { FairleadError } from "@fairlead/core";
import { z } from "zod";
import { expectedBy, show, suggestion } from "../config/describe.js";
import { type JsonSchema, knownKeys, memberOf } from "../config/known-keys.js";

/** Errors: `API_BODY_INVALID`. */
export function bodyAs<T extends z.ZodType>(schema: T, body: unknown): z.output<T> {
  const result = schema.safeParse(body ?? {}, { error: expectedBy });
  if (result.success) return result.data;
  throw new FairleadError("API_BODY_INVALID", `body: ${explain(schema, result.error, body)}`);
}

/** Errors: `API_QUERY_INVALID`. */
export function queryAs<T extends z.ZodType>(schema: T, query: unknown): z.output<T> {
  const result = schema.safeParse(query, { error: expectedBy });
  if (result.success) return result.data;
  throw new FairleadError("API_QUERY_INVALID", `query: ${explain(schema, result.error, query)}`);
}

function explain(schema: z.ZodType, error: z.ZodError, value: unknown): string {
  return error.issues
    .flatMap((issue) => {
      const path = issue.path.map((segment) => (typeof segment === "number" ? segment : String(segment)));
      if (issue.code === "unrecognized_keys") {
        const known = knownKeys(z.toJSONSchema(schema, { io: "input" }) as JsonSchema, path, value);
        return issue.keys.map(
          (key) => `${[...path, key].join(".")} is not a known key${suggestion(key, known)}`,
        );
      }
      const found = path.reduce<unknown>(memberOf, value);
      return `${path.join(".") || "it"} ${found === undefined ? "is missing" : `is ${show(found)}`}, expected ${issue.message}`;
    })
    .join("; ");
}
