import { type AdmissionPolicy, Command, type Op, type VmId } from "@fairlead/core";

export function commandOf(vm: VmId, lengthBytes = 4096, op: Op = "read"): Command {
  const command = new Command();
  command.vm = vm;
  command.op = op;
  command.lengthBytes = lengthBytes;
  return command;
}

/** VMs that always have more, each with commands of one size, in front of any policy. */
export class Crowd {
  nowMs = 0;
  /** Units given so far, by VM. */
  readonly units: number[] = [];
  /** VMs in the order in which `next` gave their commands. */
  readonly order: VmId[] = [];
  readonly #lengthBytes = new Map<VmId, number>();

  constructor(readonly policy: AdmissionPolicy) {}

  /** From now on the VM always has two commands waiting. */
  saturate(vm: VmId, lengthBytes = 4096): void {
    this.#lengthBytes.set(vm, lengthBytes);
    this.policy.enqueue(commandOf(vm, lengthBytes), this.nowMs);
    this.policy.enqueue(commandOf(vm, lengthBytes), this.nowMs);
  }

  /** What the VM has queued goes, and nothing more comes. */
  stop(vm: VmId): void {
    this.#lengthBytes.delete(vm);
  }

  /** One decision; its VM sends the next command. */
  serve(): Command | undefined {
    const command = this.policy.next(this.nowMs);
    if (command === undefined) return undefined;
    this.units[command.vm] = (this.units[command.vm] ?? 0) + command.units;
    this.order.push(command.vm);
    this.policy.completed(command, this.nowMs);
    const lengthBytes = this.#lengthBytes.get(command.vm);
    if (lengthBytes !== undefined) this.policy.enqueue(commandOf(command.vm, lengthBytes), this.nowMs);
    return command;
  }

  /** A LUN that serves `unitsPerSecond` as long as it is given something, and asks again when the policy says. */
  run(durationMs: number, unitsPerSecond: number, lateMs = 0): void {
    const endMs = this.nowMs + durationMs;
    while (this.nowMs < endMs) {
      const command = this.serve();
      this.nowMs =
        command === undefined
          ? Math.min(endMs, this.policy.nextAt(this.nowMs) + lateMs)
          : this.nowMs + (command.units * 1000) / unitsPerSecond;
    }
  }

  /** Units given since the last call. */
  take(vms: readonly VmId[]): number[] {
    const taken = vms.map((vm) => this.units[vm] ?? 0);
    this.units.length = 0;
    this.order.length = 0;
    return taken;
  }
}
