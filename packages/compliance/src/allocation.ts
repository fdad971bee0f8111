const WARM_UP_CALLS = 20_000;
const CALLS = 20_000;
const ROUNDS = 7;
const TRIES_MAX = 5;

/**
 * Bytes that `call` leaves on the heap each time, once it is compiled, which on a busy machine takes a while: until then each
 * fraction is an object. So what leaves something is tried again, and the least counts.
 */
export function allocatedBytesPerCall(call: (turn: number) => void): number {
  for (let turn = 0; turn < WARM_UP_CALLS; turn++) call(turn);
  let leastBytes = Infinity;
  for (let tries = 0; tries < TRIES_MAX && leastBytes >= 1; tries++) {
    leastBytes = Math.min(leastBytes, medianBytesPerCall(call));
  }
  return leastBytes;
}

/** Of several rounds, so that a garbage collection within one of them does not decide. */
function medianBytesPerCall(call: (turn: number) => void): number {
  const grownBytes: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const beforeBytes = process.memoryUsage().heapUsed;
    for (let turn = 0; turn < CALLS; turn++) call(turn);
    grownBytes.push(process.memoryUsage().heapUsed - beforeBytes);
  }
  grownBytes.sort((left, right) => left - right);
  return (grownBytes[ROUNDS >> 1] ?? 0) / CALLS;
}
