import {
  checkNumber,
  type LoadDistributionStrategy,
  type Outcome,
  type Path,
  refuseUnknownOptions,
  type Transfer,
} from "@fairlead/core";
import { PathSpeed } from "./path-speed.js";

export interface SpeedOptions {
  /** How often each path's speed is determined. ms; greater than 0. 004.c16 @default 1000 */
  intervalMs?: number;
  /** The most of all commands that go to paths whose speed nobody knows of late. 0 to 0.5; 0: none. @default 0.01 */
  probePart?: number;
  /** What a command costs besides its data, as bytes; 0 or more. @default 16384 */
  overheadBytes?: number;
}

/** What was measured of one path, for the console; a copy, made on request. */
export interface PathShare {
  readonly id: string;
  /** Data, overhead included, ÷ the time that it took. Bytes per second; 0: not known yet. 004.c15 */
  readonly bytesPerSecond: number;
  /** Its part of the load, 0 to 1. 004.c14 */
  readonly share: number;
}

export interface SpeedStrategy extends LoadDistributionStrategy {
  /** One per usable path, in the order of rank. */
  shares(): PathShare[];
}

/**
 * Differences up to this part count as none, larger ones as less by it. Paths that only delay serve whatever they are
 * given, so the speeds that are measured confirm any split between them: this lets equal ones come back to equal parts.
 */
const NOISE_PART = 0.03;
/** Until anything is known: only that it is the same for all matters. */
const FIRST_MS_PER_BYTE = 1e-6;
/** A command changes the mean cost by this part of the difference. */
const MEAN_PART = 1 / 64;

/**
 * Gives each path the part of the load that its measured speed deserves, and looks at what it has pending. 004.c14–c16
 * Throws OptionError where an option is out of its range, `OPTION_UNKNOWN` where there is none of that name.
 */
export function speed(options: SpeedOptions = {}): SpeedStrategy {
  const { intervalMs, probePart, overheadBytes } = checked(options);
  const byId = new Map<string, PathSpeed>();
  // In the order of the paths.
  const speeds: PathSpeed[] = [];
  const team = {
    nowMs: 0,
    intervalMs,
    overheadBytes,
    /** Virtual time: where the transfer that was placed last began. */
    startMs: 0,
    /** Of a path with the mean of the speeds; 0: none is known. */
    typicalMsPerByte: 0,
    meanCostBytes: overheadBytes,
    /** Reaches 1 when a transfer may go to a path to measure it. */
    probes: 0,
  };

  function select(paths: readonly Path[], transfer: Transfer): number {
    if (paths.length !== speeds.length) pathsChanged(paths);
    if (paths.length === 0) return -1;
    const costBytes = overheadBytes + transfer.lengthBytes;
    team.meanCostBytes += (costBytes - team.meanCostBytes) * MEAN_PART;
    // Also where it steps back: a clock that leapt ahead would otherwise stand still here until it is caught up with.
    team.nowMs = transfer.sentAtMs;
    let index = -1;
    team.probes += probePart;
    if (team.probes >= 1) {
      team.probes -= 1;
      index = overdue(paths);
    }
    if (index === -1) index = earliest(paths);
    if (speeds[index]!.id !== paths[index]!.id) {
      pathsChanged(paths);
      index = earliest(paths);
    }

    const chosen = speeds[index]!;
    chosen.givenMs = Math.max(chosen.givenMs, team.startMs - team.meanCostBytes * chosen.weighedMsPerByte);
    team.startMs = Math.max(team.startMs, chosen.givenMs);
    chosen.givenMs += costBytes * chosen.weighedMsPerByte;
    if (paths[index]!.pendingCommands === 0) chosen.begin();
    return index;
  }

  /**
   * Where a transfer of mean cost would end first, both by what the path was given and by what it has pending. The mean,
   * because by its own cost every small transfer would go to a slow path and every large one to a fast one.
   */
  function earliest(paths: readonly Path[]): number {
    let best = -1;
    let bestMs = Infinity;
    for (let index = 0; index < paths.length; index++) {
      const candidate = speeds[index]!;
      const backlogMs = candidate.backlogMs(paths[index]!);
      const costMs = team.meanCostBytes * candidate.weighedMsPerByte;
      // What was passed over for its backlog, or is new, is owed one transfer and no more.
      const endMs = Math.max(candidate.givenMs, team.startMs - costMs) + costMs + backlogMs;
      if (best === -1 || endMs < bestMs) {
        best = index;
        bestMs = endMs;
      }
    }
    return best;
  }

  /** The idle path whose figure should have been renewed longest ago, or -1. */
  function overdue(paths: readonly Path[]): number {
    let best = -1;
    let bestOpenedAtMs = team.nowMs - intervalMs;
    for (let index = 0; index < paths.length; index++) {
      const { openedAtMs } = speeds[index]!;
      if (openedAtMs >= bestOpenedAtMs || paths[index]!.pendingCommands > 0) continue;
      best = index;
      bestOpenedAtMs = openedAtMs;
    }
    return best;
  }

  function completed(path: Path, transfer: Transfer, elapsedMs: number, outcome: Outcome): void {
    const measured = byId.get(path.id);
    if (measured === undefined) return;
    if (!Number.isFinite(elapsedMs)) return;
    const endedAtMs = transfer.sentAtMs + elapsedMs;
    if (endedAtMs > team.nowMs) team.nowMs = endedAtMs;
    if (outcome !== "good") {
      measured.ended();
    } else if (
      measured.collect(transfer) &&
      (measured.settle() || measured.settleSlow(team.typicalMsPerByte > 0))
    ) {
      weigh();
    }
  }

  /** Weighs all paths anew: what is typical has changed with one of them. */
  function weigh(): void {
    let bytesPerMs = 0;
    let count = 0;
    for (const { msPerByte } of speeds) {
      if (msPerByte === 0) continue;
      bytesPerMs += 1 / msPerByte;
      count++;
    }
    team.typicalMsPerByte = count === 0 ? 0 : count / bytesPerMs;
    const unknown = count === 0 ? FIRST_MS_PER_BYTE : team.typicalMsPerByte;
    for (const each of speeds) {
      const weighed = each.msPerByte > 0 ? nearer(each.msPerByte, team.typicalMsPerByte) : unknown;
      // What it was given ahead of the others was so many transfers, which take it this much longer, or less long, now.
      const aheadMs = each.givenMs - team.startMs;
      if (aheadMs > 0) each.givenMs = team.startMs + aheadMs * (weighed / each.weighedMsPerByte);
      each.weighedMsPerByte = weighed;
    }
  }

  /** A path that went and returns begins anew: it may lead over other links, and it has had nothing to be even. */
  function pathsChanged(paths: readonly Path[]): void {
    speeds.length = 0;
    for (const { id } of paths) {
      speeds.push(byId.get(id) ?? new PathSpeed(id, team));
    }
    byId.clear();
    for (const each of speeds) byId.set(each.id, each);
    weigh();
  }

  function shares(): PathShare[] {
    const bytesPerMs = speeds.reduce((sum, each) => sum + 1 / each.weighedMsPerByte, 0);
    return speeds.map((each) => ({
      id: each.id,
      bytesPerSecond: each.msPerByte > 0 ? 1000 / each.msPerByte : 0,
      share: 1 / each.weighedMsPerByte / bytesPerMs,
    }));
  }

  return { name: "speed", select, completed, pathsChanged, shares };
}

function nearer(msPerByte: number, typicalMsPerByte: number): number {
  return msPerByte > typicalMsPerByte
    ? Math.max(typicalMsPerByte, msPerByte * (1 - NOISE_PART))
    : Math.min(typicalMsPerByte, msPerByte / (1 - NOISE_PART));
}

function checked(options: SpeedOptions): Required<SpeedOptions> {
  refuseUnknownOptions(options, ["intervalMs", "probePart", "overheadBytes"]);
  const { intervalMs = 1000, probePart = 0.01, overheadBytes = 16_384 } = options;
  checkNumber("intervalMs", intervalMs, (ms) => ms > 0 && ms < Infinity, "greater than 0 and finite");
  checkNumber("probePart", probePart, (part) => part >= 0 && part <= 0.5, "0 to 0.5");
  checkNumber(
    "overheadBytes",
    overheadBytes,
    (bytes) => bytes >= 0 && bytes < Infinity,
    "0 or more and finite",
  );
  return { intervalMs, probePart, overheadBytes };
}
