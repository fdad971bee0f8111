const WARM_UP_CALLS = 20_000;
const CALLS = 20_000;
const ROUNDS = 7;

/**
 * Bytes that `call` leaves on the heap each time, once it is compiled: the median of several rounds, so that neither a
 * garbage collection nor a late compilation within one of them decides.
 */
export function allocatedBytesPerCall(call: (turn: number) => void): number {
  for (let turn = 0; turn < WARM_UP_CALLS; turn++) call(turn);
  const grownBytes: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const beforeBytes = process.memoryUsage().heapUsed;
    for (let turn = 0; turn < CALLS; turn++) call(turn);
    grownBytes.push(process.memoryUsage().heapUsed - beforeBytes);
  }
  grownBytes.sort((left, right) => left - right);
  return (grownBytes[ROUNDS >> 1] ?? 0) / CALLS;
}
