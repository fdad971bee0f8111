import { readFileSync } from "node:fs";
import { copyFile, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Scope } from "@fairlead/testing";
import type { Command } from "commander";
import { expect, it, onTestFinished } from "vitest";
import { parse } from "yaml";
import { EXIT } from "../src/cli/exit.js";
import { createProgram } from "../src/cli/program.js";
import { loadConfig } from "../src/config/load.js";
import { jsonSchema } from "../src/config/schema.js";
import { configKeys, configRows } from "./config-table.js";

const file = (name: string) => fileURLToPath(new URL(`../${name}`, import.meta.url));
const read = (name: string) => readFileSync(file(name), "utf8");

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

it("the README's table of exit codes is complete", () => {
  const codes = tableBelow("Exit codes").map((row) => Number(/^\| `(\d+)`/.exec(row)?.[1]));
  expect(codes).toEqual(Object.values(EXIT));
});
