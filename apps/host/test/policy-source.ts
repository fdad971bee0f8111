import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { FairleadError } from "@fairlead/core";
import { Scope } from "@fairlead/testing";
import { onTestFinished } from "vitest";
import { schedulerSchema } from "../src/config/lun-schema.js";
import { policySchema } from "../src/config/policy-schema.js";
import { builtIns } from "../src/plugins/built-in.js";
import { loadPolicy, type PolicySource } from "../src/plugins/choose.js";

/** A folder with these files, from which policies are loaded. */
export async function place(files: Readonly<Record<string, string>> = {}): Promise<PolicySource> {
  const scope = new Scope();
  onTestFinished(() => scope.close());
  const directory = await scope.directory();
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(directory, name)), { recursive: true });
    await writeFile(join(directory, name), text);
  }
  return { builtIns: builtIns(() => schedulerSchema.parse({})), directory, timeoutMs: 300 };
}

/** Code and message with which the strategy is refused, or `loaded`. */
export async function refused(source: PolicySource, entry: object): Promise<string> {
  try {
    await loadPolicy("strategy", policySchema.parse(entry), source);
  } catch (error) {
    const { code, message } = error as FairleadError;
    return `${code}: ${message.replaceAll(source.directory, "…")}`;
  }
  return "loaded";
}
