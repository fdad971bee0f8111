/**
 * ns of CPU per choice of a path by each strategy, `completed` included.
 * `pnpm build && node --import tsx bench/strategies.bench.ts`; BENCH_SMOKE=1 takes a second, and its figures mean nothing.
 */
import type { LoadDistributionStrategy } from "@fairlead/core";
import { leastPending } from "@fairlead/strategy-least-pending";
import { quota } from "@fairlead/strategy-quota";
import { roundRobin } from "@fairlead/strategy-round-robin";
import { speed } from "@fairlead/strategy-speed";
import { vmAffinity } from "@fairlead/strategy-vm-affinity";
import { type Figure, measure } from "./decisions/contender.js";
import { traffic } from "./strategies/traffic.js";

const SMOKE = process.env.BENCH_SMOKE === "1";
const ROUNDS = SMOKE ? 1 : 9;
const DECISIONS = SMOKE ? 5000 : 400_000;
const PATHS = [2, 8, 64];

const STRATEGIES: readonly (readonly [string, () => LoadDistributionStrategy])[] = [
  ["round-robin", roundRobin],
  ["least-pending", leastPending],
  ["least-pending by commands", () => leastPending({ by: "commands" })],
  ["vm-affinity", vmAffinity],
  ["quota", quota],
  ["speed", speed],
];

const columns: Figure[][] = [];
for (const count of PATHS) {
  const contenders = STRATEGIES.map(([name, create]) => traffic(name, create(), count, DECISIONS));
  columns.push(await measure(contenders, ROUNDS));
}
console.log(`choice and completion, ns of CPU (× the first row), median of ${ROUNDS} rounds`);
console.log(["".padEnd(26), ...PATHS.map((count) => `${count} paths`.padStart(20))].join(""));
for (const [row, [name]] of STRATEGIES.entries()) {
  const cells = columns.map((column) => {
    const ns = column[row]?.medianNs ?? Number.NaN;
    const ratio = ns / (column[0]?.medianNs ?? Number.NaN);
    return `${ns.toFixed(ns < 100 ? 1 : 0)} (${ratio.toFixed(2)})`.padStart(20);
  });
  console.log(name.padEnd(26) + cells.join(""));
}
