import { cpuSeconds, fio, type Scope, type Tgtd } from "@fairlead/testing";
import type { Gateway } from "./sides.js";

export interface Workload {
  /** As fio writes it. */
  readonly bs: string;
  readonly rw: "randread" | "randwrite";
}

/** One run of one workload through one gateway. */
export interface Cell {
  readonly iops: number;
  readonly mibPerSecond: number;
  readonly p99Ms: number;
  readonly cpuSecondsPerGib: number;
  readonly cpuMicrosPerCommand: number;
  /** What the target was asked ÷ what the client asked: 1 where nothing was split, merged, cached or read ahead. */
  readonly targetCommands: number;
  readonly targetBytes: number;
}

export interface CellOptions {
  readonly seconds: number;
  readonly lunBytes: number;
}

const IODEPTH = 32;

export async function measure(
  scope: Scope,
  gateway: Gateway,
  target: Tgtd,
  { bs, rw }: Workload,
  { seconds, lunBytes }: CellOptions,
): Promise<Cell> {
  const statisticsBefore = await target.statistics(1);
  const cpuBefore = await cpuSeconds(gateway.pid);
  const job = { uri: gateway.uri, rw, bs, iodepth: IODEPTH, size: `${lunBytes}`, seconds };
  const [result] = await fio(scope, [job], seconds * 1000 + 30_000);
  const cpu = (await cpuSeconds(gateway.pid)) - cpuBefore;
  const statistics = await target.statistics(1);

  if (result === undefined || result.error !== 0) throw new Error(`fio ${bs} ${rw}: errno ${result?.error}`);
  const reads = rw === "randread";
  const done = reads ? result.read : result.write;
  const commands = reads
    ? statistics.readCommands - statisticsBefore.readCommands
    : statistics.writeCommands - statisticsBefore.writeCommands;
  const bytes = reads
    ? statistics.readBytes - statisticsBefore.readBytes
    : statistics.writeBytes - statisticsBefore.writeBytes;
  return {
    iops: done.iops,
    mibPerSecond: done.bytesPerSecond / 2 ** 20,
    p99Ms: done.p99Ms,
    cpuSecondsPerGib: cpu / (done.bytes / 2 ** 30),
    cpuMicrosPerCommand: (cpu * 1e6) / done.commands,
    targetCommands: commands / done.commands,
    targetBytes: bytes / done.bytes,
  };
}
