// CPU time of the initiator for one command, and commands per second, against the embedded target in a process of its
// own. BENCH_SMOKE=1: one short round. BENCH_PORTAL=host:port: another target, whose LUN 1 is overwritten.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { type Clock, Command, type PathAdapter } from "@fairlead/core";
import { createIscsiDriver } from "../src/index.js";

const SMOKE = process.env.BENCH_SMOKE === "1";
const ROUNDS = SMOKE ? 1 : 5;
const ROUND_MS = SMOKE ? 50 : 1000;
const SIZE_BYTES = 64 * 1024 * 1024;

const clock: Clock = {
  now: () => performance.now(),
  schedule(callback, delayMs) {
    const timer = setTimeout(callback, delayMs);
    return { cancel: () => clearTimeout(timer) };
  },
};

interface Load {
  readonly op: "read" | "write";
  readonly lengthBytes: number;
  readonly depth: number;
}

async function startTarget(): Promise<{ portal: string; stop: () => void }> {
  const cli = fileURLToPath(new URL("../../iscsi-target/src/cli.ts", import.meta.url));
  const args = ["--conditions=@fairlead/source", "--import", "tsx", cli];
  const lun = `1=${SIZE_BYTES / 1024 / 1024}MiB`;
  const child = spawn(process.execPath, [...args, "--portal-group", "1=127.0.0.1:0", "--lun", lun], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const [line] = (await once(createInterface({ input: child.stdout }), "line")) as [string];
  const portal = /127\.0\.0\.1:\d+/.exec(line)?.[0];
  if (portal === undefined) throw new Error(`the target gave no address, but ${line}`);
  return { portal, stop: () => child.kill() };
}

/** µs of CPU for a command, and commands per second. */
async function run(adapter: PathAdapter, { op, lengthBytes, depth }: Load): Promise<[number, number]> {
  const commands = Array.from({ length: depth }, () => {
    const command = new Command();
    command.op = op;
    command.lengthBytes = lengthBytes;
    command.data = Buffer.alloc(lengthBytes, 0x5a);
    return command;
  });
  let place = 1;
  let done = 0;
  let pending = 0;
  let stopping = false;
  const submit = (command: Command) => {
    place = (Math.imul(place, 1103515245) + 12345) >>> 0;
    command.offsetBytes = (place % (SIZE_BYTES / lengthBytes)) * lengthBytes;
    pending++;
    adapter.submit(command);
  };
  await new Promise<void>((resolve, reject) => {
    adapter.listener = {
      completed(command, outcome) {
        pending--;
        done++;
        if (outcome !== "good") reject(new Error(`${op} ended as ${outcome}`));
        if (!stopping) submit(command);
        else if (pending === 0) resolve();
      },
      notice: (notice) => reject(new Error(notice.kind)),
    };
    startMs = performance.now();
    startCpu = process.cpuUsage();
    for (const command of commands) submit(command);
    setTimeout(() => {
      stopping = true;
    }, ROUND_MS);
  });
  const { user, system } = process.cpuUsage(startCpu);
  return [(user + system) / done, (done * 1000) / (performance.now() - startMs)];
}
let startMs = 0;
let startCpu = process.cpuUsage();

const median = (values: number[]) => values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;

const target = process.env.BENCH_PORTAL
  ? { portal: process.env.BENCH_PORTAL, stop: () => {} }
  : await startTarget();
const driver = createIscsiDriver({ clock, initiatorName: "iqn.2026-01.net.fairlead:bench" });
const hba = driver.hba({ name: "vmhba0", portals: [target.portal] });
const path = (await hba.scan({ first: 1, last: 1 })).paths[0];
if (path === undefined) throw new Error(`no LUN 1 at ${target.portal}`);

for (const [lengthBytes, depth] of [
  [4096, 32],
  [65536, 32],
  [1048576, 8],
  [4096, 1],
] as const) {
  for (const op of ["read", "write"] as const) {
    const rounds: [number, number][] = [];
    for (let round = 0; round < ROUNDS; round++)
      rounds.push(await run(path.adapter, { op, lengthBytes, depth }));
    const cpuUs = median(rounds.map(([us]) => us));
    const perSecond = median(rounds.map(([, rate]) => rate));
    const what = `${op} of ${lengthBytes / 1024} KiB, ${depth} at a time`;
    console.log(`${what}: ${cpuUs.toFixed(1)} µs of CPU, ${perSecond.toFixed(0)} a second`);
  }
}
await hba.close();
target.stop();
