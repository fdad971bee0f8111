import { describe, expect, test } from "vitest";
import { checkImports } from "../check-imports.mjs";
import { manifest, tree } from "./tree.mjs";

/** What the check says about one source file of a package. */
function problemsOf(folder, text, dependencies = {}, others = {}) {
  const home = folder === "host" ? "apps/host" : `packages/${folder}`;
  return checkImports(
    tree({
      [`${home}/package.json`]: manifest(folder, dependencies),
      [`${home}/src/index.ts`]: text,
      ...others,
    }),
  );
}

describe("direction", () => {
  const any = {
    "@fairlead/core": "1",
    "@fairlead/multipath": "1",
    "@fairlead/iscsi-codec": "1",
    "@fairlead/spm": "1",
  };
  const allowed = [
    ["strategy-new", "core"],
    ["spm", "multipath"],
    ["driver-iscsi", "iscsi-codec"],
    ["host", "spm"],
  ];
  const refused = [
    ["core", "multipath"],
    ["strategy-new", "multipath"],
    ["multipath", "spm"],
    ["driver-nbd", "iscsi-codec"],
    ["spm", "iscsi-codec"],
    ["driver-iscsi", "spm"],
    ["iscsi-codec", "core"],
  ];
  test.each(allowed)("%s may import %s", (folder, other) => {
    expect(problemsOf(folder, `export * from "@fairlead/${other}";`, any)).toEqual([]);
  });
  test.each(refused)("%s may not import %s", (folder, other) => {
    const text = `\nimport type { X } from "@fairlead/${other}";\nexport type Y = X;`;
    expect(problemsOf(folder, text, any)).toEqual([
      `packages/${folder}/src/index.ts:2: ${folder} may not import @fairlead/${other}`,
    ]);
  });
});

test("source may not import a dependency of development", () => {
  const root = tree({
    "packages/spm/package.json": {
      ...manifest("spm"),
      devDependencies: { "@fairlead/core": "1", vitest: "1" },
    },
    "packages/spm/src/index.ts": 'import { test } from "vitest";\nimport "@fairlead/core";',
  });
  expect(checkImports(root)).toEqual([
    "packages/spm/src/index.ts:1: source imports vitest, which is not among its package's dependencies",
    "packages/spm/src/index.ts:2: source imports @fairlead/core, which is not among its package's dependencies",
  ]);
});

test("source may not import from outside of src, nor what does not exist", () => {
  const text = 'import "../test/helper.js";\nexport { a } from "./gone.js";';
  const [outside, gone, ...rest] = problemsOf("spm", text, {}, { "packages/spm/test/helper.ts": "" });
  expect(outside).toContain("../test/helper.js, which is outside its src");
  expect(gone).toContain("./gone.js does not exist");
  expect(rest).toEqual([]);
});

test("a circle of files is named whole", () => {
  const others = {
    "packages/spm/src/a.ts": 'import "./b.js";',
    "packages/spm/src/b.ts": 'import "./c.js";',
    "packages/spm/src/c.ts": 'import "./a.js";',
  };
  expect(problemsOf("spm", 'import "./a.js";\nimport "./c.js";', {}, others)).toEqual([
    "cycle: packages/spm/src/a.ts -> packages/spm/src/b.ts -> packages/spm/src/c.ts -> packages/spm/src/a.ts",
  ]);
});

test("types alone load nothing, so they make no circle; a dynamic import does", () => {
  const types = { "packages/spm/src/a.ts": 'import type { B } from "./index.js";\nexport type A = B;' };
  expect(problemsOf("spm", 'import "./a.js";\nexport type B = 1;', {}, types)).toEqual([]);
  const both = {
    "packages/spm/src/a.ts": 'import type { B } from "./index.js";\nimport { b } from "./index.js";',
  };
  expect(problemsOf("spm", 'import "./a.js";', {}, both)).toHaveLength(1);
  const dynamic = { "packages/spm/src/a.ts": 'export const later = () => import("./index.js");' };
  expect(problemsOf("spm", 'import "./a.js";', {}, dynamic)).toHaveLength(1);
});

describe("above the drivers", () => {
  const refused = [
    ['import "node:fs";', "node:fs"],
    ["export const t = Date.now();", "Date.now"],
    ["export const t = new Date();", "the current Date"],
    ["export const t = performance.now();", "performance"],
    ["export const t = () => Math.random();", "Math.random"],
    ["setTimeout(() => 1, 5);", "setTimeout"],
    ["export const later = { setInterval };", "setInterval"],
    ["export const pid = process.pid;", "process"],
  ];
  test.each(refused)("%s is refused", (text, name) => {
    const [problem, ...rest] = problemsOf("multipath", text);
    expect(problem).toContain(name);
    expect(rest).toEqual([]);
  });
  test("a clock that comes in is not the ambient one", () => {
    const text = `
      export interface Clock { setTimeout(f: () => void): void; now(): number; }
      export function run(clock: Clock, process: (item: number) => void) {
        clock.setTimeout(() => process(clock.now()));
        return { at: new Date(clock.now()), performance: 1 };
      }`;
    expect(problemsOf("multipath", text)).toEqual([]);
  });
  test("drivers may use all of it", () => {
    expect(problemsOf("driver-file", 'import "node:fs";\nsetTimeout(() => Date.now(), 5);')).toEqual([]);
  });
});
