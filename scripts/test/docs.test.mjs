import { expect, test } from "vitest";
import { checkDocs } from "../check-docs.mjs";
import { manifest, tree } from "./tree.mjs";

const good = {
  "package.json": { name: "tree", private: true },
  "typedoc.json": {
    entryPointStrategy: "packages",
    entryPoints: ["packages/*"],
    projectDocuments: ["docs/guide.md"],
    packageOptions: { entryPoints: ["src/index.ts"], disableSources: true },
  },
  "docs/guide.md": "# Guide\n\nText.\n",
  "packages/spm/package.json": manifest("spm"),
  "packages/spm/README.md": "# spm\n",
  "packages/spm/tsconfig.json": { compilerOptions: { types: [] }, include: ["src"] },
  "packages/spm/src/index.ts": "/** Sum of {@link b}. */\nexport const a = 1;\nexport const b = 2;\n",
};

test("a site that is whole", { timeout: 40_000 }, async () => {
  expect(await checkDocs(tree(good))).toEqual([]);
});

test("pages of several folders", { timeout: 40_000 }, async () => {
  const projectDocuments = ["docs/guide.md", "packages/spm/README.md"];
  const several = { ...good, "typedoc.json": { ...good["typedoc.json"], projectDocuments } };
  expect(await checkDocs(tree(several))).toEqual([]);
});

test("a link that leads nowhere", { timeout: 40_000 }, async () => {
  const source = "/** Sum of {@link c}. */\nexport const a = 1;\n";
  const [problem, ...rest] = await checkDocs(tree({ ...good, "packages/spm/src/index.ts": source }));
  expect(problem).toContain('"c"');
  expect(rest).toEqual([]);
});

test("a page that typedoc leaves out", { timeout: 40_000 }, async () => {
  const { "docs/guide.md": text, ...files } = good;
  const elsewhere = { ...files, "docs/guides.md": text };
  expect((await checkDocs(tree(elsewhere))).join()).toContain("docs/guide.md");
});
