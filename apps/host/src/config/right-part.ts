import type { z } from "zod";

/**
 * What is right of a mapping with mistakes, so that these do not hide what else is wrong: without the keys in which the
 * schema finds one. `undefined` where the rest is nothing that the schema takes.
 */
export function rightPart<T extends z.ZodType>(schema: T, raw: unknown): z.output<T> | undefined {
  const whole = schema.safeParse(raw);
  if (whole.success) return whole.data;
  if (typeof raw !== "object" || raw === null || Array.isArray(raw)) return undefined;
  const wrong = new Set<unknown>(
    whole.error.issues.flatMap((issue): PropertyKey[] =>
      issue.code === "unrecognized_keys" && issue.path.length === 0 ? issue.keys : issue.path.slice(0, 1),
    ),
  );
  const rest = Object.fromEntries(Object.entries(raw).filter(([key]) => !wrong.has(key)));
  return schema.safeParse(rest).data;
}
