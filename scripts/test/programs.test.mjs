import { join } from "node:path";
import { expect, test } from "vitest";
import { checkBenches } from "../check-benches.mjs";
import { checkTypes } from "../check-types.mjs";
import { execute } from "../execute.mjs";
import { tree } from "./tree.mjs";

const nodeModules = join(import.meta.dirname, "..", "..", "node_modules");

test("a bench that fails, and one that runs", async () => {
  const root = tree({
    "package.json": { type: "module" },
    "packages/spm/package.json": { name: "@fairlead/spm" },
    "packages/spm/bench/select.bench.ts":
      'const one: number = 1;\nif (process.env.BENCH_SMOKE !== "1") process.exit(one);',
    "bench/package.json": { name: "@fairlead/bench", type: "module" },
    "bench/all.ts": 'throw new Error("slow");',
  });
  const { symlinkSync } = await import("node:fs");
  symlinkSync(nodeModules, join(root, "node_modules"));
  const problems = await checkBenches(root);
  expect(problems).toHaveLength(1);
  expect(problems[0]).toMatch(/^bench\/all\.ts: [\s\S]*slow/);
});

test("types that do not fit, in the one program and in a folder with its own settings", async () => {
  const settings = { compilerOptions: { strict: true, types: [] }, include: ["*.ts"] };
  const root = tree({
    "tsconfig.json": settings,
    "a.ts": "export const a: number = 'x';",
    "examples/one/tsconfig.json": settings,
    "examples/one/b.ts": "export const b: string = 1;",
  });
  const problems = await checkTypes(root);
  expect(problems).toHaveLength(2);
  expect(problems[0]).toContain("a.ts(1,14): error TS2322");
  expect(problems[1]).toContain("b.ts(1,14): error TS2322");
});

test("a program that does not end is ended", async () => {
  const { status, output } = await execute(process.execPath, ["-e", "setInterval(() => 1, 100)"], {
    limitMs: 200,
  });
  expect(status).toBe(1);
  expect(output).toContain("it took more than 0.2 s");
});
