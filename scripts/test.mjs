// What `npm test` runs: the gates one after another, then all tests. `npm test -- types knip` runs only those named.
import { checkBenches } from "./check-benches.mjs";
import { checkCoverage } from "./check-coverage.mjs";
import { checkDocs } from "./check-docs.mjs";
import { checkErrors } from "./check-errors.mjs";
import { checkImports } from "./check-imports.mjs";
import { checkPackages } from "./check-packages.mjs";
import { checkReadmes } from "./check-readmes.mjs";
import { runTests } from "./check-tests.mjs";
import { checkTypes } from "./check-types.mjs";
import { execute } from "./execute.mjs";

/** A gate that is a program: its output is the problem where it fails. */
function program(command, args) {
  return async (root) => {
    const { status, output } = await execute(command, args, { cwd: root });
    return status === 0 ? [] : [output.trim()];
  };
}

const gates = {
  types: checkTypes,
  biome: program("biome", ["check", "--max-diagnostics=20", "."]),
  knip: program("knip", ["--no-progress", "--no-config-hints"]),
  imports: checkImports,
  errors: checkErrors,
  coverage: checkCoverage,
  packages: checkPackages,
  readmes: checkReadmes,
  docs: checkDocs,
  benches: checkBenches,
};

function report(ok, name, startedMs) {
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
  process.stdout.write(`${ok ? "ok    " : "FAILED"} ${name.padEnd(10)} ${seconds.padStart(6)} s\n`);
}

async function runGate(name, gate, root) {
  const startedMs = performance.now();
  let problems;
  try {
    problems = await gate(root);
  } catch (error) {
    problems = [error.stack];
  }
  report(problems.length === 0, name, startedMs);
  for (const problem of problems) process.stdout.write(`${problem.replace(/^/gm, "       ")}\n`);
  return problems.length === 0;
}

/** Runs the gates named in `only`, or all; goes on after a failure. The exit code. */
export async function runGates(root, only, build) {
  const known = ["build", ...Object.keys(gates), "tests"];
  const unknown = only.filter((name) => !known.includes(name));
  if (unknown.length > 0) throw new Error(`no gate ${unknown.join(", ")}; there are ${known.join(", ")}`);
  const wanted = (name) => only.length === 0 || only.includes(name);
  const total = { passed: 0, failed: 0, skipped: 0 };
  const count = (ok) => {
    total[ok ? "passed" : "failed"]++;
  };
  const buildGate = async () => {
    await build();
    return [];
  };
  count(await runGate("build", buildGate, root)); // Always: what the others read must be of now.
  for (const [name, gate] of Object.entries(gates)) if (wanted(name)) count(await runGate(name, gate, root));
  if (wanted("tests")) {
    const startedMs = performance.now();
    const tests = await runTests(root);
    report(tests.failed === 0, "tests", startedMs);
    for (const problem of tests.problems) process.stdout.write(`       ${problem}\n`);
    if (tests.skipped > 0) process.stdout.write(`not installed: ${tests.missingPeers.join(", ")}\n`);
    for (const key of ["passed", "failed", "skipped"]) total[key] += tests[key];
  }
  const skipped = total.skipped > 0 ? `, ${total.skipped} skipped` : "";
  process.stdout.write(`${total.passed} passed, ${total.failed} failed${skipped}\n`);
  return total.failed === 0 ? 0 : 1;
}
