import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Fairlead, figure, NbdClient, run, Scope, seededBytes } from "@fairlead/testing";
import { describe, expect, it, onTestFinished } from "vitest";
import { buildPackages, packPackage } from "../../../scripts/pack.mjs";
import { Registry } from "./registry.js";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const PUBLISHED = ["core", "compliance", "create-strategy"];
const PORT = 24_810;
const MIB = 1024 * 1024;

/** Writes, and reads back, over the strategy that the host has. */
async function carriesData(scope: Scope, host: Fairlead, seed: number): Promise<void> {
  const client = await NbdClient.open(scope, host.nbdSocket, "db-root");
  const chunk = (index: number) => seededBytes(seed + index, 65_536);
  const all = Array.from({ length: 16 }, (_, index) => index);
  await Promise.all(all.map((index) => client.write(index * 65_536, chunk(index))));
  await client.flush();
  for (const index of all) {
    expect((await client.read(index * 65_536, 65_536)).equals(chunk(index))).toBe(true);
  }
}

/** Runs the example of the new project's README. */
async function runReadme(project: string): Promise<string> {
  const readme = readFileSync(join(project, "README.md"), "utf8");
  const file = join(project, "readme.mts");
  writeFileSync(file, /^```ts\n(.*?)^```$/ms.exec(readme)?.[1] ?? "");
  return (await run(process.execPath, ["--import", "tsx", file], { cwd: project })).stdout;
}

const strategyInUse = async (host: Fairlead) => (await host.get("luns"))[0]?.strategy;

describe("npm create @fairlead/strategy", () => {
  it("makes a package whose tests pass, that builds, and that a host runs", {
    timeout: 240_000,
  }, async () => {
    const scope = new Scope();
    onTestFinished(() => scope.close());
    await buildPackages(
      ROOT,
      PUBLISHED.map((folder) => `@fairlead/${folder}`),
    );

    const startedMs = performance.now();
    const registry = await Registry.start(scope, PORT);
    await registry.checkUpstream("tsx");
    const empty = await scope.directory();
    for (const folder of PUBLISHED) {
      const tarball = await packPackage(join(ROOT, "packages", folder), await scope.directory());
      await registry.npm(["publish", tarball], { cwd: empty });
    }

    // What the README says, word for word; npm asks nobody where there is no terminal.
    const created = await registry.npm(["create", "@fairlead/strategy", "my-strategy"], { cwd: empty });
    expect(created.stdout).toContain("cd my-strategy");
    const project = join(empty, "my-strategy");
    await registry.npm(["install"], { cwd: project });
    const tests = await registry.npm(["test"], { cwd: project, env: { NODE_OPTIONS: "" } });
    expect(tests.stdout).toMatch(/^# pass \d\d$/m);
    expect(tests.stdout).toMatch(/^# fail 0$/m);
    await registry.npm(["run", "build"], { cwd: project });
    await registry.npm(["run", "bench"], { cwd: project, env: { BENCH_SMOKE: "1" } });
    const imports = 'import("my-strategy").then((all) => console.log(Object.keys(all).sort().join()))';
    expect((await run(process.execPath, ["-e", imports], { cwd: project })).stdout).toBe(
      "default,myStrategy\n",
    );
    expect(await runReadme(project)).toBe("1\n");
    const packed = await registry.npm(["pack", "--dry-run", "--json"], { cwd: project });
    expect(packed.stdout).toContain('"dist/index.d.ts"');
    expect(packed.stdout).not.toContain('"test/');

    const host = await Fairlead.start(scope, {
      hbas: { local: { driver: "file", files: [{ path: "lun0", size: "8MiB" }] } },
      luns: {
        strategy: [{ file: join(project, "src/index.ts"), marginBytes: 4096 }, { name: "round-robin" }],
      },
      vms: { db: { disks: { root: { extents: [{ lun: "local:0:0", range: `0B-${4 * MIB}B` }] } } } },
    });
    await host.untilServed("db-root");
    expect(await strategyInUse(host)).toBe("my-strategy");
    await carriesData(scope, host, 1);
    await host.cli("set", "strategy", "round-robin");
    expect(await strategyInUse(host)).toBe("round-robin");
    await registry.npm(["install", project], { cwd: host.directory });
    await host.cli("set", "strategy", "my-strategy");
    expect(await strategyInUse(host)).toBe("my-strategy");
    await carriesData(scope, host, 100);

    const seconds = (performance.now() - startedMs) / 1000;
    figure("npm create @fairlead/strategy to I/O through it", `${seconds.toFixed(1)} s`);
    expect(seconds).toBeLessThan(90);
  });

  it("says so where there is nothing to install from", { timeout: 90_000 }, async () => {
    const scope = new Scope();
    onTestFinished(() => scope.close());
    const registry = await Registry.start(scope, PORT + 1, "http://127.0.0.1:9/");
    await expect(registry.checkUpstream("tsx")).rejects.toThrow(/^http:\/\/127\.0\.0\.1:9\/ does not answer/);
  });
});
