// One program over all packages and their tests, then the folders that have settings of their own (a browser's, a user's).
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { execute } from "./execute.mjs";
import { runAlone } from "./sources.mjs";

export async function checkTypes(root) {
  const others = ["apps", "examples"]
    .filter((parent) => existsSync(join(root, parent)))
    .flatMap((parent) => readdirSync(join(root, parent)).map((name) => join(root, parent, name)))
    .filter(
      (directory) =>
        !directory.endsWith(join("apps", "host")) && existsSync(join(directory, "tsconfig.json")),
    );
  const problems = [];
  for (const directory of [root, ...others]) {
    const { status, output } = await execute("tsc", ["--noEmit", "--pretty", "false", "-p", directory], {
      cwd: root,
    });
    if (status !== 0) problems.push(output.trim());
  }
  return problems;
}

await runAlone(import.meta.url, checkTypes);
