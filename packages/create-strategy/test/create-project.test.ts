import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { run, Scope } from "@fairlead/testing";
import { describe, expect, it, onTestFinished } from "vitest";
import { createProject } from "../src/index.js";

const OWN = fileURLToPath(new URL("..", import.meta.url));
const NODE_MODULES = join(OWN, "node_modules");

async function temporary(): Promise<string> {
  const scope = new Scope();
  onTestFinished(() => scope.close());
  return scope.directory();
}

const code = (expected: string) => expect.objectContaining({ code: expected });

describe("createProject", () => {
  it("makes every file of the template, with the project's names in them", async () => {
    const parent = await temporary();
    const { directory, files } = createProject({ name: "@acme/strategy-night-shift", parent });
    expect(directory).toBe(join(parent, "strategy-night-shift"));
    expect(files).toEqual([
      ".gitignore",
      "README.md",
      "bench/select.bench.ts",
      "package.json",
      "src/index.ts",
      "test/night-shift.test.ts",
      "tsconfig.build.json",
      "tsconfig.json",
    ]);
    const text = files.map((file) => readFileSync(join(directory, file), "utf8")).join("\n");
    expect(text).not.toMatch(/my-?strategy/i);
    expect(text).toContain("export function nightShiftStrategy(options: NightShiftStrategyOptions = {})");
    expect(text).toContain('name: "night-shift"');
    expect(text).toContain('import { nightShiftStrategy } from "@acme/strategy-night-shift"');
  });

  it("asks for the versions that it was made with", async () => {
    const { directory } = createProject({ name: "night", parent: await temporary() });
    const { name, dependencies, devDependencies } = JSON.parse(
      readFileSync(join(directory, "package.json"), "utf8"),
    );
    const version = (dependency: string) =>
      JSON.parse(readFileSync(join(NODE_MODULES, dependency, "package.json"), "utf8")).version;
    expect(name).toBe("night");
    expect(dependencies).toEqual({ "@fairlead/core": `^${version("@fairlead/core")}` });
    expect(Object.keys(devDependencies)).toEqual([
      "@fairlead/compliance",
      "@types/node",
      "tsx",
      "typescript",
    ]);
    for (const [dependency, range] of Object.entries(devDependencies)) {
      expect(range).toBe(`^${version(dependency)}`);
    }
  });

  it("fills an empty folder, and leaves one alone that holds something", async () => {
    const parent = await temporary();
    mkdirSync(join(parent, "empty"));
    expect(existsSync(join(createProject({ name: "empty", parent }).directory, "src/index.ts"))).toBe(true);
    mkdirSync(join(parent, "used"));
    writeFileSync(join(parent, "used", ".notes"), "mine");
    expect(() => createProject({ name: "used", parent })).toThrow(code("PROJECT_FOLDER_IN_USE"));
    expect(readdirSync(join(parent, "used"))).toEqual([".notes"]);
    writeFileSync(join(parent, "file"), "mine");
    expect(() => createProject({ name: "file", parent })).toThrow(code("PROJECT_FOLDER_IN_USE"));
    expect(readFileSync(join(parent, "file"), "utf8")).toBe("mine");
  });

  it("writes nothing under a name that npm would refuse", async () => {
    const parent = await temporary();
    expect(() => createProject({ name: "../night", parent })).toThrow(code("PROJECT_NAME_INVALID"));
    expect(readdirSync(parent)).toEqual([]);
  });

  it("makes a project whose types, tests and bench pass", { timeout: 90_000 }, async () => {
    const { directory } = createProject({ name: "@acme/strategy-night-shift", parent: await temporary() });
    symlinkSync(NODE_MODULES, join(directory, "node_modules"));
    const node = (...args: string[]) =>
      run(process.execPath, args, { cwd: directory, env: { BENCH_SMOKE: "1", NODE_OPTIONS: "" } });
    const source = ["--conditions=@fairlead/source", "--import", "tsx"];
    await node(join(NODE_MODULES, "typescript/bin/tsc"), "--customConditions", "@fairlead/source");
    const { stdout } = await node(...source, "--test", "test/night-shift.test.ts");
    expect(stdout).toMatch(/^# pass (2[5-9]|[3-9]\d)$/m);
    expect(stdout).toMatch(/^# fail 0$/m);
    expect((await node(...source, "bench/select.bench.ts")).stdout).toMatch(
      /night-shift, 64 paths: [\d.]+ ns/,
    );
  });
});
