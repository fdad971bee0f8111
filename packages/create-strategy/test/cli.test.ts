import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type RunResult, run, Scope } from "@fairlead/testing";
import { beforeAll, describe, expect, it } from "vitest";

const CLI = fileURLToPath(new URL("../src/cli.ts", import.meta.url));
const TSX = import.meta.resolve("tsx");

let scope: Scope;
let directory: string;

function cli(...args: string[]): Promise<RunResult> {
  const options = { cwd: directory, allow: [0, 1, 2] };
  return run(process.execPath, ["--conditions=@fairlead/source", "--import", TSX, CLI, ...args], options);
}

describe("create-strategy", () => {
  beforeAll(async () => {
    scope = new Scope();
    directory = await scope.directory();
    return () => scope.close();
  });

  it("makes the folder and says what comes next", async () => {
    const { code, stdout, stderr } = await cli("@acme/night");
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toContain("night has 8 files");
    expect(stdout).toContain("  cd night\n  npm install\n  npm test\n");
    expect(existsSync(join(directory, "night", "package.json"))).toBe(true);
  });

  it("refuses to write where something is, with exit code 1", async () => {
    writeFileSync(join(directory, "taken"), "");
    const { code, stdout, stderr } = await cli("taken");
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toMatch(/^error PROJECT_FOLDER_IN_USE: .*taken is a file/);
  });

  it.each([
    [[], /PROJECT_USAGE: expected the name/],
    [["a", "b"], /PROJECT_USAGE: expected one name, got 2/],
    [["--force", "a"], /PROJECT_USAGE: .*--force/],
    [["No Good"], /PROJECT_NAME_INVALID: "No Good"/],
  ])("ends with exit code 2 for %j", async (args, message) => {
    const { code, stdout, stderr } = await cli(...args);
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toMatch(message);
    expect(existsSync(join(directory, "a"))).toBe(false);
  });

  it("prints its usage where it is asked for, and makes nothing", async () => {
    const { code, stdout } = await cli("--help", "unmade");
    expect(code).toBe(0);
    expect(stdout).toContain("npm create @fairlead/strategy <name>");
    expect(existsSync(join(directory, "unmade"))).toBe(false);
  });
});
