import { type AdmissionPolicy, Command, type LoadDistributionStrategy, type Path } from "@fairlead/core";

const ROUNDS = 7;
const CALLS = 20_000;
/** Commands that each VM keeps queued. */
const QUEUED = 4;
const LENGTH_BYTES = 4096;

/** ns for one command to be placed and completed: `select` and, where there is one, `completed`. */
export function costOfStrategy(strategy: LoadDistributionStrategy, count: number): number {
  const paths = Array.from({ length: count }, (_, index) => idlePath(`p${index}`));
  const command = new Command();
  command.lengthBytes = LENGTH_BYTES;
  strategy.pathsChanged?.(paths);
  return best((call) => {
    command.vm = call & 7;
    command.sentAtMs = call / 100;
    const path = paths[strategy.select(paths, command)];
    if (path !== undefined) strategy.completed?.(path, command, 1, "good");
  });
}

/** ns for one command to be queued, given and completed, with `count` VMs that always ask for more. */
export function costOfAdmission(policy: AdmissionPolicy, count: number): number {
  let nowMs = 0;
  policy.pathsChanged([idlePath("p0"), idlePath("p1")], 1, nowMs);
  for (let index = 0; index < count * QUEUED; index++) {
    const command = new Command();
    command.vm = index % count;
    command.lengthBytes = LENGTH_BYTES;
    policy.enqueue(command, nowMs);
  }
  return best(() => {
    nowMs += 0.01;
    const command = policy.next(nowMs);
    if (command === undefined) {
      nowMs = Math.max(nowMs, Math.min(policy.nextAt(nowMs), nowMs + 1000));
      return;
    }
    command.offsetBytes += LENGTH_BYTES;
    policy.completed(command, nowMs);
    policy.enqueue(command, nowMs);
  });
}

/** Of the fastest of some rounds: the others had the machine's noise in them. */
function best(call: (turn: number) => void): number {
  let bestMs = Infinity;
  for (let round = 0; round < ROUNDS; round++) {
    const startedMs = performance.now();
    for (let turn = 0; turn < CALLS; turn++) call(round * CALLS + turn);
    bestMs = Math.min(bestMs, performance.now() - startedMs);
  }
  return (bestMs * 1e6) / CALLS;
}

function idlePath(id: string): Path {
  return {
    id,
    state: "active",
    pendingBytes: 0,
    pendingCommands: 0,
    completedBytes: 0,
    completedCommands: 0,
    busyMs: 0,
    share: 1,
  };
}
