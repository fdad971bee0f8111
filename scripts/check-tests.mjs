// The whole project's vitest, with its counts. A skipped test stands only for a peer that is not installed here.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { execute } from "./execute.mjs";

/** Counts and problems of a report of vitest's JSON reporter. `missingPeers` are the names that tests did not find. */
export function judge(root, report, status, missingPeers) {
  const result = { passed: 0, failed: 0, skipped: 0, problems: [] };
  for (const file of report.testResults) {
    const name = relative(root, file.name);
    const counts = { passed: 0, failed: 0 };
    for (const { status: outcome, fullName } of file.assertionResults) {
      if (outcome === "passed") counts.passed++;
      else if (outcome === "failed") {
        counts.failed++;
        result.problems.push(`${name}: ${fullName}`);
      } else if (missingPeers.length > 0 && /\bpeers\(/.test(readFileSync(file.name, "utf8")))
        result.skipped++;
      else {
        counts.failed++;
        result.problems.push(`${name}: ${fullName}: did not run, though no peer is missing`);
      }
    }
    if (file.status === "failed" && counts.failed === 0) {
      counts.failed = 1;
      result.problems.push(`${name}: ${file.message || "the file fails"}`);
    }
    result.passed += counts.passed;
    result.failed += counts.failed;
  }
  if (status !== 0 && result.failed === 0) {
    result.failed = 1;
    result.problems.push("vitest fails, but no test does: an error outside of a test");
  }
  if (result.passed + result.failed + result.skipped === 0) {
    result.failed = 1;
    result.problems.push("no test was found");
  }
  return result;
}

// Tests that only compute, beside those that mostly wait for peers: together they keep two processors busy.
const COMPUTING =
  /^(scripts|packages\/(core|strategy-[^/]*|disk-scheduler|multipath|spm|compliance|iscsi-codec))\//;

/** All test files in two groups, relative to the root. */
async function groups(root) {
  const { output } = await execute("vitest", ["list", "--filesOnly", "--json"], { cwd: root });
  const listed = JSON.parse(output.slice(output.search(/^\[/m)));
  const files = listed.map(({ file }) => relative(root, file));
  return [files.filter((file) => COMPUTING.test(file)), files.filter((file) => !COMPUTING.test(file))];
}

async function runGroup(root, files, place) {
  const reportFile = join(place, "report.json");
  const peersFile = join(place, "missing-peers");
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${reportFile}`];
  const { status } = await execute("vitest", ["run", "--allowOnly=false", ...reporters, ...files], {
    cwd: root,
    env: { MISSING_PEERS_FILE: peersFile },
    limitMs: 20 * 60_000,
    show: true,
  });
  if (!existsSync(reportFile)) {
    return { passed: 0, failed: 1, skipped: 0, problems: ["vitest gave no report"], missingPeers: [] };
  }
  const missing = existsSync(peersFile) ? readFileSync(peersFile, "utf8").split("\n").filter(Boolean) : [];
  const missingPeers = [...new Set(missing)].sort();
  const report = JSON.parse(readFileSync(reportFile, "utf8"));
  return { ...judge(root, report, status, missingPeers), missingPeers };
}

/** The counts of all groups together. */
export function sumOf(results) {
  const total = { passed: 0, failed: 0, skipped: 0, problems: [], missingPeers: [] };
  for (const result of results) {
    for (const key of ["passed", "failed", "skipped"]) total[key] += result[key];
    for (const key of ["problems", "missingPeers"]) total[key].push(...result[key]);
  }
  return total;
}

export async function runTests(root) {
  const place = mkdtempSync(join(tmpdir(), "fairlead-tests-"));
  try {
    const runs = (await groups(root)).map((files, at) => {
      const own = join(place, `${at}`);
      mkdirSync(own);
      return runGroup(root, files, own);
    });
    return sumOf(await Promise.all(runs));
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
}
