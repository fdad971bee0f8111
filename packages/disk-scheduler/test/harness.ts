import { Command, type VmId } from "@fairlead/core";
import { type DiskScheduler, type DiskSchedulerOptions, diskScheduler } from "../src/index.js";

export interface Load {
  /** Bytes of one command. @default 4096 */
  lengthBytes?: number;
  /** Each command begins where the last one ended. @default false: far from it */
  sequential?: boolean;
}

/** A LUN that runs one command at a time, and VMs that always, or at their own pace, have more. */
export class Lun {
  readonly scheduler: DiskScheduler;
  nowMs = 0;
  /** Units served so far, by VM. */
  readonly units: number[] = [];
  /** VMs in the order in which they were served. */
  readonly order: VmId[] = [];
  readonly #backlogged = new Map<VmId, Load>();
  readonly #nextOffset: number[] = [];

  constructor(options: DiskSchedulerOptions = {}) {
    this.scheduler = diskScheduler(options);
  }

  enqueue(vm: VmId, load: Load = {}): Command {
    const { lengthBytes = 4096, sequential = false } = load;
    const command = new Command();
    command.vm = vm;
    command.lengthBytes = lengthBytes;
    command.offsetBytes = this.#nextOffset[vm] ?? vm * 2 ** 40;
    // 10 MB is more than the distance that counts as sequential.
    this.#nextOffset[vm] = command.offsetBytes + lengthBytes + (sequential ? 0 : 10_000_000);
    this.scheduler.enqueue(command, this.nowMs);
    return command;
  }

  /** From now on the VM always has two commands waiting. */
  saturate(vm: VmId, load: Load = {}): void {
    this.#backlogged.set(vm, load);
    this.enqueue(vm, load);
    this.enqueue(vm, load);
  }

  /** What the VM has queued goes, and nothing more comes. */
  stop(vm: VmId): void {
    this.#backlogged.delete(vm);
  }

  /** Serves one command and lets its VM send the next; undefined where nothing waits. */
  serve(): Command | undefined {
    const command = this.scheduler.next(this.nowMs);
    if (command === undefined) return undefined;
    this.units[command.vm] = (this.units[command.vm] ?? 0) + command.units;
    this.order.push(command.vm);
    this.scheduler.completed(command, this.nowMs);
    const load = this.#backlogged.get(command.vm);
    if (load !== undefined) this.enqueue(command.vm, load);
    return command;
  }

  serveMany(count: number): void {
    for (let left = count; left > 0; left--) this.serve();
  }

  /** Serves at `unitsPerSecond` for a time; `each` is called before each decision. */
  run(durationMs: number, unitsPerSecond: number, each: () => void = () => {}): void {
    const endMs = this.nowMs + durationMs;
    while (this.nowMs < endMs) {
      each();
      const command = this.serve();
      this.nowMs += ((command?.units ?? 1) * 1000) / unitsPerSecond;
    }
  }

  /** Units served since the last call. */
  take(vms: readonly VmId[]): number[] {
    const taken = vms.map((vm) => this.units[vm] ?? 0);
    this.units.length = 0;
    return taken;
  }
}

export function setShares(lun: Lun, shares: Readonly<Record<VmId, number>>): void {
  for (const [vm, count] of Object.entries(shares))
    lun.scheduler.setEntry(Number(vm), { shares: count }, lun.nowMs);
}
