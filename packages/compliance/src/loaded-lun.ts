import assert from "node:assert/strict";
import { type AdmissionPolicy, Command, type VmId } from "@fairlead/core";
import { LunPaths } from "./lun-paths.js";

const UNIT_BYTES = 4096;

/** A VM that keeps `backlog` commands queued or outstanding. */
export interface Load {
  readonly vm: VmId;
  /** 0: it flushes. */
  readonly lengthBytes: number;
  readonly backlog: number;
}

export interface LunModel {
  /** What the LUN does, one command after the other. */
  readonly unitsPerSecond: number;
  /** Commands that the LUN takes at a time. */
  readonly depth: number;
  /** The most by which a wake-up comes after the time that `nextAt` gave, as timers do. ms. */
  readonly lateMs: number;
}

interface Sent {
  readonly command: Command;
  readonly finishMs: number;
}

/** Simulates a LUN under load on a virtual clock, and keeps when each VM's commands were sent. */
export class LoadedLun {
  /** Time since the start, ms, whatever the policy is told. */
  nowMs = 0;
  /** What the policy's clock is ahead by. ms. */
  skewMs = 5_000_000;
  readonly #sentAtMs = new Map<VmId, number[]>();
  readonly #loads = new Map<VmId, Load>();
  readonly #inSystem = new Map<VmId, number>();
  readonly #paths: LunPaths;
  readonly #outstanding: Sent[] = [];
  #freeAtMs = 0;
  #wakeAtMs = Infinity;
  #count = 0;

  constructor(
    readonly policy: AdmissionPolicy,
    readonly model: LunModel,
  ) {
    this.#paths = new LunPaths(policy);
    this.setPaths(["vmhba0:0:1", "vmhba1:0:1"], 1);
  }

  setPaths(ids: readonly string[], capacity: number): void {
    this.#paths.change(ids, capacity, this.policyMs);
  }

  get policyMs(): number {
    return this.nowMs + this.skewMs;
  }

  load(load: Load): void {
    this.#loads.set(load.vm, load);
    this.#refill(load.vm);
  }

  /** The VM asks for nothing more; what it has queued goes on. */
  unload(vm: VmId): void {
    this.#loads.delete(vm);
  }

  /** When the VM's commands were given by `next`, from `fromMs` to now. ms, in order. */
  sentTimes(vm: VmId, fromMs = 0): number[] {
    return (this.#sentAtMs.get(vm) ?? []).filter((atMs) => atMs >= fromMs);
  }

  run(forMs: number): void {
    const endMs = this.nowMs + forMs;
    for (;;) {
      this.#pump();
      const nextMs = Math.min(this.#outstanding[0]?.finishMs ?? Infinity, this.#wakeAtMs);
      if (nextMs > endMs) break;
      this.nowMs = Math.max(this.nowMs, nextMs);
      for (let first = this.#outstanding[0]; first !== undefined && first.finishMs <= this.nowMs; ) {
        this.#outstanding.shift();
        this.#complete(first.command);
        first = this.#outstanding[0];
      }
    }
    this.nowMs = endMs;
  }

  #pump(): void {
    this.#wakeAtMs = Infinity;
    while (this.#outstanding.length < this.model.depth) {
      const command = this.policy.next(this.policyMs);
      if (command !== undefined) {
        this.#send(command);
        continue;
      }
      const atMs = this.policy.nextAt(this.policyMs);
      assert.ok(atMs > this.policyMs, `next gave nothing at ${this.policyMs}, and nextAt says ${atMs}`);
      // The same each time, and not in step with anything.
      const lateMs = (this.model.lateMs * ((this.#count++ * 7) % 5)) / 4;
      this.#wakeAtMs = atMs - this.skewMs + lateMs;
      return;
    }
  }

  #send(command: Command): void {
    const units = Math.max(1, Math.ceil(command.lengthBytes / UNIT_BYTES));
    this.#freeAtMs = Math.max(this.#freeAtMs, this.nowMs) + (1000 * units) / this.model.unitsPerSecond;
    this.#outstanding.push({ command, finishMs: this.#freeAtMs });
    this.#paths.sent(command);
    const times = this.#sentAtMs.get(command.vm) ?? [];
    this.#sentAtMs.set(command.vm, times);
    times.push(this.nowMs);
  }

  #complete(command: Command): void {
    this.#paths.ended(command);
    this.policy.completed(command, this.policyMs);
    this.#inSystem.set(command.vm, (this.#inSystem.get(command.vm) ?? 0) - 1);
    this.#refill(command.vm);
  }

  #refill(vm: VmId): void {
    const load = this.#loads.get(vm);
    if (load === undefined) return;
    let inSystem = this.#inSystem.get(vm) ?? 0;
    for (; inSystem < load.backlog; inSystem++) {
      const command = new Command();
      command.vm = vm;
      command.lengthBytes = load.lengthBytes;
      command.op = load.lengthBytes === 0 ? "flush" : "read";
      // Far from one another: no runs of sequential commands.
      command.offsetBytes = ((this.#count++ * 7919) % 65_536) * (1 << 22);
      this.policy.enqueue(command, this.policyMs);
    }
    this.#inSystem.set(vm, inSystem);
  }
}

/** Most of `times` within any `windowMs`. Both ascending in ms. */
export function mostWithin(times: readonly number[], windowMs: number): number {
  let most = 0;
  let first = 0;
  times.forEach((atMs, last) => {
    while ((times[first] ?? atMs) <= atMs - windowMs) first++;
    most = Math.max(most, last - first + 1);
  });
  return most;
}

/** Longest time between two of `times`, the ends of the period included. ms. */
export function longestGapMs(times: readonly number[], fromMs: number, toMs: number): number {
  let longest = 0;
  let before = fromMs;
  for (const atMs of [...times, toMs]) {
    longest = Math.max(longest, atMs - before);
    before = atMs;
  }
  return longest;
}
