#!/usr/bin/env node
import { relative } from "node:path";
import { parseArgs } from "node:util";
import { FairleadError } from "@fairlead/core";
import { createProject } from "./create-project.js";

const USAGE = `Makes the folder of a new load-distribution strategy for Fairlead.

  npm create @fairlead/strategy <name>

<name> is the name of the package, such as my-strategy or @acme/strategy-night-shift; the folder has its last part.
A folder that is not empty is left as it is.

Exit codes: 0 made, 1 not made, 2 wrong usage.`;

function nameFrom(args: readonly string[]): string | undefined {
  let parsed: { values: { help?: boolean }; positionals: string[] };
  try {
    parsed = parseArgs({ args: [...args], options: { help: { type: "boolean" } }, allowPositionals: true });
  } catch (error) {
    throw new FairleadError("PROJECT_USAGE", error instanceof Error ? error.message : String(error));
  }
  if (parsed.values.help === true) return undefined;
  const [name, ...more] = parsed.positionals;
  if (name === undefined) throw new FairleadError("PROJECT_USAGE", "expected the name of the new package");
  if (more.length > 0) throw new FairleadError("PROJECT_USAGE", `expected one name, got ${more.length + 1}`);
  return name;
}

function main(): void {
  const name = nameFrom(process.argv.slice(2));
  if (name === undefined) {
    process.stdout.write(`${USAGE}\n`);
    return;
  }
  const { directory, files } = createProject({ name });
  const folder = relative(process.cwd(), directory);
  process.stdout.write(`${folder} has ${files.length} files. Next:\n\n`);
  process.stdout.write(`  cd ${folder}\n  npm install\n  npm test\n`);
}

try {
  main();
} catch (error) {
  const code = error instanceof FairleadError ? error.code : (error as NodeJS.ErrnoException).code;
  const message = error instanceof Error ? error.message : String(error);
  process.stderr.write(`error ${code ?? "UNEXPECTED"}: ${message}\n`);
  if (code === "PROJECT_USAGE") process.stderr.write("(npm create @fairlead/strategy -- --help)\n");
  process.exitCode = code === "PROJECT_USAGE" || code === "PROJECT_NAME_INVALID" ? 2 : 1;
}
