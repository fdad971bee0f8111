import { z } from "zod";
import { text } from "./words.js";

const ONE_EXPECTED = "exactly one of name, package and file";

/** One entry of a list of policies: which one, and its options beside it. */
export const policySchema = z
  .looseObject({
    name: text("the name of a built-in policy")
      .optional()
      .describe("A built-in policy; its options stand beside it."),
    package: text("the name of a package")
      .optional()
      .describe(
        "An npm package with a policy, looked for from the config file's folder, then from the host.",
      ),
    file: text("a path", 4096)
      .optional()
      .describe("A .ts, .js or .mjs file with a policy; relative to the config file."),
  })
  .refine(
    (entry) => [entry.name, entry.package, entry.file].filter((source) => source !== undefined).length === 1,
    ONE_EXPECTED,
  );

export const POLICIES_MAX = 16;
export const policyList = z.array(policySchema).min(1).max(POLICIES_MAX);

export type PolicyEntry = z.output<typeof policySchema>;
