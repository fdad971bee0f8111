import { basename } from "node:path";
import * as core from "@fairlead/core";
import { FairleadError } from "@fairlead/core";
import { createJiti } from "jiti";
import { within } from "./patience.js";
import { type PluginFile, readPluginFile } from "./plugin-file.js";

/** What only tests import; a suite would run for seconds within the host. Node's own runner can't be kept from a module. */
const TEST_MODULES = ["@fairlead/compliance", "vitest"];

/**
 * What the file exports by default, evaluated anew at each call, so that an edited file can be swapped in. Its
 * `@fairlead/core` is the host's own copy, wherever the file lies.
 * Errors: those of `readPluginFile`, `PLUGIN_LOAD_FAILED` with the line of the plugin's own error, `PLUGIN_INVALID`.
 */
export async function loadDefault(path: string, timeoutMs: number): Promise<unknown> {
  const file = readPluginFile(path);
  let exported: unknown;
  try {
    exported = await within(timeoutMs, "it", evaluate(file));
  } catch (cause) {
    const message = `plugin ${file.path} can't be loaded: ${reasonOf(cause, file.path)}`;
    throw new FairleadError("PLUGIN_LOAD_FAILED", message, { cause });
  }
  if (typeof exported === "object" && exported !== null && "default" in exported) return exported.default;
  const message = `plugin ${file.path} has no default export, expected one made with defineStrategy or defineAdmissionPolicy`;
  throw new FairleadError("PLUGIN_INVALID", message);
}

/** Transpiles also what Node could run, since Node would keep the first version for ever. */
async function evaluate({ path, source }: PluginFile): Promise<unknown> {
  const jiti = createJiti(path, {
    moduleCache: false,
    fsCache: false, // It would lie where others can write.
    interopDefault: false,
    virtualModules: virtualModules(),
  });
  return jiti.evalModule(source, { filename: path, async: true, forceTranspile: true });
}

function virtualModules(): Record<string, unknown> {
  const modules: Record<string, unknown> = { "@fairlead/core": core };
  for (const name of TEST_MODULES) {
    Object.defineProperty(modules, name, {
      enumerable: true,
      get() {
        const why = "a plugin's module must not run tests; move them to a file of their own";
        throw new Error(`it imports ${name}: ${why}`);
      },
    });
  }
  return modules;
}

/** `boom (line 7)` */
function reasonOf(cause: unknown, path: string): string {
  if (!(cause instanceof Error)) return `it threw ${String(cause)}`;
  const text = cause.message.replaceAll(/\s+/g, " ").trim();
  const place = `${path}:`;
  const at = (cause.stack ?? "").split(place)[1];
  const line = at === undefined ? undefined : /^\d+/.exec(at)?.[0];
  return line === undefined ? text : `${text.replaceAll(path, basename(path))} (line ${line})`;
}
