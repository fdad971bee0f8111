// Starts a SAN with two portals and a host, copies an image through both, closes one portal in the middle of it,
// compares, and opens the portal again. Needs fairlead, fairlead-san and qemu-img on the search path.
import { execFile, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { promisify } from "node:util";

const PORTALS = ["127.0.0.1:24830", "127.0.0.1:24831"];
const MIB = 1024 * 1024;
const SIZE_MIB = 64;
const OTHER_END_SECONDS = 60;

const run = promisify(execFile);
const config = join(import.meta.dirname, "fairlead.yaml");
const directory = mkdtempSync(join(tmpdir(), "two-portals-"));
process.env.XDG_RUNTIME_DIR = directory; // The host's sockets are made below it.
const children = [];

function background(command, ...args) {
  const child = spawn(command, args, { stdio: ["pipe", "ignore", "inherit"] });
  child.once("error", (error) => console.error(error.message));
  children.push(child);
  return child;
}

const ended = (child) => child.pid === undefined || child.exitCode !== null || child.signalCode !== null;

async function get(kind) {
  return JSON.parse((await run("fairlead", ["get", kind, "-o", "json"])).stdout);
}

/** Asks until the answer is true. */
async function until(what, ask) {
  const endMs = Date.now() + OTHER_END_SECONDS * 1000;
  while (!(await ask().catch(() => false))) {
    if (children.some(ended)) throw new Error(`${what}: the SAN or the host has ended`);
    if (Date.now() > endMs) throw new Error(`${what}: not within ${OTHER_END_SECONDS} s`);
    await wait(50);
  }
}

async function showPaths(title) {
  console.log(title);
  for (const { name, state, completedBytes } of await get("paths")) {
    console.log(`  ${name} ${state}, ${(completedBytes / MIB).toFixed(0)} MiB`);
  }
}

const states = async () => (await get("paths")).map(({ state }) => state).join(" ");
const doneMib = async () =>
  (await get("paths")).reduce((sum, { completedBytes }) => sum + completedBytes, 0) / MIB;

async function main() {
  const limit = ["--bytes-per-second", `${32 * MIB}`]; // Slow enough to be in the middle of something.
  const san = background(
    "fairlead-san",
    "--portal-group",
    `1=${PORTALS}`,
    "--lun",
    `1=${SIZE_MIB}MiB`,
    ...limit,
  );
  const fault = (name) => san.stdin.write(`${JSON.stringify({ portal: PORTALS[1], fault: name })}\n`);
  background("fairlead", "up", "--config", config, "--log-level", "error");
  await until("two paths", async () => (await states()) === "active active");
  const [{ uri }] = await get("disks");

  const image = join(directory, "image.raw");
  writeFileSync(image, randomBytes(SIZE_MIB * MIB));
  const before = await doneMib();
  const copied = run("qemu-img", ["convert", "-n", "-f", "raw", "-O", "raw", image, uri]);
  await until("a quarter", async () => (await doneMib()) > before + SIZE_MIB / 4);
  fault("refuse"); // New connections,
  fault("close"); // and ends those that there are.
  await copied;
  await showPaths(`${SIZE_MIB} MiB copied, with one portal closed on the way:`);

  await run("qemu-img", ["compare", "-f", "raw", "-F", "raw", image, uri]);
  console.log("qemu-img compare: what is read is what was written");
  fault("accept");
  await until("the second path", async () => (await states()) === "active active");
  await run("qemu-io", ["-f", "raw", "-c", "write -q -P 0x5a 0 8M", "-c", "read -q -P 0x5a 0 8M", uri]);
  await showPaths("the portal is open again:");
}

try {
  await main();
} finally {
  for (const child of children) child.kill();
  await Promise.all(
    children.map((child) => child.exitCode ?? new Promise((done) => child.once("exit", done))),
  );
  rmSync(directory, { recursive: true, force: true });
}
