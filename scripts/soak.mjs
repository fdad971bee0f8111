// `npm run soak [file ...]`: the end-to-end tests in the sizes of acceptance, and the figures that they measured.
import { cpus, release } from "node:os";
import { join } from "node:path";
import { execute } from "./execute.mjs";

const root = join(import.meta.dirname, "..");
const LIMIT_MS = 3 * 60 * 60_000;

const named = process.argv.slice(2);
const files = named.length > 0 ? named : [".e2e.test.ts"];
// One file at a time: they measure, and share the machine's processors.
const args = ["run", "--project=@fairlead/host", "--no-file-parallelism", "--allowOnly=false", ...files];
const { status, output } = await execute("vitest", args, {
  cwd: root,
  env: { CI: "true", FAIRLEAD_SOAK: "1" },
  limitMs: LIMIT_MS,
  show: true,
});

const [processor] = cpus();
process.stdout.write(
  `\nNode ${process.version}, Linux ${release()}, ${cpus().length} × ${processor?.model}\n\n`,
);
process.stdout.write("| measured | value |\n| --- | --- |\n");
for (const [, name, value] of output.matchAll(/^figure: (.*?): (.*)$/gm)) {
  process.stdout.write(`| ${name} | ${value} |\n`);
}
process.exitCode = status;
