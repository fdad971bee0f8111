import { expect, test } from "vitest";
import { checkPackages } from "../check-packages.mjs";
import { manifest, tree } from "./tree.mjs";

const good = {
  "pnpm-workspace.yaml": "packages: [packages/*]\n",
  "package.json": { private: true },
  "packages/spm/package.json": manifest("spm"),
  "packages/spm/LICENSE": "text",
  "packages/spm/README.md": "# spm",
  "packages/spm/src/index.ts": "export const a = 1;",
  "packages/spm/dist/index.js": "export const a = 1;\n",
  "packages/spm/dist/index.d.ts": "export declare const a = 1;\n",
};

test("a package that is whole", async () => {
  expect(await checkPackages(tree(good))).toEqual([]);
});

test("types that are not packed", async () => {
  const { "packages/spm/dist/index.d.ts": _, ...files } = good;
  const text = (await checkPackages(tree(files))).join("\n");
  expect(text).toContain("@fairlead/spm: the packed form lacks package/dist/index.d.ts");
  expect(text).toContain("pkg.exports"); // publint
  expect(text).toContain("node16"); // attw
});

test("CommonJS code in a package that calls itself ESM", async () => {
  const text = (
    await checkPackages(tree({ ...good, "packages/spm/dist/index.js": "module.exports = { a: 1 };" }))
  ).join();
  expect(text).toContain("dist/index.js");
});

test("tests that are packed", async () => {
  const files = ["dist", "src", "test"];
  const packed = {
    ...good,
    "packages/spm/package.json": manifest("spm", {}, { files }),
    "packages/spm/test/a.ts": "1;",
  };
  expect(await checkPackages(tree(packed))).toEqual([
    "@fairlead/spm: the packed form contains package/test/a.ts",
  ]);
});

test("tests and settings in a template are content", async () => {
  const packed = {
    ...good,
    "packages/spm/package.json": manifest("spm", {}, { files: ["dist", "src", "template"] }),
    "packages/spm/template/test/a.test.ts": "1;",
    "packages/spm/template/tsconfig.json": {},
  };
  expect(await checkPackages(tree(packed))).toEqual([]);
});

test("what was not built; private packages are left out", async () => {
  const files = { "packages/spm/package.json": manifest("spm") };
  expect(await checkPackages(tree(files))).toEqual(["@fairlead/spm is not built"]);
  expect(
    await checkPackages(tree({ "packages/spm/package.json": { ...manifest("spm"), private: true } })),
  ).toEqual([]);
});
