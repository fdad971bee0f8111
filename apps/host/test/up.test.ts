import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { fairleadCli, NbdClient, Scope, start, until } from "@fairlead/testing";
import { expect, it, onTestFinished } from "vitest";

const CLI = fileURLToPath(new URL("../src/cli.ts", import.meta.url));
const NODE_ARGS = ["--conditions=@fairlead/source", "--import", "tsx", CLI];

/** A config with one file as its LUN. */
async function configured() {
  const scope = new Scope();
  onTestFinished(() => scope.close());
  const runDir = await scope.directory();
  const config = join(await scope.directory(), "fairlead.yaml");
  await writeFile(
    config,
    `host: { runDir: ${runDir} }
hbas: { local: { driver: file, files: [{ path: lun0, size: 1MiB }] } }
vms: { db: { disks: { root: { extents: [{ lun: "local:0:0" }] } } } }`,
  );
  const up = () =>
    start(scope, process.execPath, [...NODE_ARGS, "up", "--config", config], {
      ready: ({ stderr }) => stderr.includes('"disk-ready"'),
      readyTimeoutMs: 20_000,
    });
  const env = { FAIRLEAD_SOCKET: join(runDir, "api.sock") };
  return { scope, runDir, config, env, up };
}

it("logs events as JSON lines on stderr and nothing on stdout, and ends with 0", async () => {
  const { runDir, up } = await configured();
  const host = await up();
  host.signal("SIGTERM");
  expect(await host.exited).toEqual({ code: 0, signal: null });
  expect(host.stdout).toBe("");
  const lines = host.stderr
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(lines.map(({ sequence }) => sequence)).toEqual(lines.map((_, index) => index + 1));
  expect(lines).toContainEqual(
    expect.objectContaining({ level: 30, kind: "disk-ready", subject: "db-root" }),
  );
  expect(lines.map(({ kind }) => kind)).toContain("host-stopping");
  expect(existsSync(join(runDir, "nbd.sock")) || existsSync(join(runDir, "api.sock"))).toBe(false);
}, 30_000);

it("is refused with exit code 6 where another host runs, which goes on", async () => {
  const { config, env, up } = await configured();
  await up();
  const second = await fairleadCli(["up", "--config", config], { allow: [6] });
  expect(second.stderr).toMatch(/^error RUN_DIR_IN_USE: another host runs in /);
  expect((await fairleadCli(["get", "disks"], { env })).stdout).toMatch(/^db-root +db +ready/m);
}, 30_000);

it("starts again over what a killed one left", async () => {
  const { scope, runDir, env, up } = await configured();
  const first = await up();
  await first.kill();
  expect(existsSync(join(runDir, "api.sock")) && existsSync(join(runDir, "nbd.sock"))).toBe(true);
  await up();
  expect((await fairleadCli(["get", "paths"], { env })).stdout).toMatch(/^local:0:0 +active/m);
  const client = await NbdClient.open(scope, join(runDir, "nbd.sock"), "db-root");
  await client.write(0, Buffer.alloc(4096, 7));
  expect((await client.read(0, 4096))[4095]).toBe(7);
}, 30_000);

it("goes on when nobody reads its log any more", async () => {
  const { scope, config, env } = await configured();
  const child = spawn(process.execPath, [...NODE_ARGS, "up", "--config", config], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  scope.defer(() => {
    child.kill("SIGKILL");
  });
  let log = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    log += text;
  });
  await until("the disk", () => log.includes('"disk-ready"'), 20_000);
  child.stderr.destroy();
  for (const verb of ["disable", "enable", "disable", "enable"])
    await fairleadCli(["path", verb, "local:0:0"], { env });
  expect((await fairleadCli(["events"], { env })).stdout.match(/path-enabled/g)).toHaveLength(2);
  expect(child.exitCode).toBeNull();
}, 30_000);
