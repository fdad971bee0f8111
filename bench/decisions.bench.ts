/**
 * ns of CPU per decision: the scheduler beside queues from npm.
 * `pnpm build && node --import tsx bench/decisions.bench.ts`; BENCH_SMOKE=1 takes a second, and its figures mean nothing.
 */
import { type Contender, type Figure, measure } from "./decisions/contender.js";
import {
  heapOfNumbers,
  heapOfObjects,
  scheduler,
  schedulerWithRates,
  taskQueue,
} from "./decisions/queues.js";

const SMOKE = process.env.BENCH_SMOKE === "1";
const ROUNDS = SMOKE ? 1 : 9;
const DECISIONS = SMOKE ? 1000 : 400_000;
const VMS = SMOKE ? [10, 100] : [10, 1000, 100_000];

function queueContenders(vms: number): Contender[] {
  return [
    scheduler(vms, DECISIONS),
    schedulerWithRates(vms, DECISIONS),
    heapOfNumbers(vms, DECISIONS),
    heapOfObjects(vms, DECISIONS >> 1),
    // Slower by orders of magnitude, the more so the longer the queue is.
    taskQueue(vms, SMOKE ? 50 : vms > 10_000 ? 300 : 10_000),
  ];
}

async function table(
  title: string,
  unit: string,
  sizes: readonly number[],
  contenders: (size: number) => Contender[],
): Promise<void> {
  const columns: Figure[][] = [];
  for (const size of sizes) columns.push(await measure(contenders(size), ROUNDS));
  const names = columns[0]?.map(({ name }) => name) ?? [];
  console.log(`\n${title}, ns of CPU per decision (× the first row), median of ${ROUNDS} rounds`);
  console.log(["".padEnd(26), ...sizes.map((size) => `${size} ${unit}`.padStart(20))].join(""));
  for (const [row, name] of names.entries()) {
    const cells = columns.map((column) => {
      const ns = column[row]?.medianNs ?? Number.NaN;
      const ratio = ns / (column[0]?.medianNs ?? Number.NaN);
      return `${ns.toFixed(ns < 100 ? 1 : 0)} (${ratio.toFixed(2)})`.padStart(20);
    });
    console.log(name.padEnd(26) + cells.join(""));
  }
}

await table("next and enqueue", "VMs", VMS, queueContenders);
