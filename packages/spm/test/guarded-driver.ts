import { type AdmissionPolicy, Command, type HostEvent, type Path } from "@fairlead/core";
import { diskScheduler } from "@fairlead/disk-scheduler";
import { expect } from "vitest";
import { type GuardedAdmissionParts, guardedAdmission } from "../src/index.js";

/** A host around one guarded policy: it knows what is queued and what is outstanding, and checks every answer. */
export class Driver {
  readonly events: HostEvent[] = [];
  readonly policy: AdmissionPolicy;
  readonly queued = new Set<Command>();
  readonly outstanding: Command[] = [];
  readonly given: Command[] = [];
  nowMs = 1000;

  constructor(policy: AdmissionPolicy, parts: Partial<GuardedAdmissionParts> = {}) {
    this.policy = guardedAdmission(policy, {
      name: policy.name,
      team: "naa.1",
      successor: () => diskScheduler(),
      onEvent: (event) => this.events.push(event),
      ...parts,
    });
    this.setPaths(["vmhba0:0:1", "vmhba1:0:1"]);
  }

  enqueue(vm: number, lengthBytes = 4096): Command {
    const command = new Command();
    command.vm = vm;
    command.op = "write";
    command.lengthBytes = lengthBytes;
    command.enqueuedAtMs = this.nowMs;
    this.queued.add(command);
    this.policy.enqueue(command, this.nowMs);
    this.#check();
    return command;
  }

  next(): Command | undefined {
    const command = this.policy.next(this.nowMs);
    if (command === undefined) return undefined;
    expect(this.queued.delete(command), "what next gives is queued").toBe(true);
    this.given.push(command);
    this.outstanding.push(command);
    this.#check();
    return command;
  }

  requeue(): void {
    const command = this.outstanding.pop();
    if (command === undefined) return;
    this.given.splice(this.given.lastIndexOf(command), 1);
    this.queued.add(command);
    this.policy.requeue(command, this.nowMs);
    this.#check();
  }

  complete(): void {
    const command = this.outstanding.shift() ?? new Command(); // One that an earlier policy gave.
    this.policy.completed(command, this.nowMs);
    this.#check();
  }

  cancel(nth: number): void {
    const command = [...this.queued][nth % Math.max(1, this.queued.size)];
    const victim = command ?? new Command();
    expect(this.policy.cancel(victim)).toBe(command !== undefined);
    this.queued.delete(victim);
    expect(this.policy.cancel(victim)).toBe(false);
    this.#check();
  }

  drain(): void {
    const commands: Command[] = [];
    this.policy.drain((command) => commands.push(command));
    expect(commands).toHaveLength(this.queued.size);
    expect(new Set(commands)).toEqual(this.queued);
    expect(this.policy.queuedCommands).toBe(0);
    for (const command of commands) this.policy.enqueue(command, this.nowMs);
    this.#check();
  }

  setPaths(ids: readonly string[]): void {
    const counters = { pendingBytes: 0, pendingCommands: 0, completedBytes: 0, completedCommands: 0 };
    const paths: Path[] = ids.map((id) => ({ id, state: "active", ...counters, busyMs: 0, share: 1 }));
    this.policy.pathsChanged(paths, 1, this.nowMs);
    this.#check();
  }

  /** Gives all that is queued, in the time that the policy asks for. */
  exhaust(): void {
    for (let calls = 0; this.queued.size > 0; calls++) {
      expect(calls, "the policy gives what is queued").toBeLessThan(5000);
      while (this.outstanding.length > 0) this.complete();
      if (this.next() !== undefined) continue;
      const atMs = this.policy.nextAt(this.nowMs);
      expect(Number.isFinite(atMs), "a time at which something goes, since nothing is outstanding").toBe(
        true,
      );
      this.nowMs = Math.max(this.nowMs + 1, atMs);
    }
  }

  told(kind: string): HostEvent[] {
    return this.events.filter((event) => event.kind === kind);
  }

  #check(): void {
    expect(this.policy.queuedCommands).toBe(this.queued.size);
  }
}
