import { readFileSync } from "node:fs";
import { copyFile, mkdir, symlink, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { run, Scope } from "@fairlead/testing";
import type { Command } from "commander";
import { expect, it, onTestFinished } from "vitest";
import { parse } from "yaml";
import { EXIT } from "../src/cli/exit.js";
import { createProgram } from "../src/cli/program.js";
import { loadConfig } from "../src/config/load.js";
import { schedulerSchema } from "../src/config/lun-schema.js";
import { jsonSchema } from "../src/config/schema.js";
import { builtIns } from "../src/plugins/built-in.js";
import { loadPlugin, loadPolicy } from "../src/plugins/choose.js";
import { configKeys, configRows } from "./config-table.js";

const file = (name: string) => fileURLToPath(new URL(`../${name}`, import.meta.url));
const read = (name: string) => readFileSync(file(name), "utf8");

/** A block of a document that begins with the name of its file. */
const NAMED_BLOCK = /^```\w+\n(?:\/\/ (\S+\.ts)\n)(.*?)^```$/gms;

/** The rows of the table below a heading of the README. */
function tableBelow(heading: string): string[] {
  const section = read("README.md").split(`\n## ${heading}\n`)[1]?.split("\n## ")[0] ?? "";
  return section.split("\n").filter((line) => line.startsWith("| `"));
}

it("schema/fairlead.schema.json is the schema (pnpm --filter @fairlead/host schema writes it)", () => {
  expect(JSON.parse(read("schema/fairlead.schema.json"))).toEqual(JSON.parse(JSON.stringify(jsonSchema())));
});

it("the README's table of keys is the schema's", () => {
  expect(tableBelow("Config")).toEqual(configRows(jsonSchema()));
});

it("example.yaml passes the check and shows every key", async () => {
  const scope = new Scope();
  onTestFinished(() => scope.close());
  const place = await scope.directory();
  await copyFile(file("example.yaml"), join(place, "example.yaml"));
  await writeFile(join(place, "chap.secret"), "a secret of the example\n", { mode: 0o600 });
  const plugin = `import { defineStrategy } from "@fairlead/core";
export default defineStrategy({ name: "example", create: () => ({ name: "example", select: () => 0 }) });\n`;
  const folder = join(place, "node_modules", "@example", "strategy");
  await mkdir(folder, { recursive: true });
  await writeFile(join(place, "my-strategy.ts"), plugin);
  await writeFile(join(folder, "index.js"), plugin);
  await writeFile(join(folder, "package.json"), '{ "type": "module", "exports": "./index.js" }');
  expect((await loadConfig(join(place, "example.yaml"))).warnings).toEqual([]);

  const shown = new Set<string>();
  const collect = (value: unknown, path: string): void => {
    if (typeof value !== "object" || value === null) return;
    for (const [key, inner] of Object.entries(value)) {
      const named = /^(hbas|vms|vms\.<name>\.(luns|disks)|luns\.byName)$/.test(path);
      const below = Array.isArray(value)
        ? `${path}[]`
        : named
          ? `${path}.<name>`
          : `${path === "" ? "" : `${path}.`}${key}`;
      shown.add(below);
      collect(inner, below);
    }
  };
  collect(parse(read("example.yaml")), "");
  const known = new Set(configKeys(jsonSchema()).map(({ path }) => path));
  expect([...known].filter((key) => !shown.has(key))).toEqual([]);
});

it("the README's table of commands is the command line's", () => {
  const commands = (command: Command, before: string): string[] => {
    const args = command.registeredArguments.map((argument) => {
      const name = `${argument.name()}${argument.variadic ? "..." : ""}`;
      return argument.required ? ` <${name}>` : ` [${name}]`;
    });
    const name = `${before}${command.name()}`;
    const shown = command.createHelp().visibleCommands(command);
    const inner = command.commands.filter((one) => shown.includes(one));
    if (inner.length > 0) return inner.flatMap((one) => commands(one, `${name} `));
    return [`| \`${name}${args.join("")}\` | ${command.description()} |`];
  };
  const program = createProgram({ print: () => {}, warn: () => {} });
  expect(tableBelow("Commands")).toEqual(commands(program, ""));
});

it("the files of the guide load as plugins, and their tests pass", async () => {
  const scope = new Scope();
  onTestFinished(() => scope.close());
  const directory = await scope.directory();
  await symlink(file("node_modules"), join(directory, "node_modules"));
  await writeFile(join(directory, "package.json"), '{ "type": "module" }');
  const source = { builtIns: builtIns(() => schedulerSchema.parse({})), directory };
  const loaded: string[] = [];
  const tests: string[] = [];
  for (const [, name = "", text = ""] of read("../../docs/write-a-strategy.md").matchAll(NAMED_BLOCK)) {
    await writeFile(join(directory, name), text);
    if (name.endsWith(".test.ts")) {
      tests.push(name);
      continue;
    }
    const { plugin } = await loadPlugin(undefined, { file: name }, source);
    const { from } = await loadPolicy(plugin.kind, { file: name }, source);
    loaded.push(`${plugin.name} ${from.replace(`file ${directory}/`, "")}`);
  }
  expect(loaded).toEqual([
    "spill-over spill-over.ts",
    "spill-over spill-over.ts",
    "strict-turns strict-turns.ts",
  ]);
  expect(tests).toEqual(["spill-over.test.ts", "strict-turns.test.ts"]);
  const tsx = createRequire(file("../../package.json")).resolve("tsx");
  for (const name of tests) {
    const args = [
      "--conditions=@fairlead/source",
      "--import",
      pathToFileURL(tsx).href,
      join(directory, name),
    ];
    const { stdout } = await run(process.execPath, args, { cwd: directory, timeoutMs: 60_000 });
    expect(stdout, name).toMatch(/^# pass [1-9]\d$/m);
  }
}, 120_000);

it("the README's table of exit codes is complete", () => {
  const codes = tableBelow("Exit codes").map((row) => Number(/^\| `(\d+)`/.exec(row)?.[1]));
  expect(codes).toEqual(Object.values(EXIT));
});
