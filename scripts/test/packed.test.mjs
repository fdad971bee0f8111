// Each policy package as its users get it: packed, installed from the tarball into an empty project, used.
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, test } from "vitest";
import { snippets } from "../check-readmes.mjs";
import { execute } from "../execute.mjs";
import { buildPackages, packPackage } from "../pack.mjs";
import { workspaces } from "../sources.mjs";

const tsx = import.meta.resolve("tsx");
const root = fileURLToPath(new URL("../..", import.meta.url));
const all = new Map(workspaces(root).map((workspace) => [workspace.name, workspace]));
const policies = [...all.values()].filter(({ folder }) =>
  /^(core|compliance|disk-scheduler|multipath|strategy-.+)$/.test(folder),
);

function dependenciesOf(name) {
  const own = Object.keys(all.get(name).manifest.dependencies ?? {}).filter((other) => all.has(other));
  return new Set([name, ...own.flatMap((other) => [...dependenciesOf(other)])]);
}

function importsOf(text) {
  return [...text.matchAll(/ from "(@fairlead\/[a-z-]+)"/g)].map((match) => match[1]);
}

let place;
const tarballs = new Map();

async function succeed(command, args, cwd) {
  const { status, output } = await execute(command, args, { cwd });
  expect(status, `${command} ${args.join(" ")}\n${output}`).toBe(0);
  return output;
}

async function install(project, names) {
  const files = [...new Set(names.flatMap((name) => [...dependenciesOf(name)]))].map((name) =>
    tarballs.get(name),
  );
  const quiet = ["--no-audit", "--no-fund", "--no-save", "--prefer-offline", "--loglevel=error"];
  mkdirSync(project);
  writeFileSync(join(project, "package.json"), '{ "private": true }\n');
  await succeed("npm", ["install", ...quiet, ...files], project);
}

/** A project of its own for each package, with the examples of its README and a CommonJS module. */
async function createProject({ folder, name, directory }) {
  const project = join(place, folder);
  const examples = snippets(root, join(directory, "README.md"));
  expect(examples.length).toBeGreaterThan(0);
  await install(project, [name, ...examples.flatMap(({ text }) => importsOf(text))]);
  const runnable = [];
  for (const [index, { text, run }] of examples.entries()) {
    const file = join(project, `use-${index}.mts`);
    writeFileSync(file, text);
    if (run) runnable.push(file);
  }
  const cjs = `import policy = require("${name}");\nexport const names: string[] = Object.keys(policy);\n`;
  writeFileSync(join(project, "use.cts"), cjs);
  return { project, examples: runnable };
}

describe("each policy package, packed and installed from its tarball", () => {
  beforeAll(async () => {
    expect(policies.length).toBeGreaterThanOrEqual(9);
    place = mkdtempSync(join(tmpdir(), "fairlead-installed-"));
    const names = [...new Set(policies.flatMap(({ name }) => [...dependenciesOf(name)]))];
    await buildPackages(root, names);
    for (const name of names) tarballs.set(name, await packPackage(all.get(name).directory, place));
    // The projects find it above them, and nothing else.
    mkdirSync(join(place, "node_modules/@types"), { recursive: true });
    symlinkSync(join(root, "node_modules/@types/node"), join(place, "node_modules/@types/node"));
    return () => rmSync(place, { recursive: true, force: true });
  }, 180_000);

  test.each(policies)(
    "$name: from an ES module and from CommonJS",
    { timeout: 60_000 },
    async (workspace) => {
      const { project, examples } = await createProject(workspace);
      const script = `
      const required = require("${workspace.name}");
      import("${workspace.name}").then((imported) => {
        const names = Object.keys(imported).sort();
        const differ = names.filter((name) => required[name] !== imported[name]);
        console.log(JSON.stringify({ names, differ }));
      });`;
      const output = await succeed(process.execPath, ["--no-warnings", "-e", script], project);
      const { names, differ } = JSON.parse(output);
      expect(names).toEqual(Object.keys(await import(join(workspace.directory, "src/index.ts"))).sort());
      expect(differ).toEqual([]);
      for (const file of examples) await succeed(process.execPath, ["--import", tsx, file], project);
    },
  );

  test("what was built keeps the laws, as its source does", { timeout: 120_000 }, async () => {
    const made = policies.filter(({ folder }) => /^(strategy-.+|disk-scheduler)$/.test(folder));
    const project = join(place, "laws");
    await install(project, ["@fairlead/compliance", ...made.map(({ name }) => name)]);
    const lines = made.map(({ folder, name }) => {
      const factory = folder.replace("strategy-", "").replace(/-(.)/g, (_, letter) => letter.toUpperCase());
      const suite = folder.startsWith("strategy-") ? "strategySuite" : "admissionSuite";
      return `suites.${suite}({ describe, it }, () => require("${name}").${factory}());`;
    });
    const imports =
      'const { describe, it } = require("node:test");\nconst suites = require("@fairlead/compliance");\n';
    writeFileSync(join(project, "laws.cjs"), imports + lines.join("\n"));
    const output = await succeed(process.execPath, ["--no-warnings", "laws.cjs"], project);
    expect(output).toMatch(new RegExp(`^# suites ${made.length}$`, "m"));
  });

  test.each([
    ["nodenext", ["**/*.mts", "**/*.cts"], { module: "nodenext" }],
    ["bundler", ["**/*.mts"], { module: "preserve", moduleResolution: "bundler" }],
  ])("from TypeScript, moduleResolution %s", { timeout: 120_000 }, async (name, include, settings) => {
    const compilerOptions = { target: "es2022", strict: true, noEmit: true, types: ["node"], ...settings };
    const file = join(place, `tsconfig.${name}.json`);
    writeFileSync(file, JSON.stringify({ include, compilerOptions }));
    await succeed("tsc", ["--noEmit", "--pretty", "false", "-p", file], place);
  });
});
