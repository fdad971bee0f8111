import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { run } from "./process.js";
import type { Scope } from "./scope.js";

export interface FioJob {
  /** @default "job<index>" */
  name?: string;
  uri: string;
  rw: "read" | "write" | "randread" | "randwrite" | "randrw";
  /** As fio writes it: `4k`, `64k`, `1m`. */
  bs: string;
  /** @default 1 */
  iodepth?: number;
  /** Part of the disk that is used, as fio writes it. */
  size: string;
  offset?: string;
  /** Runs for so long instead of through `size` once, seconds. */
  seconds?: number;
  /** Starts so much later than the run, seconds. */
  startDelaySeconds?: number;
  /** Requests per second. */
  rateIops?: number;
  /** Checks what it wrote: crc32c in each block, and the first mismatch ends the run. */
  verify?: boolean;
  /** Further options, as on fio's command line without dashes. */
  more?: readonly string[];
}

export interface FioDirection {
  readonly commands: number;
  readonly bytes: number;
  readonly iops: number;
  readonly bytesPerSecond: number;
  /** Completion latency, ms. */
  readonly p99Ms: number;
  readonly maxMs: number;
}

export interface FioResult {
  readonly name: string;
  /** errno of the first failure, 0: none. */
  readonly error: number;
  readonly failedCommands: number;
  readonly read: FioDirection;
  readonly write: FioDirection;
}

interface RawDirection {
  total_ios: number;
  io_bytes: number;
  iops: number;
  bw_bytes: number;
  clat_ns: { max: number; percentile?: Record<string, number> };
}

interface RawJob {
  jobname: string;
  error: number;
  total_err?: number;
  read: RawDirection;
  write: RawDirection;
}

function commandLine(job: FioJob, index: number): string[] {
  const { name = `job${index}`, uri, rw, bs, size, iodepth = 1 } = job;
  const line = [`--name=${name}`, "--ioengine=nbd", `--uri=${uri}`, `--rw=${rw}`, `--bs=${bs}`];
  line.push(`--size=${size}`, `--iodepth=${iodepth}`, "--thread=1", `--randseed=${index + 1}`);
  if (job.offset !== undefined) line.push(`--offset=${job.offset}`);
  if (job.seconds !== undefined) line.push("--time_based=1", `--runtime=${job.seconds}`);
  if (job.startDelaySeconds !== undefined) line.push(`--startdelay=${job.startDelaySeconds}`);
  if (job.rateIops !== undefined) line.push(`--rate_iops=${job.rateIops}`);
  if (job.verify === true) line.push("--verify=crc32c", "--verify_fatal=1", "--verify_backlog=256");
  for (const option of job.more ?? []) line.push(`--${option}`);
  return line;
}

function direction(raw: RawDirection): FioDirection {
  return {
    commands: raw.total_ios,
    bytes: raw.io_bytes,
    iops: raw.iops,
    bytesPerSecond: raw.bw_bytes,
    p99Ms: (raw.clat_ns.percentile?.["99.000000"] ?? 0) / 1e6,
    maxMs: raw.clat_ns.max / 1e6,
  };
}

/** Runs the jobs at the same time; an I/O error shows in the result, a broken call is an error of ours. */
export async function fio(scope: Scope, jobs: readonly FioJob[], timeoutMs = 60_000): Promise<FioResult[]> {
  const output = join(await scope.directory(), "fio.json");
  const args = ["--output-format=json", `--output=${output}`, ...jobs.flatMap(commandLine)];
  const { code, stderr } = await run("fio", args, { timeoutMs, allow: [0, 1] });
  const text = await readFile(output, "utf8");
  // The engine writes lines of its own in front of the JSON.
  const start = text.search(/^\{/m);
  if (start === -1) throw new Error(`fio: exit code ${code} and no result:\n${text}${stderr}`);
  const { jobs: raw } = JSON.parse(text.slice(start)) as { jobs: RawJob[] };
  return raw.map((job) => ({
    name: job.jobname,
    error: job.error,
    failedCommands: job.total_err ?? 0,
    read: direction(job.read),
    write: direction(job.write),
  }));
}
