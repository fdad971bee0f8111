// What would be published: packed, then read by publint and by attw the way a user's tools will read it.
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execute } from "./execute.mjs";
import { packPackage } from "./pack.mjs";
import { runAlone, workspaces } from "./sources.mjs";

// Packages are ESM alone: two formats would make two copies of each class, and `instanceof` would fail between them.
// CommonJS users load them with require(), which Node does from 20.19 on; attw's warning about that is left out, and
// so is node10, TypeScript's oldest resolution, which knows no "exports".
const attwArguments = ["--profile", "node16", "--ignore-rules", "cjs-resolves-to-esm", "--format", "ascii"];

function packedContentProblems(manifest, files) {
  const wanted = ["package/package.json", "package/LICENSE", "package/README.md"];
  const entry = manifest.exports?.["."];
  for (const path of [entry?.types, entry?.default, ...Object.values(manifest.bin ?? {})]) {
    if (path !== undefined) wanted.push(path.replace(/^\.\//, "package/"));
  }
  // What a template holds is the content of what the package makes.
  const own = files.filter((file) => !file.startsWith("package/template/"));
  const stray = own.filter((file) =>
    /^package\/(test|bench|node_modules)\/|\.test\.|tsconfig|\.config\./.test(file),
  );
  return [
    ...wanted.filter((file) => !files.includes(file)).map((file) => `the packed form lacks ${file}`),
    ...stray.map((file) => `the packed form contains ${file}`),
  ];
}

async function checkPackage({ directory, manifest }, destination) {
  const tarball = await packPackage(directory, destination);
  const listing = await execute("tar", ["tzf", tarball]);
  const problems = packedContentProblems(manifest, listing.output.split("\n"));
  const publint = await execute("publint", ["run", tarball, "--strict"]);
  if (publint.status !== 0) problems.push(publint.output);
  if (manifest.exports?.["."] !== undefined) {
    const attw = await execute("attw", [tarball, ...attwArguments]);
    if (attw.status !== 0) problems.push(attw.output);
  }
  return problems;
}

export async function checkPackages(root) {
  const problems = [];
  const publishable = workspaces(root).filter(({ manifest }) => !manifest.private);
  const destination = mkdtempSync(join(tmpdir(), "fairlead-packed-"));
  try {
    for (const workspace of publishable) {
      if (!existsSync(join(workspace.directory, "dist"))) {
        problems.push(`${workspace.name} is not built`);
        continue;
      }
      const found = await checkPackage(workspace, destination);
      problems.push(...found.map((problem) => `${workspace.name}: ${problem.trim()}`));
    }
  } finally {
    rmSync(destination, { recursive: true, force: true });
  }
  return problems;
}

await runAlone(import.meta.url, checkPackages);
