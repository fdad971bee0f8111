import assert from "node:assert/strict";
import { type AdmissionPolicy, Command, type VmId } from "@fairlead/core";

/** One call of the storage path manager. `pick` chooses among the commands that the call can be made with. */
export type AdmissionStep =
  | {
      readonly kind: "enqueue";
      readonly vm: VmId;
      readonly offsetBytes: number;
      readonly lengthBytes: number;
    }
  | { readonly kind: "next" }
  | { readonly kind: "requeue" | "completed" | "cancel" | "cancel-stranger"; readonly pick: number }
  | { readonly kind: "set"; readonly vm: VmId; readonly shares: number }
  | { readonly kind: "remove"; readonly vm: VmId }
  | { readonly kind: "drain" }
  | { readonly kind: "paths"; readonly capacity: number }
  | { readonly kind: "advance"; readonly ms: number };

/**
 * Drives a policy as the storage path manager does, knows what must be queued where, and fails at the first call that
 * contradicts it.
 */
export class AdmissionDriver {
  nowMs = 1_000_000;
  readonly outstanding: Command[] = [];
  /** Numbers of the commands in the order in which `next` gave them, -1 for none. */
  readonly given: number[] = [];
  readonly #queues = new Map<VmId, Command[]>();
  readonly #numbers = new Map<Command, number>();

  constructor(readonly policy: AdmissionPolicy) {}

  get queuedCommands(): number {
    let count = 0;
    for (const queue of this.#queues.values()) count += queue.length;
    return count;
  }

  queue(vm: VmId): Command[] {
    const queue = this.#queues.get(vm) ?? [];
    this.#queues.set(vm, queue);
    return queue;
  }

  enqueue(vm: VmId, offsetBytes: number, lengthBytes: number): Command {
    const command = new Command();
    command.vm = vm;
    command.op = lengthBytes === 0 ? "flush" : offsetBytes % 8192 === 0 ? "read" : "write";
    command.offsetBytes = offsetBytes;
    command.lengthBytes = lengthBytes;
    // What an earlier owner left behind.
    command.next = command;
    command.units = -1;
    this.#numbers.set(command, this.#numbers.size);
    this.policy.enqueue(command, this.nowMs);
    this.queue(vm).push(command);
    return command;
  }

  next(): Command | undefined {
    const command = this.policy.next(this.nowMs);
    if (command === undefined) {
      this.given.push(-1);
      const atMs = this.policy.nextAt(this.nowMs);
      assert.ok(atMs > this.nowMs, `next gave nothing at ${this.nowMs}, and nextAt says ${atMs}`);
      return undefined;
    }
    const number = this.#numbers.get(command);
    assert.notEqual(number, undefined, "next gave a command that was never enqueued");
    this.given.push(number ?? -1);
    const queue = this.queue(command.vm);
    assert.ok(queue.includes(command), `next gave command ${number}, which is not queued`);
    assert.equal(queue[0], command, `next gave command ${number} before an older one of VM ${command.vm}`);
    queue.shift();
    // The link is the team's now.
    command.next = command;
    this.outstanding.push(command);
    return command;
  }

  requeue(command: Command): void {
    this.outstanding.splice(this.outstanding.indexOf(command), 1);
    this.policy.requeue(command, this.nowMs);
    this.queue(command.vm).unshift(command);
  }

  completed(command: Command): void {
    this.outstanding.splice(this.outstanding.indexOf(command), 1);
    this.policy.completed(command, this.nowMs);
  }

  cancel(command: Command): void {
    const queue = this.queue(command.vm);
    const place = queue.indexOf(command);
    assert.equal(this.policy.cancel(command), place !== -1, "cancel answers whether the command was queued");
    if (place !== -1) queue.splice(place, 1);
  }

  drain(): void {
    const drained = new Map<VmId, Command[]>();
    const expected = this.queuedCommands;
    let count = 0;
    this.policy.drain((command) => {
      const commands = drained.get(command.vm) ?? [];
      drained.set(command.vm, commands);
      commands.push(command);
      count++;
      // A successor takes the link at once.
      command.next = command;
      assert.ok(count <= expected, "drain hands over more than was queued");
    });
    for (const [vm, queue] of this.#queues) {
      const numbers = (commands: readonly Command[]) => commands.map((command) => this.#numbers.get(command));
      assert.deepEqual(numbers(drained.get(vm) ?? []), numbers(queue), `drain, VM ${vm}, oldest first`);
      queue.length = 0;
    }
    assert.equal(this.policy.next(this.nowMs), undefined, "next after drain");
  }

  /** Asks until nothing is queued, as an idle LUN would; fails where the policy holds something back for ever. */
  exhaust(): void {
    for (let stalls = 0; this.queuedCommands > 0; ) {
      if (this.next() !== undefined) {
        stalls = 0;
        continue;
      }
      stalls++;
      assert.ok(stalls < 1000, `${this.queuedCommands} commands are held back for ever`);
      const atMs = this.policy.nextAt(this.nowMs);
      const oldest = this.outstanding[0];
      if (atMs < Infinity) this.nowMs = atMs;
      else if (oldest !== undefined) this.completed(oldest);
      else assert.fail(`${this.queuedCommands} commands are queued and no call will ever release them`);
    }
    assert.equal(this.policy.next(this.nowMs), undefined, "next of an empty policy");
  }

  step(step: AdmissionStep): void {
    switch (step.kind) {
      case "enqueue":
        this.enqueue(step.vm, step.offsetBytes, step.lengthBytes);
        break;
      case "next":
        this.next();
        break;
      case "requeue":
      case "completed": {
        const command = this.outstanding[step.pick % Math.max(1, this.outstanding.length)];
        if (command !== undefined) this[step.kind](command);
        break;
      }
      case "cancel": {
        const queues = [...this.#queues.values()].flat();
        const command = queues[step.pick % Math.max(1, queues.length)];
        if (command !== undefined) this.cancel(command);
        break;
      }
      case "cancel-stranger": {
        const command = this.outstanding[step.pick % Math.max(1, this.outstanding.length)];
        this.cancel(command ?? new Command());
        break;
      }
      case "set":
        this.policy.setEntry(step.vm, { shares: step.shares }, this.nowMs);
        break;
      case "remove":
        this.policy.removeEntry(step.vm);
        break;
      case "drain":
        this.drain();
        break;
      case "paths":
        this.policy.pathsChanged([], step.capacity, this.nowMs);
        break;
      case "advance":
        this.nowMs += step.ms;
        break;
    }
    assert.equal(this.policy.queuedCommands, this.queuedCommands, `queuedCommands after ${step.kind}`);
  }
}
