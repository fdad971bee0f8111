/**
 * The server against nbdkit's memory plugin, both serving a disk in memory to fio's nbd engine:
 * `node --conditions=@fairlead/source --import tsx packages/driver-nbd/bench/server.bench.ts`.
 * Both take turns within each round; generator and server share the machine, so the processor time per request is the
 * sharper figure. BENCH_SMOKE=1 takes seconds, and its figures mean nothing.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { cpuSeconds, type FioJob, fio, nbdUri, peers, type Running, Scope, start } from "@fairlead/testing";

const SMOKE = process.env.BENCH_SMOKE === "1";
const ROUNDS = SMOKE ? 1 : 5;
const SECONDS = SMOKE ? 0.2 : 2;
const DISK_MIB = 256;
const SERVE = fileURLToPath(new URL("serve.ts", import.meta.url));

interface Workload {
  readonly rw: FioJob["rw"];
  readonly bs: string;
  readonly iodepth: number;
  readonly jobs: number;
}

const WORKLOADS: readonly Workload[] = [
  { rw: "randread", bs: "4k", iodepth: 1, jobs: 1 },
  { rw: "randread", bs: "4k", iodepth: 32, jobs: 1 },
  { rw: "randwrite", bs: "4k", iodepth: 32, jobs: 1 },
  { rw: "randread", bs: "4k", iodepth: 8, jobs: 8 },
  { rw: "randread", bs: "64k", iodepth: 32, jobs: 1 },
  { rw: "randwrite", bs: "64k", iodepth: 32, jobs: 1 },
  { rw: "randread", bs: "1m", iodepth: 32, jobs: 1 },
  { rw: "randwrite", bs: "1m", iodepth: 32, jobs: 1 },
].slice(0, SMOKE ? 2 : undefined) as Workload[];

interface Side {
  readonly name: string;
  readonly uri: string;
  readonly process: Running;
}

interface Sample {
  readonly iops: number;
  readonly cpuMicroseconds: number;
}

async function startSides(scope: Scope): Promise<readonly [Side, Side]> {
  const folder = await scope.directory();
  const [ours, theirs] = [join(folder, "ours"), join(folder, "nbdkit")];
  const server = await start(
    scope,
    process.execPath,
    ["--conditions=@fairlead/source", "--import", "tsx", SERVE, ours, String(DISK_MIB)],
    {
      ready: ({ stdout }) => stdout.includes("listening"),
    },
  );
  const nbdkit = await start(scope, "nbdkit", ["-f", "-U", theirs, "memory", `${DISK_MIB}M`], {
    ready: () => existsSync(theirs),
  });
  return [
    { name: "fairlead", uri: nbdUri(ours, ""), process: server },
    { name: "nbdkit", uri: nbdUri(theirs, ""), process: nbdkit },
  ];
}

async function sample(scope: Scope, side: Side, workload: Workload): Promise<Sample> {
  const { rw, bs, iodepth, jobs } = workload;
  const cpuBefore = await cpuSeconds(side.process.pid);
  const job: FioJob = { uri: side.uri, rw, bs, iodepth, size: `${DISK_MIB}m`, seconds: SECONDS };
  const results = await fio(
    scope,
    Array.from({ length: jobs }, () => job),
  );
  const cpu = (await cpuSeconds(side.process.pid)) - cpuBefore;
  const commands = results.reduce((sum, { read, write }) => sum + read.commands + write.commands, 0);
  const iops = results.reduce((sum, { read, write }) => sum + read.iops + write.iops, 0);
  return { iops, cpuMicroseconds: (cpu * 1e6) / commands };
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}

async function compare(scope: Scope, sides: readonly [Side, Side], workload: Workload): Promise<void> {
  const samples: [Sample[], Sample[]] = [[], []];
  for (let round = 0; round < ROUNDS; round++) {
    samples[0].push(await sample(scope, sides[0], workload));
    samples[1].push(await sample(scope, sides[1], workload));
  }
  const [ours, theirs] = samples.map((all) => ({
    iops: median(all.map(({ iops }) => iops)),
    cpu: median(all.map(({ cpuMicroseconds }) => cpuMicroseconds)),
  }));
  if (ours === undefined || theirs === undefined) return;
  const { rw, bs, iodepth, jobs } = workload;
  const name = `${rw} ${bs}, ${jobs} × depth ${iodepth}`.padEnd(32);
  const ratios = `${(ours.iops / theirs.iops).toFixed(2)} × IOPS, ${(ours.cpu / theirs.cpu).toFixed(2)} × CPU per request`;
  console.log(
    `${name} ${ratios}  (${Math.round(ours.iops)} and ${Math.round(theirs.iops)} IOPS, ${ours.cpu.toFixed(1)} and ${theirs.cpu.toFixed(1)} µs)`,
  );
}

if (peers("fio", "nbdkit")) {
  const scope = new Scope();
  try {
    const sides = await startSides(scope);
    for (const workload of WORKLOADS) await compare(scope, sides, workload);
  } finally {
    await scope.close();
  }
}
