import { basename } from "node:path";
import * as core from "@fairlead/core";
import { FairleadError } from "@fairlead/core";
import { createJiti } from "jiti";
import { within } from "./patience.js";
import { type PluginFile, readPluginFile } from "./plugin-file.js";
import { thrownText } from "./thrown.js";

/** What only tests import; a suite would run for seconds within the host. Node's own runner can't be kept from a module. */
const TEST_MODULES = ["@fairlead/compliance", "vitest"];

/** In an object of its own: a promise of the plugin itself would call its `then`. */
export interface DefaultExport {
  readonly value: unknown;
}

/**
 * What the file exports by default, evaluated anew at each call, so that an edited file can be swapped in. Its
 * `@fairlead/core` is the host's own copy, wherever the file lies.
 * Errors: those of `readPluginFile`, `PLUGIN_LOAD_FAILED` with the line of the plugin's own error, `PLUGIN_INVALID`.
 */
export async function loadDefault(path: string, timeoutMs: number): Promise<DefaultExport> {
  const file = readPluginFile(path);
  let found: DefaultExport | undefined;
  try {
    found = defaultOf(await within(timeoutMs, "it", evaluate(file)));
  } catch (cause) {
    const message = `plugin ${file.path} can't be loaded: ${reasonOf(cause, file.path)}`;
    throw new FairleadError("PLUGIN_LOAD_FAILED", message, { cause });
  }
  if (found !== undefined) return found;
  const message = `plugin ${file.path} has no default export, expected one made with defineStrategy or defineAdmissionPolicy`;
  throw new FairleadError("PLUGIN_INVALID", message);
}

function defaultOf(exported: unknown): DefaultExport | undefined {
  const has = typeof exported === "object" && exported !== null && "default" in exported;
  return has ? { value: exported.default } : undefined;
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
  const text = thrownText(cause);
  if (typeof cause !== "object" || cause === null) return `it threw ${text}`;
  const line = lineOf(cause, path);
  return line === undefined ? text : `${text.replaceAll(path, basename(path))} (line ${line})`;
}

function lineOf(cause: object, path: string): string | undefined {
  try {
    const stack: unknown = Reflect.get(cause, "stack");
    const at = typeof stack === "string" ? stack.split(`${path}:`)[1] : undefined;
    return at === undefined ? undefined : /^\d+/.exec(at)?.[0];
  } catch {
    return undefined; // What refuses to tell has no line.
  }
}
