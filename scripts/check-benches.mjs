// Each bench runs in smoke mode, so that it can't rot; its figures mean nothing here.

import { readdirSync } from "node:fs";
import { join, relative } from "node:path";
import { execute } from "./execute.mjs";
import { filesBelow, runAlone, workspaces } from "./sources.mjs";

export async function checkBenches(root) {
  const ofPackages = workspaces(root).flatMap(({ directory }) =>
    filesBelow(join(directory, "bench"), ".bench.ts"),
  );
  const whole = readdirSync(join(root, "bench")).filter((name) => name.endsWith(".ts"));
  const problems = [];
  for (const file of [...ofPackages, ...whole.map((name) => join(root, "bench", name))]) {
    const args = ["--conditions=@fairlead/source", "--import", "tsx", file];
    const { status, output } = await execute(process.execPath, args, {
      cwd: root,
      env: { BENCH_SMOKE: "1" },
      limitMs: 60_000,
    });
    if (status !== 0) problems.push(`${relative(root, file)}: ${output.trim()}`);
  }
  return problems;
}

await runAlone(import.meta.url, checkBenches);
