import { start } from "./process.js";
import type { Scope } from "./scope.js";
import { fromSource, ROOT } from "./source.js";

/** The embedded target in a process of its own, with the arguments of `fairlead-san`. */
export async function startSan(scope: Scope, args: readonly string[]): Promise<void> {
  await start(scope, process.execPath, [...fromSource("packages/iscsi-target/src/cli.ts"), ...args], {
    cwd: ROOT,
    readyTimeoutMs: 30_000,
    ready: ({ stdout }) => stdout.includes("\n"), // It prints its addresses when it listens.
  });
}
