import {
  checkNumber,
  type LoadDistributionStrategy,
  type Path,
  refuseUnknownOptions,
  type Transfer,
} from "@fairlead/core";

export interface QuotaOptions {
  /** Commands of mean length that a path of share 1 takes in a turn; a path of share 2.5 takes 2.5 times that. @default 1 */
  commandsPerShare?: number;
  /** A path with this many commands pending, or more, has its turn ended: the most that the target LUN takes. 004.c11 @default Infinity */
  commandsMax?: number;
}

// The mean follows the load within so many transfers of a path.
const MEAN_OVER_TRANSFERS = 64;
const TURNS_MAX = Number.MAX_SAFE_INTEGER;

/** What is known of each path, by index. */
class Turns {
  readonly ids: readonly string[];
  /** What is left of the quota; below 0: what went over it, which later turns pay for. */
  readonly creditBytes: Float64Array;
  readonly meanBytes: Float64Array;
  readonly transfers: Int32Array;

  constructor(paths: readonly Path[]) {
    this.ids = paths.map(({ id }) => id);
    this.creditBytes = new Float64Array(paths.length);
    this.meanBytes = new Float64Array(paths.length);
    this.transfers = new Int32Array(paths.length);
  }

  take(from: Turns): void {
    for (const [index, id] of this.ids.entries()) {
      const before = from.ids.indexOf(id);
      if (before === -1) continue;
      this.creditBytes[index] = from.creditBytes[before]!;
      this.meanBytes[index] = from.meanBytes[before]!;
      this.transfers[index] = from.transfers[before]!;
    }
  }

  sent(index: number, bytes: number): void {
    const transfers = Math.min(this.transfers[index]! + 1, MEAN_OVER_TRANSFERS);
    this.transfers[index] = transfers;
    this.meanBytes[index]! += (bytes - this.meanBytes[index]!) / transfers;
    this.creditBytes[index]! -= bytes;
  }
}

/**
 * Stays on a path until it has sent its quota of data, which is the path's share × `commandsPerShare` × the mean length
 * of what it carries, or has `commandsMax` commands pending; then the next path has its turn. 004.c11–c13
 * What exceeds a quota counts towards the next ones, so that in the long run data goes by shares exactly, whole or not.
 * Throws OptionError where an option is out of its range; `OPTION_UNKNOWN`.
 */
export function quota(options: QuotaOptions = {}): LoadDistributionStrategy {
  refuseUnknownOptions(options, ["commandsPerShare", "commandsMax"]);
  const { commandsPerShare = 1, commandsMax = Infinity } = options;
  const finite = "greater than 0 and finite";
  checkNumber(
    "commandsPerShare",
    commandsPerShare,
    (commands) => commands > 0 && commands < Infinity,
    finite,
  );
  checkNumber("commandsMax", commandsMax, (commands) => commands >= 1, "1 or more");

  let turns = new Turns([]);
  let current = -1;
  // False: the turn has not begun, or its path is gone.
  let open = false;

  function select(paths: readonly Path[], transfer: Transfer): number {
    const count = paths.length;
    if (count === 0) return -1;
    if (count !== turns.ids.length || paths[current]?.id !== turns.ids[current]) pathsChanged(paths);
    // One without data counts as a byte, or a path would never be done with them.
    const bytes = transfer.lengthBytes > 0 ? transfer.lengthBytes : 1;
    if (!open || turns.creditBytes[current]! <= 0 || paths[current]!.pendingCommands >= commandsMax) {
      const next = nextTurn(paths, bytes);
      if (next === -1) return -1;
      current = next;
      open = true;
    }
    turns.sent(current, bytes);
    return current;
  }

  function quotaBytes(path: Path, index: number, bytes: number): number {
    const meanBytes = turns.transfers[index] === 0 ? bytes : turns.meanBytes[index]!;
    return path.share * commandsPerShare * meanBytes;
  }

  /**
   * The path with room whose quota covers first what it is over, in the order of turns. All turns until then are counted
   * at once: a path that is over by a thousand quotas costs no thousand rounds.
   */
  function nextTurn(paths: readonly Path[], bytes: number): number {
    const { creditBytes } = turns;
    const count = paths.length;
    let best = -1;
    let bestTurns = Infinity;
    let index = current;
    for (let left = count; left > 0; left--) {
      index = index + 1 < count ? index + 1 : 0;
      const path = paths[index]!;
      if (path.pendingCommands >= commandsMax) continue;
      const overBytes = Math.max(0, -creditBytes[index]!);
      // Finite also for the smallest share: a path that is alone is used whatever its share.
      const turnsNeeded = Math.min(TURNS_MAX, Math.floor(overBytes / quotaBytes(path, index, bytes)) + 1);
      if (turnsNeeded >= bestTurns) continue;
      best = index;
      bestTurns = turnsNeeded;
      if (turnsNeeded === 1) break;
    }
    if (best !== -1) takeTurns(paths, bytes, best, bestTurns);
    return best;
  }

  /** Those up to `best` have had as many turns as it, those after it one less. What is left of a quota is not kept. */
  function takeTurns(paths: readonly Path[], bytes: number, best: number, turnsTaken: number): void {
    const { creditBytes } = turns;
    const count = paths.length;
    let taken = turnsTaken;
    let index = current;
    for (let left = count; left > 0; left--) {
      index = index + 1 < count ? index + 1 : 0;
      creditBytes[index] = Math.min(0, creditBytes[index]!) + taken * quotaBytes(paths[index]!, index, bytes);
      if (index === best) taken = turnsTaken - 1;
      if (taken === 0) break;
    }
  }

  /** The turn goes on; where its path is gone, the first one after it that is still there is next. */
  function pathsChanged(paths: readonly Path[]): void {
    if (paths.length === 0) return; // What is known is still needed when they return.
    const before = turns;
    turns = new Turns(paths);
    turns.take(before);
    const { ids } = turns;
    const last = current;
    current = ids.indexOf(before.ids[last] ?? "");
    if (current !== -1) return;
    open = false;
    for (let step = 1; step < before.ids.length; step++) {
      const next = ids.indexOf(before.ids[(last + step) % before.ids.length] ?? "");
      if (next === -1) continue;
      current = next - 1;
      return;
    }
  }

  return { name: "quota", select, pathsChanged };
}
