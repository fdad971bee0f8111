import { expect, test } from "vitest";
import { checkCoverage } from "../check-coverage.mjs";
import { tree } from "./tree.mjs";

const good = {
  S1: ["`spm`", "`packages/spm/test/scan.test.ts`"],
  S2: ["`spm`, `host`", "`packages/spm/test/scan.test.ts`, `apps/host/test/up.test.ts`"],
  S3: ["not yet", "not yet"],
  F1: ["`spm`", "`packages/spm/test/scan.test.ts`"],
};

function problemsOf(rows, ids = "S1-S3, F1") {
  const table = Object.entries(rows).map(([id, cells]) => `| ${id} | ${cells.join(" | ")} |`);
  return checkCoverage(
    tree({
      "packages/spm/package.json": {},
      "packages/spm/test/scan.test.ts": "",
      "packages/spm/src/scan.ts": "",
      "apps/host/package.json": {},
      "apps/host/test/up.test.ts": "",
      "docs/coverage.md": `Ids: ${ids}\n\n| id | package | test |\n| --- | --- | --- |\n${table.join("\n")}\n`,
    }),
  );
}

test("a row for each id, all of it there", () => {
  expect(problemsOf(good)).toEqual([]);
});

const bad = [
  [
    { ...good, S1: ["`gone`", "`packages/spm/test/scan.test.ts`"] },
    "S1 names package gone, which does not exist",
  ],
  [
    { ...good, F1: ["`spm`", "`packages/spm/test/gone.test.ts`"] },
    "packages/spm/test/gone.test.ts, which does not",
  ],
  [{ ...good, F1: ["`spm`", "`packages/spm/src/scan.ts`"] }, "which is not a test"],
  [{ ...good, F1: ["`spm`", "not yet"] }, "F1 names no test"],
  [{ ...good, F1: ["", "`packages/spm/test/scan.test.ts`"] }, "F1 names no package"],
  [{ ...good, F2: ["not yet", "not yet"] }, "F2 is not in the list of ids"],
  [{ S1: good.S1, S2: good.S2, F1: good.F1 }, "S3 has no row"],
];
test.each(bad)("%j", (rows, message) => {
  const problems = problemsOf(rows);
  expect(problems).toHaveLength(1);
  expect(problems[0]).toContain(message);
});

test("no list, no document", () => {
  expect(checkCoverage(tree({ "docs/coverage.md": "| S1 |" }))[0]).toContain("no line that begins with");
  expect(checkCoverage(tree({}))).toEqual(["docs/coverage.md does not exist"]);
});
