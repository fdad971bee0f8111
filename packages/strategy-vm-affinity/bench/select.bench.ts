// ns per choice among 2, 8 and 64 paths for 256 VMs in turn, median of rounds. BENCH_SMOKE=1: one short round.
import { Command, type Path } from "@fairlead/core";
import { vmAffinity } from "../src/index.js";

const SMOKE = process.env.BENCH_SMOKE === "1";
const ROUNDS = SMOKE ? 1 : 9;
const CHOICES = SMOKE ? 1000 : 2_000_000;

function testPaths(count: number): Path[] {
  const idle = { pendingBytes: 0, pendingCommands: 0, completedBytes: 0, completedCommands: 0, busyMs: 0 };
  return Array.from({ length: count }, (_, index) => ({
    id: `vmhba${index}:0:1`,
    state: "active",
    share: 1,
    ...idle,
  }));
}

const command = new Command();
command.lengthBytes = 4096;
for (const count of [2, 8, 64]) {
  const paths = testPaths(count);
  const strategy = vmAffinity();
  const roundsNs: number[] = [];
  let sum = 0;
  for (let round = 0; round <= ROUNDS; round++) {
    const startNs = process.hrtime.bigint();
    for (let left = CHOICES; left > 0; left--) {
      command.vm = left & 255;
      sum += strategy.select(paths, command);
    }
    // The first round is the compiler's.
    if (round > 0) roundsNs.push(Number(process.hrtime.bigint() - startNs) / CHOICES);
  }
  if (sum === 0) throw new Error("only one path was chosen");
  const medianNs = roundsNs.toSorted((left, right) => left - right)[ROUNDS >> 1] ?? Number.NaN;
  console.log(`vm-affinity, ${count} paths: ${medianNs.toFixed(1)} ns`);
}
