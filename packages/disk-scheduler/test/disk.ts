import { type AdmissionPolicy, Command, type Path, type VmId } from "@fairlead/core";
import { type DiskScheduler, type DiskSchedulerOptions, diskScheduler } from "../src/index.js";

/** A VM that keeps `depth` commands queued or outstanding, or sends `perSecond` whatever comes of them. */
export interface Client {
  /** @default 16 */
  depth?: number;
  perSecond?: number;
  /** @default 4096 */
  lengthBytes?: number;
  /** @default false: each command is far from the one before */
  sequential?: boolean;
}

export interface DiskModel {
  /** What the disk does, one command after the other: commands, or with `inUnits` consumption units. */
  perSecond: number;
  /** @default false */
  inUnits?: boolean;
  /** Commands that it takes at a time. @default 4 */
  room?: number;
}

interface TestPath extends Path {
  pendingCommands: number;
}

interface Sent {
  readonly command: Command;
  readonly path: TestPath;
  readonly finishMs: number;
}

/** What the disk asks of a policy. */
export type Driven = Pick<AdmissionPolicy, "enqueue" | "next" | "nextAt" | "completed" | "pathsChanged">;

/** A disk behind the scheduler. */
export function diskWith(model: DiskModel, options: DiskSchedulerOptions = {}): Disk<DiskScheduler> {
  return new Disk(model, diskScheduler(options));
}

/** A disk on a virtual clock behind a policy: completions, arrivals, and wake-ups that come 1 to 4 ms late. */
export class Disk<Policy extends Driven> {
  nowMs = 0;
  /** What the scheduler's clock is ahead by. */
  skewMs = 0;
  perSecond: number;
  /** When each VM's commands were given, ms. */
  readonly sentMs: number[][] = [];
  paths: TestPath[] = [];
  outstanding: Sent[] = [];
  readonly #model: DiskModel;
  readonly #clients = new Map<VmId, Client>();
  readonly #inSystem: number[] = [];
  readonly #nextArrivalMs = new Map<VmId, number>();
  readonly #bytes: number[] = [];
  readonly #commands: number[] = [];
  #freeAtMs = 0;
  #wakeAtMs = Infinity;
  #count = 0;

  constructor(
    model: DiskModel,
    readonly scheduler: Policy,
  ) {
    this.#model = model;
    this.perSecond = model.perSecond;
    this.setPaths(2, 1);
  }

  setPaths(count: number, capacity: number): void {
    this.perSecond = this.#model.perSecond * capacity;
    const fixed = {
      state: "active",
      pendingBytes: 0,
      completedBytes: 0,
      completedCommands: 0,
      busyMs: 0,
    } as const;
    this.paths = Array.from({ length: count }, (_, at) => ({
      id: `vmhba${at}:0:1`,
      ...fixed,
      share: 1,
      pendingCommands: 0,
    }));
    for (const [at, sent] of this.outstanding.entries()) {
      const path = this.paths[at % count];
      if (path === undefined) continue;
      path.pendingCommands++;
      this.outstanding[at] = { ...sent, path };
    }
    this.scheduler.pathsChanged(this.paths, capacity, this.nowMs);
  }

  start(vm: VmId, client: Client = {}): void {
    this.#clients.set(vm, client);
    if (client.perSecond === undefined) this.#refill(vm);
    else this.#nextArrivalMs.set(vm, this.nowMs);
  }

  /** What it has queued goes on. */
  stop(vm: VmId): void {
    this.#clients.delete(vm);
    this.#nextArrivalMs.delete(vm);
  }

  run(forMs: number): void {
    const endMs = this.nowMs + forMs;
    for (;;) {
      this.#arrive();
      this.#pump();
      const arrivalMs = Math.min(...this.#nextArrivalMs.values(), Infinity);
      const atMs = Math.min(this.outstanding[0]?.finishMs ?? Infinity, this.#wakeAtMs, arrivalMs);
      if (atMs > endMs) break;
      this.nowMs = Math.max(this.nowMs, atMs);
      while (this.outstanding.length > 0 && (this.outstanding[0]?.finishMs ?? Infinity) <= this.nowMs)
        this.#complete();
    }
    this.nowMs = endMs;
  }

  /** Commands of each that were given since the last call, per second of `overMs`. */
  rates(vms: readonly VmId[], overMs: number): number[] {
    const rates = vms.map((vm) => ((this.#commands[vm] ?? 0) * 1000) / overMs);
    this.forget();
    return rates;
  }

  /** Bytes of each, since the last call. */
  bytes(vms: readonly VmId[]): number[] {
    const bytes = vms.map((vm) => this.#bytes[vm] ?? 0);
    this.forget();
    return bytes;
  }

  forget(): void {
    this.#commands.length = 0;
    this.#bytes.length = 0;
  }

  #arrive(): void {
    for (const [vm, atMs] of this.#nextArrivalMs) {
      const { perSecond = 1, ...client } = this.#clients.get(vm) ?? {};
      let nextMs = atMs;
      for (; nextMs <= this.nowMs; nextMs += 1000 / perSecond) this.#enqueue(vm, client);
      this.#nextArrivalMs.set(vm, nextMs);
    }
  }

  #pump(): void {
    const { room = 4, inUnits = false } = this.#model;
    this.#wakeAtMs = Infinity;
    while (this.outstanding.length < room) {
      const command = this.scheduler.next(this.nowMs + this.skewMs);
      if (command === undefined) {
        // Not in step with anything.
        this.#wakeAtMs =
          this.scheduler.nextAt(this.nowMs + this.skewMs) - this.skewMs + 1 + ((this.#count++ * 7) % 31) / 10;
        return;
      }
      this.#freeAtMs =
        Math.max(this.#freeAtMs, this.nowMs) + (1000 * (inUnits ? command.units : 1)) / this.perSecond;
      const path = this.paths.reduce((best, other) =>
        other.pendingCommands < best.pendingCommands ? other : best,
      );
      path.pendingCommands++;
      this.outstanding.push({ command, path, finishMs: this.#freeAtMs });
      const { vm, lengthBytes } = command;
      this.#commands[vm] = (this.#commands[vm] ?? 0) + 1;
      this.#bytes[vm] = (this.#bytes[vm] ?? 0) + lengthBytes;
      this.sentMs[vm] ??= [];
      this.sentMs[vm].push(this.nowMs);
    }
  }

  #complete(): void {
    const sent = this.outstanding.shift();
    if (sent === undefined) return;
    sent.path.pendingCommands--;
    this.scheduler.completed(sent.command, this.nowMs + this.skewMs);
    const { vm } = sent.command;
    this.#inSystem[vm] = (this.#inSystem[vm] ?? 0) - 1;
    if (this.#clients.get(vm)?.perSecond === undefined) this.#refill(vm);
  }

  #refill(vm: VmId): void {
    const client = this.#clients.get(vm);
    if (client === undefined) return;
    while ((this.#inSystem[vm] ?? 0) < (client.depth ?? 16)) this.#enqueue(vm, client);
  }

  #enqueue(vm: VmId, { lengthBytes = 4096, sequential = false }: Client): void {
    const command = new Command();
    command.vm = vm;
    command.lengthBytes = lengthBytes;
    const count = this.#count++;
    command.offsetBytes =
      vm * 2 ** 42 + (sequential ? count * lengthBytes : ((count * 7919) % 65_521) * 2 ** 22);
    this.#inSystem[vm] = (this.#inSystem[vm] ?? 0) + 1;
    this.scheduler.enqueue(command, this.nowMs + this.skewMs);
  }
}

/** Most of the ascending `times` within any `windowMs`. */
export function mostWithin(times: readonly number[], windowMs: number): number {
  let most = 0;
  let first = 0;
  times.forEach((atMs, last) => {
    while ((times[first] ?? atMs) <= atMs - windowMs) first++;
    most = Math.max(most, last - first + 1);
  });
  return most;
}
