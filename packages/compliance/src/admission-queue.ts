import assert from "node:assert/strict";
import { type AdmissionPolicy, Command } from "@fairlead/core";
import { AdmissionDriver } from "./admission-model.js";
import { checkSteps, type Taken } from "./admission-steps.js";
import { withoutAmbient } from "./ambient.js";
import type { SuiteRunner } from "./runner.js";

const BLOCK_BYTES = 4096;

/** Laws of the queues: what goes in comes out, once and in order. */
export function queueLaws({ it }: SuiteRunner, create: () => AdmissionPolicy, taken: Taken): void {
  const driver = () => new AdmissionDriver(create());

  it("has a name", () => {
    assert.match(create().name, /^[a-z0-9][a-z0-9-]*$/);
  });

  it("gives everything that was enqueued exactly once and each VM's in its order, whatever is called between", () => {
    checkSteps(taken, (steps) => {
      const host = driver();
      for (const step of steps) host.step(step);
      host.exhaust();
    });
  });

  it("gives the same answers to the same calls at the same times", () => {
    checkSteps(taken, (steps) => {
      const [first, second] = [driver(), driver()];
      for (const step of steps) {
        first.step(step);
        second.step(step);
      }
      first.exhaust();
      second.exhaust();
      assert.deepEqual(first.given, second.given);
    });
  });

  it("knows no time but nowMs and draws no random number", () => {
    checkSteps(taken, (steps) => {
      withoutAmbient(() => {
        const host = driver();
        for (const step of steps) host.step(step);
        host.exhaust();
      });
    });
  });

  it("gives nothing while nothing is queued, and asks for no call", () => {
    const policy = create();
    assert.equal(policy.queuedCommands, 0);
    assert.equal(policy.next(0), undefined);
    policy.setEntry(1, { shares: 1000 }, 0);
    assert.equal(policy.next(5000), undefined);
    assert.equal(policy.nextAt(5000), Infinity);
  });

  it("puts a requeued command at the head of its VM", () => {
    const host = driver();
    const [first, second] = [host.enqueue(3, 0, BLOCK_BYTES), host.enqueue(3, 1 << 20, BLOCK_BYTES)];
    assert.equal(nextOf(host), first);
    host.requeue(first);
    assert.equal(host.policy.queuedCommands, 2);
    assert.equal(nextOf(host), first);
    assert.equal(nextOf(host), second);
    // Back in the order in which they can be sent again: the last one out first.
    host.requeue(second);
    host.requeue(first);
    assert.equal(nextOf(host), first);
    assert.equal(nextOf(host), second);
  });

  it("takes a cancelled command out of any place, once", () => {
    for (const place of [0, 1, 2, 3, 4]) {
      const host = driver();
      const commands = [0, 1, 2, 3, 4].map((at) => host.enqueue(2, at << 24, BLOCK_BYTES));
      const victim = commands[place] ?? new Command();
      host.cancel(victim);
      assert.equal(host.policy.cancel(victim), false, "cancelled twice");
      host.enqueue(2, 9 << 24, BLOCK_BYTES);
      host.exhaust();
    }
    const host = driver();
    const command = host.enqueue(2, 0, BLOCK_BYTES);
    nextOf(host);
    assert.equal(host.policy.cancel(command), false, "cancelled after it was given");
    assert.equal(host.policy.cancel(new Command()), false, "a stranger");
  });

  it("hands everything over when drained, oldest first, and keeps its levels of service", () => {
    const host = driver();
    for (let vm = 0; vm < 6; vm++) host.set(vm, { shares: 100 + vm, priority: vm, quantum: 1 + vm });
    for (let count = 0; count < 30; count++) host.enqueue(count % 4, count << 20, BLOCK_BYTES * (count % 7));
    const requeued = nextOf(host);
    host.requeue(requeued);
    host.drain();
    host.enqueue(2, 0, BLOCK_BYTES);
    host.exhaust();
    if (!taken.limits) return;
    host.set(7, { limit: { commandsPerSecond: 1 } });
    host.enqueue(7, 0, BLOCK_BYTES);
    host.drain();
    for (let count = 0; count < 20; count++) host.enqueue(7, count << 24, BLOCK_BYTES);
    while (host.next() !== undefined);
    assert.ok(host.queuedCommands > 15, "a limit of 1 command/s was not kept after drain");
  });

  it("bears completions of commands that it never gave", () => {
    const host = driver();
    const completeStrangers = (count: number) => {
      for (let turn = 0; turn < count; turn++) {
        const command = new Command();
        command.vm = turn % 9;
        command.lengthBytes = BLOCK_BYTES * (turn % 5);
        host.policy.completed(command, host.nowMs);
      }
    };
    completeStrangers(50);
    assert.equal(host.policy.queuedCommands, 0);
    host.set(2, { latencyCritical: true, priority: 9 });
    host.setPaths(["vmhba0:0:1"], 0.5);
    for (let count = 0; count < 40; count++) host.enqueue(count % 5, count << 24, BLOCK_BYTES);
    for (let count = 0; count < 5; count++) host.next();
    completeStrangers(20);
    host.exhaust();
  });
}

/** What `next` gives while one VM alone has something queued. */
export function nextOf(host: AdmissionDriver): Command {
  const command = host.next();
  assert.ok(command !== undefined, "next gave nothing although something is queued and nothing is limited");
  return command;
}
