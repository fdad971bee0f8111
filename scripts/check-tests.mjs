// The whole project's vitest, with its counts. A skipped test stands only for a peer that is not installed here.
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
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

export async function runTests(root) {
  const place = mkdtempSync(join(tmpdir(), "fairlead-tests-"));
  const reportFile = join(place, "report.json");
  const peersFile = join(place, "missing-peers");
  try {
    const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${reportFile}`];
    const { status } = await execute("vitest", ["run", "--allowOnly=false", ...reporters], {
      cwd: root,
      env: { MISSING_PEERS_FILE: peersFile },
      limitMs: 20 * 60_000,
      show: true,
    });
    if (!existsSync(reportFile))
      return { passed: 0, failed: 1, skipped: 0, problems: ["vitest gave no report"] };
    const missing = existsSync(peersFile) ? readFileSync(peersFile, "utf8").split("\n").filter(Boolean) : [];
    const missingPeers = [...new Set(missing)].sort();
    const report = JSON.parse(readFileSync(reportFile, "utf8"));
    return { ...judge(root, report, status, missingPeers), missingPeers };
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
}
