import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { judge, sumOf } from "../check-tests.mjs";
import { tree } from "./tree.mjs";

/** Judges a report with one file whose tests ended as `statuses` say. */
function judged(statuses, { status = 0, missing = [], text = "", fileStatus = "passed" } = {}) {
  const root = tree({ "a.test.ts": text });
  const assertionResults = statuses.map((outcome, index) => ({ status: outcome, fullName: `test ${index}` }));
  const file = {
    name: join(root, "a.test.ts"),
    status: fileStatus,
    message: "broken import",
    assertionResults,
  };
  return judge(root, { testResults: [file] }, status, missing);
}

test("counts", () => {
  expect(judged(["passed", "failed", "passed"], { status: 1, fileStatus: "failed" })).toEqual({
    passed: 2,
    failed: 1,
    skipped: 0,
    problems: ["a.test.ts: test 1"],
  });
});

describe("a skipped test", () => {
  const text = 'describe.skipIf(!peers("tgtd"))';
  test("stands for a missing peer that its file asked for", () => {
    expect(judged(["passed", "skipped"], { text, missing: ["tgtd"] })).toMatchObject({
      failed: 0,
      skipped: 1,
    });
  });
  test("fails where no peer is missing", () => {
    expect(judged(["passed", "skipped", "todo"], { text })).toMatchObject({
      passed: 1,
      failed: 2,
      skipped: 0,
    });
  });
  test("fails where its file asked for none", () => {
    expect(judged(["passed", "skipped"], { missing: ["tgtd"] })).toMatchObject({ failed: 1, skipped: 0 });
  });
});

test("a file that does not load, an error outside of a test, and no test at all are failures", () => {
  expect(judged([], { status: 1, fileStatus: "failed" }).problems).toEqual(["a.test.ts: broken import"]);
  expect(judged(["passed"], { status: 1 })).toMatchObject({ passed: 1, failed: 1 });
  expect(judge("/", { testResults: [] }, 0, [])).toMatchObject({ failed: 1 });
});

test("groups count together", () => {
  const one = { passed: 1, failed: 2, skipped: 3, problems: ["a"], missingPeers: ["tgtd"] };
  const other = { passed: 10, failed: 0, skipped: 0, problems: [], missingPeers: [] };
  expect(sumOf([one, other, one])).toEqual({
    passed: 12,
    failed: 4,
    skipped: 6,
    problems: ["a", "a"],
    missingPeers: ["tgtd", "tgtd"],
  });
});
