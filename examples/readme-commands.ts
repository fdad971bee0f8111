import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const PROGRAMS = {
  fairlead: "apps/host/src/cli.ts",
  "fairlead-san": "packages/iscsi-target/src/cli.ts",
};

/** The lines of a README's `sh` blocks in order, without their remarks; blocks marked `sh no-run` are left out. */
export function readmeCommands(file: string): string[] {
  const blocks = readFileSync(file, "utf8").matchAll(/^```sh\n(.*?)^```$/gms);
  return [...blocks]
    .flatMap(([, block = ""]) => block.replaceAll("\\\n", " ").split("\n"))
    .map((line) => line.replace(/\s+#.*$/, "").trim())
    .filter((line) => line !== "" && !line.startsWith("#"));
}

/** Writes the project's programs into `directory`, for the search path; they run from their sources. */
export function installPrograms(directory: string): void {
  for (const [name, source] of Object.entries(PROGRAMS)) {
    const args = `--conditions=@fairlead/source --import ${import.meta.resolve("tsx")}`;
    writeFileSync(join(directory, name), `#!/bin/sh\nexec node ${args} ${join(ROOT, source)} "$@"\n`);
    chmodSync(join(directory, name), 0o755);
  }
}
