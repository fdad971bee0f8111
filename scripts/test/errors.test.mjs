import { expect, test } from "vitest";
import { checkErrors } from "../check-errors.mjs";
import { manifest, tree } from "./tree.mjs";

const base = `
  export class FairleadError extends Error {
    constructor(readonly code: string, message: string) { super(message); }
  }
  export class OptionError extends FairleadError {
    constructor(readonly option: string) { super("OPTION_INVALID", option); }
  }`;
const uses = `
  import { FairleadError } from "@fairlead/core";
  class LunError extends FairleadError {}
  export function fail(gone: boolean) {
    if (gone) throw new FairleadError("PATH_GONE", "NOT_A_CODE");
    throw new LunError(gone ? "LUN_GONE" : "LUN_MASKED", "a message");
  }
  export const verb = new Map([["WRITE", 1]]);
  export const nested = new TypeError("NEITHER");`;

function problemsOf(docs) {
  return checkErrors(
    tree({
      "packages/core/package.json": manifest("core"),
      "packages/core/src/errors.ts": base,
      "packages/spm/package.json": manifest("spm"),
      "packages/spm/src/index.ts": uses,
      ...(docs === undefined ? {} : { "docs/errors.md": docs }),
    }),
  );
}

const rows = ["OPTION_INVALID", "PATH_GONE", "LUN_GONE", "LUN_MASKED"].map((code) => `| \`${code}\` | why |`);

test("the same codes on both sides", () => {
  expect(problemsOf(`| code | cause |\n| --- | --- |\n${rows.join("\n")}\n`)).toEqual([]);
});

test("a code without a row, a row without a code, a row twice", () => {
  const docs = [rows[0], rows[0], rows[1], rows[3], "| `OLD_ONE` | why |"].join("\n");
  expect(problemsOf(docs)).toEqual([
    "packages/spm/src/index.ts:6: LUN_GONE is not in docs/errors.md",
    "docs/errors.md: OPTION_INVALID is listed twice",
    "docs/errors.md: OLD_ONE is in no source",
  ]);
});

test("no document at all", () => {
  expect(problemsOf(undefined)).toHaveLength(rows.length);
});
