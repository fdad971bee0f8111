// ns per `next` and `enqueue` with 10 to 100,000 backlogged VMs, median of rounds; bench/decisions.bench.ts has other
// queues beside it. BENCH_SMOKE=1: one short round.
import { Command } from "@fairlead/core";
import { diskScheduler } from "../src/index.js";

const SMOKE = process.env.BENCH_SMOKE === "1";
const ROUNDS = SMOKE ? 1 : 9;
const DECISIONS = SMOKE ? 1000 : 500_000;

for (const vms of SMOKE ? [10] : [10, 1000, 100_000]) {
  const scheduler = diskScheduler();
  for (let vm = 0; vm < vms; vm++) {
    const command = new Command();
    command.vm = vm;
    command.lengthBytes = 4096 * (1 + (vm % 4));
    command.offsetBytes = vm * 2 ** 30;
    scheduler.setEntry(vm, { shares: 500 + (vm % 1500) }, 0);
    scheduler.enqueue(command, 0);
  }
  const roundsNs: number[] = [];
  let vm = 0;
  for (let round = 0; round <= ROUNDS; round++) {
    const startNs = process.hrtime.bigint();
    for (let left = DECISIONS; left > 0; left--) {
      const command = scheduler.next(round);
      if (command === undefined) throw new Error("nothing is queued");
      command.vm = vm;
      vm = vm + 1 < vms ? vm + 1 : 0;
      scheduler.enqueue(command, round);
    }
    // The first round is the compiler's.
    if (round > 0) roundsNs.push(Number(process.hrtime.bigint() - startNs) / DECISIONS);
  }
  const medianNs = roundsNs.toSorted((left, right) => left - right)[ROUNDS >> 1] ?? Number.NaN;
  console.log(`disk-scheduler, ${vms} VMs: ${medianNs.toFixed(0)} ns`);
}
