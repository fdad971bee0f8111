/**
 * The host against qemu-nbd on the same tgtd: `node --import tsx bench/gateway.ts [--rounds 5] [--seconds 4]
 * [--sizes 4k,64k,1m] [--lun-mib 512] [--sides qemu-nbd,1,2] [--json FILE]`.
 * BENCH_SMOKE=1 does one short round. Sides take turns within each round, each started anew, since qemu-nbd
 * differs from start to start. Ends with 1 where the host sent the target other bytes than the client asked for.
 */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { fio, peers, Scope, seededBytes, Tgtd } from "@fairlead/testing";
import { type Cell, measure, type Workload } from "./gateway/cell.js";
import { type Row, report } from "./gateway/report.js";
import { fairlead, qemuNbd, type Side } from "./gateway/sides.js";

const SMOKE = process.env.BENCH_SMOKE === "1";
const PORTALS = ["127.0.0.1:13600", "127.0.0.2:13600"];
/** A session's own INQUIRY and the like fall into the count. */
const TOLERANCE = 0.001;

interface Plan {
  readonly rounds: number;
  readonly seconds: number;
  readonly lunBytes: number;
  readonly workloads: readonly Workload[];
  readonly sides: readonly Side[];
  readonly json: string | undefined;
}

function plan(): Plan {
  const { values } = parseArgs({
    options: {
      rounds: { type: "string", default: SMOKE ? "1" : "5" },
      seconds: { type: "string", default: SMOKE ? "1" : "4" },
      sizes: { type: "string", default: SMOKE ? "4k,1m" : "4k,64k,1m" },
      "lun-mib": { type: "string", default: SMOKE ? "32" : "512" },
      sides: { type: "string", default: "qemu-nbd,1,2" },
      json: { type: "string" },
    },
  });
  const workloads = values.sizes.split(",").flatMap((bs): Workload[] => [
    { bs, rw: "randread" },
    { bs, rw: "randwrite" },
  ]);
  return {
    rounds: Number(values.rounds),
    seconds: Number(values.seconds),
    lunBytes: Number(values["lun-mib"]) * 2 ** 20,
    workloads,
    sides: values.sides.split(",").map((side) => (side === "qemu-nbd" ? qemuNbd : fairlead(Number(side)))),
    json: values.json,
  };
}

/** A target of its own whose LUN lies in memory, written through so that reads do not meet holes. */
async function makeTarget(scope: Scope, lunBytes: number): Promise<Tgtd> {
  const directory = await scope.fastDirectory(lunBytes);
  const file = join(directory, "lun1.img");
  await writeFile(file, seededBytes(1, lunBytes));
  return Tgtd.start(scope, { directory, portals: PORTALS, luns: [{ number: 1, sizeBytes: lunBytes, file }] });
}

async function runSide(side: Side, target: Tgtd, plan: Plan, rows: readonly Row[]): Promise<void> {
  const scope = new Scope();
  try {
    const gateway = await side.start(scope, target);
    // What a long-running gateway has behind it: compiled code, grown buffers.
    await fio(scope, [{ uri: gateway.uri, rw: "randrw", bs: "4k", iodepth: 32, size: "16m", seconds: 1 }]);
    for (const { workload, cells } of rows) {
      const cell = await measure(scope, gateway, target, workload, plan);
      (cells.get(side.name) as Cell[]).push(cell);
      const { iops, p99Ms, cpuMicrosPerCommand } = cell;
      const figures = `${iops.toFixed(0)} IOPS, p99 ${p99Ms.toFixed(2)} ms, ${cpuMicrosPerCommand.toFixed(1)} µs`;
      process.stderr.write(`${side.name} ${workload.bs} ${workload.rw}: ${figures}\n`);
    }
  } finally {
    await scope.close();
  }
}

/** Rows in which a side other than qemu-nbd did not ask the target for what its client asked for. */
function strays(rows: readonly Row[]): string[] {
  const found: string[] = [];
  for (const { workload, cells } of rows) {
    for (const [side, measured] of cells) {
      const stray = measured.find(({ targetBytes, targetCommands }) => {
        // More commands than the client's are splits; fewer were merged, or answered on the way.
        return Math.abs(targetBytes - 1) > TOLERANCE || targetCommands < 1 - TOLERANCE;
      });
      if (side !== qemuNbd.name && stray !== undefined) {
        found.push(
          `${side} ${workload.bs} ${workload.rw}: ${stray.targetBytes.toFixed(4)} of the bytes, ${stray.targetCommands.toFixed(4)} of the commands`,
        );
      }
    }
  }
  return found;
}

async function main(): Promise<void> {
  if (!peers("tgtd", "tgtadm", "qemu-nbd", "fio", "nbdinfo")) return;
  const chosen = plan();
  const names = chosen.sides.map((side) => side.name);
  const rows = chosen.workloads.map((workload) => ({
    workload,
    cells: new Map(names.map((name): [string, Cell[]] => [name, []])),
  }));
  const scope = new Scope();
  try {
    const target = await makeTarget(scope, chosen.lunBytes);
    for (let round = 0; round < chosen.rounds; round++) {
      for (const side of chosen.sides) await runSide(side, target, chosen, rows);
    }
  } finally {
    await scope.close();
  }
  process.stdout.write(report(rows, names));
  if (chosen.json !== undefined) {
    const raw = rows.map(({ workload, cells }) => ({ ...workload, cells: Object.fromEntries(cells) }));
    await writeFile(chosen.json, JSON.stringify(raw, undefined, 2));
  }
  const found = strays(rows);
  for (const stray of found) process.stderr.write(`unexpected traffic at the target: ${stray}\n`);
  if (found.length > 0) process.exitCode = 1;
}

await main();
