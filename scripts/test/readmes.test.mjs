import { expect, test } from "vitest";
import { checkReadmes } from "../check-readmes.mjs";
import { manifest, tree } from "./tree.mjs";

const block = (text, flags = "") => `\`\`\`ts${flags}\n${text}\n\`\`\`\n`;
const table = (...names) =>
  `| option | unit |\n| --- | --- |\n${names.map((name) => `| \`${name}\` | |`).join("\n")}\n`;
const example = block('import { spm } from "@fairlead/spm";\nspm({ depth: 3 });');

function problemsOf(readme, more = {}) {
  return checkReadmes(
    tree({
      "packages/spm/package.json": manifest("spm"),
      "packages/spm/dist/index.js":
        'export function spm({ depth }) { if (depth > 9) throw new RangeError("depth " + depth); }',
      "packages/spm/dist/index.d.ts": "export declare function spm(options: { depth: number }): void;",
      "packages/spm/src/index.ts": 'export type { SpmOptions } from "./options.js";',
      "packages/spm/src/options.ts":
        "interface Base { depth: number }\nexport interface SpmOptions extends Base { late?: 1 }",
      "packages/spm/README.md": readme,
      ...more,
    }),
  );
}
const good = `# spm\n\nnpm i @fairlead/spm\n\n${example}\n${table("depth", "late")}`;

test("a README that tells the truth", async () => {
  expect(await problemsOf(good)).toEqual([]);
});

test("a snippet that does not type-check is named with its line", async () => {
  const [problem, ...rest] = await problemsOf(good.replace("depth: 3", 'depth: "3"'));
  expect(problem).toContain("packages/spm/README.md:7: Type 'string' is not assignable");
  expect(rest).toEqual([]);
});

test("a snippet that throws, in any document; `no-run` only type-checks", async () => {
  const failing = 'import { spm } from "@fairlead/spm";\nspm({ depth: 10 });';
  const [problem, ...rest] = await problemsOf(good, { "docs/guide.md": `Text.\n\n${block(failing)}` });
  expect(problem).toContain("docs/guide.md:3: the snippet fails");
  expect(problem).toContain("depth 10");
  expect(rest).toEqual([]);
  expect(await problemsOf(good, { "docs/guide.md": block(failing, " no-run") })).toEqual([]);
  const wrong = await problemsOf(good, { "docs/guide.md": block("const a: number = 'x';", " no-run") });
  expect(wrong).toHaveLength(1);
});

test("a test in a snippet that fails is named", async () => {
  const failing = 'import { test } from "node:test";\ntest("half", () => { throw new Error("of it"); });';
  const [problem] = await problemsOf(good, { "docs/guide.md": block(failing) });
  expect(problem).toContain("not ok 1 - half");
  expect(problem).toContain("of it");
});

test("READMEs of examples are read as well", async () => {
  const wrong = await problemsOf(good, { "examples/one/README.md": block("const a: number = 'x';") });
  expect(wrong.join()).toContain("examples/one/README.md:2: Type 'string' is not assignable");
});

test("a function whose name ends like a type of options needs no table", async () => {
  const source = 'export type { SpmOptions } from "./options.js";\nexport function checkOptions() {}\n';
  expect(await problemsOf(good, { "packages/spm/src/index.ts": source })).toEqual([]);
});

test("a table that lacks an option, or has one too many", async () => {
  expect(await problemsOf(good.replace("`late`", "`early`"))).toEqual([
    "packages/spm/README.md: the table of SpmOptions lacks late",
    "packages/spm/README.md: SpmOptions has no field early",
  ]);
});

test("no table, no example, no line that installs, no README", async () => {
  expect(await problemsOf("# spm")).toEqual([
    "packages/spm/README.md: no line that installs @fairlead/spm",
    "packages/spm/README.md: no example",
    "packages/spm/README.md: no table of options for SpmOptions",
  ]);
  expect(await checkReadmes(tree({ "packages/spm/package.json": manifest("spm") }))).toEqual([
    "packages/spm/README.md does not exist",
  ]);
});

test("of two options types each has the table that follows its name", async () => {
  const sources = {
    "packages/spm/src/index.ts": "export interface AOptions { a: 1 }\nexport interface BOptions { b: 1 }",
  };
  const start = `npm i @fairlead/spm\n${example}`;
  const right = `${start}\n\`BOptions\`:\n\n${table("b")}\n\`AOptions\`:\n\n${table("a")}`;
  expect(await problemsOf(right, sources)).toEqual([]);
  const swapped = `${start}\n\`AOptions\`:\n\n${table("b")}\n\`BOptions\`:\n\n${table("a")}`;
  expect(await problemsOf(swapped, sources)).toHaveLength(4);
});
