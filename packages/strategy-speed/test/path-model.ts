import { Command, type LoadDistributionStrategy, type Path } from "@fairlead/core";

/** A path as a queueing model: one server, first come first served, and then a delay that commands spend side by side. */
export interface PathModel {
  /** How long the server takes. It may change with time: the virtual clock is given. */
  serviceMs(lengthBytes: number, nowMs: number): number;
  readonly delayMs?: number;
}

export interface Load {
  /** Commands outstanding: each completion sends the next one at once. */
  readonly depth: number;
  readonly lengthBytes: () => number;
}

type ModelPath = { -readonly [field in keyof Path]: Path[field] };

class Flight extends Command {
  path = 0;
  endsAtMs = 0;
}

/** A team of modelled paths under a closed loop, on a clock of its own. */
export class Model {
  nowMs = 0;
  /** Commands and bytes sent over each path since `restart`. */
  sentCommands: number[] = [];
  sentBytes: number[] = [];
  completedCommands = 0;
  completedBytes = 0;
  readonly paths: ModelPath[];
  readonly #idleAtMs: number[];
  readonly #busySinceMs: number[];
  readonly #flights: Flight[] = [];

  constructor(
    readonly strategy: LoadDistributionStrategy,
    readonly models: readonly PathModel[],
    readonly load: Load,
  ) {
    this.paths = models.map((_, index) => ({
      id: `p${index}`,
      state: "active",
      pendingBytes: 0,
      pendingCommands: 0,
      completedBytes: 0,
      completedCommands: 0,
      busyMs: 0,
      share: 1,
    }));
    this.#idleAtMs = models.map(() => 0);
    this.#busySinceMs = models.map(() => 0);
    this.restart();
    strategy.pathsChanged?.(this.paths);
    for (let reader = 0; reader < load.depth; reader++) this.#send(new Flight());
  }

  /** Counts from now on. */
  restart(): void {
    this.sentCommands = this.models.map(() => 0);
    this.sentBytes = this.models.map(() => 0);
    this.completedCommands = 0;
    this.completedBytes = 0;
  }

  /** Lets this many commands complete. */
  run(commands: number): void {
    for (let left = commands; left > 0; left--) this.#completeNext();
  }

  runUntil(timeMs: number): void {
    while (this.#flights.length > 0 && this.#next().endsAtMs <= timeMs) this.#completeNext();
    this.nowMs = timeMs;
  }

  /** Which part of the commands went over each path. */
  get split(): number[] {
    const all = this.sentCommands.reduce((sum, count) => sum + count, 0);
    return this.sentCommands.map((count) => count / all);
  }

  get byteSplit(): number[] {
    const all = this.sentBytes.reduce((sum, count) => sum + count, 0);
    return this.sentBytes.map((count) => count / all);
  }

  #send(flight: Flight): void {
    flight.lengthBytes = this.load.lengthBytes();
    flight.sentAtMs = this.nowMs;
    flight.path = this.strategy.select(this.paths, flight);
    const path = this.paths[flight.path];
    const model = this.models[flight.path];
    if (path === undefined || model === undefined) throw new Error(`select answered ${flight.path}`);
    if (path.pendingCommands === 0) this.#busySinceMs[flight.path] = this.nowMs;
    path.pendingCommands++;
    path.pendingBytes += flight.lengthBytes;
    this.sentCommands[flight.path]!++;
    this.sentBytes[flight.path]! += flight.lengthBytes;
    const startsAtMs = Math.max(this.nowMs, this.#idleAtMs[flight.path]!);
    const servedAtMs = startsAtMs + model.serviceMs(flight.lengthBytes, startsAtMs);
    this.#idleAtMs[flight.path] = servedAtMs;
    flight.endsAtMs = servedAtMs + (model.delayMs ?? 0);
    this.#flights.push(flight);
  }

  #next(): Flight {
    let next = this.#flights[0]!;
    for (const flight of this.#flights) if (flight.endsAtMs < next.endsAtMs) next = flight;
    return next;
  }

  #completeNext(): void {
    const flight = this.#next();
    const path = this.paths[flight.path]!;
    this.#flights.splice(this.#flights.indexOf(flight), 1);
    this.nowMs = flight.endsAtMs;
    path.pendingCommands--;
    path.pendingBytes -= flight.lengthBytes;
    path.completedCommands++;
    path.completedBytes += flight.lengthBytes;
    if (path.pendingCommands === 0) path.busyMs += this.nowMs - this.#busySinceMs[flight.path]!;
    this.completedCommands++;
    this.completedBytes += flight.lengthBytes;
    this.strategy.completed?.(path, flight, this.nowMs - flight.sentAtMs, "good");
    this.#send(flight);
  }
}

/** Total-variation distance of two splits: what part of the load is on the wrong path. */
export function distance(split: readonly number[], ideal: readonly number[]): number {
  return split.reduce((sum, part, index) => sum + Math.abs(part - ideal[index]!), 0) / 2;
}

/** Numbers in [0, 1) that are the same for the same seed (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
