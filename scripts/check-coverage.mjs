// docs/coverage.md: a line `Ids: S1-S23, D1-D11` and a table `| id | package | test |` with one row for each of them.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { runAlone } from "./sources.mjs";

function expand(list) {
  return list.split(",").flatMap((part) => {
    const [from, to] = part.trim().split(/\s*[-–]\s*/);
    const [, letters, first] = /^([A-Z]+)(\d+)$/.exec(from) ?? [];
    if (letters === undefined) return [];
    const last = to === undefined ? first : to.replace(/^[A-Z]+/, "");
    return Array.from(
      { length: Number(last) - Number(first) + 1 },
      (_, step) => `${letters}${Number(first) + step}`,
    );
  });
}

/** The names in backticks of a cell: "`spm`, `multipath`". */
function names(cell) {
  return [...cell.matchAll(/`([^`]+)`/g)].map((match) => match[1]);
}

function packageExists(root, name) {
  return [join("packages", name), join("apps", name)].some((path) =>
    existsSync(join(root, path, "package.json")),
  );
}

export function checkCoverage(root) {
  const file = join(root, "docs", "coverage.md");
  if (!existsSync(file)) return ["docs/coverage.md does not exist"];
  const text = readFileSync(file, "utf8");
  const list = /^Ids: (.+)$/m.exec(text);
  if (list === null) return ["docs/coverage.md: no line that begins with `Ids: `"];
  const wanted = expand(list[1].replace(/\.$/, ""));
  const problems = [];
  const seen = new Set();
  for (const [, id, packages, tests] of text.matchAll(/^\|\s*([A-Z]+\d+)\s*\|([^|\n]*)\|([^|\n]*)\|/gm)) {
    const row = `docs/coverage.md: ${id}`;
    if (seen.has(id)) problems.push(`${row} has two rows`);
    seen.add(id);
    if (!wanted.includes(id)) problems.push(`${row} is not in the list of ids`);
    if (packages.trim() === "not yet" && tests.trim() === "not yet") continue;
    if (names(packages).length === 0) problems.push(`${row} names no package`);
    if (names(tests).length === 0) problems.push(`${row} names no test`);
    for (const name of names(packages)) {
      if (!packageExists(root, name)) problems.push(`${row} names package ${name}, which does not exist`);
    }
    for (const name of names(tests)) {
      if (!existsSync(join(root, name))) problems.push(`${row} names test ${name}, which does not exist`);
      else if (!name.endsWith(".test.ts")) problems.push(`${row} names ${name}, which is not a test`);
    }
  }
  for (const id of wanted) if (!seen.has(id)) problems.push(`docs/coverage.md: ${id} has no row`);
  return problems;
}

await runAlone(import.meta.url, checkCoverage);
