import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fairleadCli, Scope } from "@fairlead/testing";
import { describe, expect, it, onTestFinished } from "vitest";
import { plugin } from "./plugin.js";

const SELECT = "return paths.length > 0 ? 0 : -1;";
const FILES = {
  "loops.ts": "for (;;);",
  "dies.ts": "process.kill(process.pid, 'SIGKILL');",
  "exits.ts": "process.exit(0);",
  // Neither may keep the command from ending, nor end it.
  "ticks.ts": `setInterval(() => {}, 10);\n${plugin("ticks", SELECT)}`,
  "last.ts": plugin("last", SELECT),
  "talks.ts": `console.log("to stdout");\n${plugin("talks", SELECT)}`,
};

async function config(luns: object) {
  const scope = new Scope();
  onTestFinished(() => scope.close());
  const directory = await scope.directory();
  for (const [name, text] of Object.entries(FILES)) await writeFile(join(directory, name), text);
  const file = join(directory, "fairlead.yaml");
  const hbas = { local: { driver: "file", files: [{ path: "lun0", size: "1MiB" }] } };
  await writeFile(file, JSON.stringify({ hbas, luns }, undefined, 1));
  return file;
}

const files = (...names: string[]) => names.map((name) => ({ file: `./${name}.ts` }));

describe("a config with plugins that do not come back", { timeout: 90_000 }, () => {
  it("is checked all the same, each is skipped with its reason, and those that load are used", async () => {
    const file = await config({
      strategy: files("exits", "ticks", "loops", "dies", "last"),
      byName: { "local:0:0": { strategy: [{ name: "speed" }, ...files("loops", "talks")] } },
    });
    const [checked, listed] = await Promise.all([
      fairleadCli(["check-config", file, "--timeout", "8s"]),
      fairleadCli(["plugins", "list", "--config", file, "-o", "json", "--timeout", "8s"]),
    ]);
    expect(checked.stdout).toBe(`${file}: ok, 1 HBA, 0 VMs, 0 disks\n`);
    const warnings = checked.stderr.match(/(?<=^warning .*)plugin .*$/gm) ?? [];
    expect(warnings).toEqual([
      expect.stringMatching(/exits\.ts can't be loaded: it called process\.exit\(0\), .* \(ticks is used/),
      "plugin ./loops.ts can't be loaded: it was not loaded within 8 s (it is no fall-back)",
      "plugin ./dies.ts can't be loaded: the process that loaded it ended with SIGKILL (it is no fall-back)",
      "plugin ./loops.ts can't be loaded: it was not loaded within 8 s (it is no fall-back)",
    ]);
    const views = JSON.parse(listed.stdout) as { name: string; state: string; scope?: string }[];
    const used = views.filter(({ scope }) => scope === "all" || scope === "local:0:0");
    expect(used.map(({ name, state }) => `${name} ${state}`)).toEqual([
      "./exits.ts refused",
      "ticks used",
      "./loops.ts refused",
      "./dies.ts refused",
      "last fall-back",
      "speed used",
      "./loops.ts refused",
      "talks fall-back",
      "disk-scheduler used",
    ]);
  });

  it("is refused where none of a list can be used", async () => {
    const file = await config({ strategy: files("dies") });
    const { code, stderr } = await fairleadCli(["check-config", file], { allow: [4] });
    expect(code).toBe(4);
    expect(stderr).toMatch(/^error CONFIG_INVALID:\s+\S+:\d+:\d+: plugin \.\/dies\.ts can't be loaded: the/);
  });

  it("is refused by `up` with a failure, not with 0, where none of a list can be used", async () => {
    const file = await config({ strategy: files("exits") });
    const { stderr } = await fairleadCli(["up", "--config", file], { allow: [4] });
    expect(stderr).toMatch(
      /exits\.ts can't be loaded: it called process\.exit\(0\), which a plugin must not/,
    );
  });
});
