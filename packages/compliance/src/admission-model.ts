import assert from "node:assert/strict";
import {
  type AdmissionPolicy,
  Command,
  type EntrySettings,
  type EntryStatus,
  type VmId,
} from "@fairlead/core";
import type { AdmissionStep } from "./admission-steps.js";
import { LunPaths } from "./lun-paths.js";

/**
 * Drives a policy as the storage path manager does, knows what must be queued where, and fails at the first call that
 * contradicts it.
 */
export class AdmissionDriver {
  nowMs = 1_000_000;
  readonly outstanding: Command[] = [];
  /** Numbers of the commands in the order in which `next` gave them, -1 for none. */
  readonly given: number[] = [];
  readonly #paths: LunPaths;
  readonly #queues = new Map<VmId, Command[]>();
  /** VMs whose level of service was set, and not removed since. */
  readonly #withLevel = new Set<VmId>();
  readonly #numbers = new Map<Command, number>();

  constructor(readonly policy: AdmissionPolicy) {
    this.#paths = new LunPaths(policy);
  }

  get queuedCommands(): number {
    let count = 0;
    for (const queue of this.#queues.values()) count += queue.length;
    return count;
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
    this.#queue(vm).push(command);
    return command;
  }

  /** Asks for a command, where there is a path for it. */
  next(): Command | undefined {
    if (!this.#paths.usable) return undefined;
    const command = this.policy.next(this.nowMs);
    if (command === undefined) {
      this.given.push(-1);
      this.#checkNextAt();
      return undefined;
    }
    const number = this.#numbers.get(command);
    assert.notEqual(number, undefined, "next gave a command that was never enqueued");
    this.given.push(number ?? -1);
    const queue = this.#queue(command.vm);
    assert.ok(queue.includes(command), `next gave command ${number}, which is not queued`);
    assert.equal(queue[0], command, `next gave command ${number} before an older one of VM ${command.vm}`);
    queue.shift();
    // The link is the team's now.
    command.next = command;
    this.outstanding.push(command);
    this.#paths.sent(command);
    return command;
  }

  requeue(command: Command): void {
    this.#end(command);
    this.policy.requeue(command, this.nowMs);
    this.#queue(command.vm).unshift(command);
  }

  completed(command: Command): void {
    this.#end(command);
    this.policy.completed(command, this.nowMs);
  }

  cancel(command: Command): void {
    const queue = this.#queue(command.vm);
    const place = queue.indexOf(command);
    assert.equal(this.policy.cancel(command), place !== -1, "cancel answers whether the command was queued");
    if (place !== -1) queue.splice(place, 1);
  }

  /** False where the policy refuses, which it may where settings contradict one another; then nothing has changed. */
  set(vm: VmId, settings: EntrySettings): boolean {
    const before = this.policy.entry(vm);
    try {
      this.policy.setEntry(vm, settings, this.nowMs);
    } catch (error) {
      if (!isOptionError(error)) throw error;
      assert.deepEqual(
        this.policy.entry(vm),
        before,
        `refused ${JSON.stringify(settings)}, yet something changed`,
      );
      return false;
    }
    this.#withLevel.add(vm);
    const status = this.policy.entry(vm);
    assert.deepEqual({ ...status, ...settings }, status, `what VM ${vm} was given`);
    return true;
  }

  remove(vm: VmId): void {
    this.policy.removeEntry(vm);
    this.#withLevel.delete(vm);
  }

  setPaths(ids: readonly string[], capacity: number): void {
    this.#paths.change(ids, capacity, this.nowMs);
  }

  drain(): void {
    const drained = new Map<VmId, Command[]>();
    const levels = this.#levels();
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
    assert.deepEqual(this.#levels(), levels, "levels of service after drain");
  }

  /** Asks until nothing is queued, as an idle LUN would; fails where the policy holds something back for ever. */
  exhaust(): void {
    if (!this.#paths.usable) this.setPaths(["vmhba0:0:1"], 0.25);
    for (let stalls = 0; this.queuedCommands > 0; ) {
      if (this.next() !== undefined) {
        stalls = 0;
        continue;
      }
      stalls++;
      assert.ok(stalls < 1000, `${this.queuedCommands} commands are held back for ever`);
      const atMs = this.policy.nextAt(this.nowMs);
      const oldest = this.outstanding[0];
      // Either may be what it waits for.
      if (oldest !== undefined && (atMs === Infinity || stalls % 2 === 0)) this.completed(oldest);
      else this.nowMs = atMs;
    }
    assert.equal(this.policy.next(this.nowMs), undefined, "next of an empty policy");
    assert.equal(this.policy.nextAt(this.nowMs), Infinity, "nextAt of an empty policy");
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
      case "completed-stranger":
        this.policy.completed(new Command(), this.nowMs);
        break;
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
        this.set(step.vm, step.settings);
        break;
      case "remove":
        this.remove(step.vm);
        break;
      case "drain":
        this.drain();
        break;
      case "paths":
        this.setPaths(step.ids, step.capacity);
        break;
      case "advance":
        this.nowMs += step.ms;
        break;
    }
    assert.equal(this.policy.queuedCommands, this.queuedCommands, `queuedCommands after ${step.kind}`);
  }

  /** `next` gave nothing: it must be known what will change that. */
  #checkNextAt(): void {
    const atMs = this.policy.nextAt(this.nowMs);
    assert.ok(atMs > this.nowMs, `next gave nothing at ${this.nowMs}, and nextAt says ${atMs}`);
    if (this.queuedCommands === 0) {
      assert.equal(atMs, Infinity, "nextAt asks to be called although nothing is queued");
    } else if (this.outstanding.length === 0) {
      assert.ok(
        atMs < Infinity,
        `${this.queuedCommands} commands are queued, nothing is outstanding, and no call will ever release them`,
      );
    }
  }

  #levels(): Map<VmId, EntrySettings | undefined> {
    const levels = new Map<VmId, EntrySettings | undefined>();
    for (const vm of this.#withLevel) {
      const status = this.policy.entry(vm);
      levels.set(vm, status && settingsOf(status));
    }
    return levels;
  }

  #end(command: Command): void {
    this.outstanding.splice(this.outstanding.indexOf(command), 1);
    this.#paths.ended(command);
  }

  #queue(vm: VmId): Command[] {
    const queue = this.#queues.get(vm) ?? [];
    this.#queues.set(vm, queue);
    return queue;
  }
}

/** By its code, as the policy may have come with a core of its own. */
export function isOptionError(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "OPTION_INVALID";
}

export function settingsOf(status: EntryStatus): Required<EntrySettings> {
  const { shares, priority, guarantee, limit, quantum, latencyCritical } = status;
  return { shares, priority, guarantee, limit, quantum, latencyCritical };
}
