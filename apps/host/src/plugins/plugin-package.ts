import { isBuiltin } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { FairleadError } from "@fairlead/core";
import { createJiti } from "jiti";
import { nearest } from "../config/describe.js";

/** As npm names packages, and at most a path below: `@example/strategy`, `policies/fast`. */
const PACKAGE = /^(@[a-z0-9~-][a-z0-9._~-]*\/)?[a-z0-9~-][a-z0-9._~-]*(\/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*$/;

/**
 * The file that a package's name leads to, from `directory` or else from the host's own. `builtIn` are the names that may
 * have been meant.
 * Errors: `PLUGIN_SPECIFIER_INVALID`, `PLUGIN_NOT_FOUND`.
 */
export function resolvePackage(name: string, directory: string, builtIn: readonly string[]): string {
  if (!PACKAGE.test(name) || isBuiltin(name)) {
    const message = `the package of a plugin must be a name such as @example/strategy, but is ${JSON.stringify(name)}`;
    throw new FairleadError("PLUGIN_SPECIFIER_INVALID", message);
  }
  for (const from of [join(directory, "config.yaml"), fileURLToPath(import.meta.url)]) {
    const found = createJiti(from, { fsCache: false }).esmResolve(name, { try: true });
    if (found !== undefined) return fileURLToPath(found);
  }
  const near = nearest(name, builtIn);
  const remedy = near === undefined ? "install it with npm" : `did you mean the built-in ${near}?`;
  const message = `there is no package ${name}, neither from ${directory} nor from the host; ${remedy}`;
  throw new FairleadError("PLUGIN_NOT_FOUND", message);
}
