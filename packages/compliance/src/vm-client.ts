import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import type { VmDriver, VmListener, VmRunState } from "@fairlead/core";
import { Signal, within } from "./deadline.js";

// Between two looks at the guest's counter. ms.
const LOOK_MS = 5;

/** The layer above one VM: what was told of it, and how far its guest has come. */
export class VmClient implements VmListener {
  /** The states that were told, in order. */
  readonly states: VmRunState[] = [];
  /** Broken promises of the driver, in words. */
  readonly faults: string[] = [];
  readonly changed = new Signal();
  #told: VmRunState = "running";

  constructor(
    readonly vm: VmDriver,
    readonly waitMs: number,
    /** How long a guest that must rest is watched. ms. */
    readonly watchMs: number,
  ) {
    vm.listener = this;
  }

  stateChanged(state: VmRunState, reason: string): void {
    if (state === this.#told) this.faults.push(`told twice that it is ${state}`);
    if (this.vm.state !== state) this.faults.push(`told ${state} while the state was ${this.vm.state}`);
    if (reason.trim() === "") this.faults.push(`no reason for ${state}`);
    this.#told = state;
    this.states.push(state);
    this.changed.notify();
  }

  within<T>(promise: Promise<T>, what: string): Promise<T> {
    return within(promise, this.waitMs, `${what} of ${this.vm.name}`);
  }

  /** Waits until the guest's work grows. */
  async progresses(progress: () => Promise<number> | number, where = "here"): Promise<void> {
    const before = await progress();
    const giveUpMs = performance.now() + this.waitMs;
    while ((await progress()) <= before) {
      assert.ok(performance.now() < giveUpMs, `the guest has come no further ${where} than ${before}`);
      await delay(LOOK_MS);
    }
  }

  /** Watches a guest that must execute nothing, and gives how far it has come. */
  async rests(progress: () => Promise<number> | number, why: string): Promise<number> {
    const before = await progress();
    await delay(this.watchMs);
    assert.equal(await progress(), before, `the guest went on ${why}`);
    return before;
  }

  /** Each call must be refused. */
  async assertStopped(): Promise<void> {
    assert.equal(this.vm.state, "stopped");
    const steps = { switchOver: () => Promise.reject(new Error("called switchOver")) };
    const calls: [string, () => Promise<void>][] = [
      ["suspend", () => this.vm.suspend()],
      ["resume", () => this.vm.resume()],
      ["stop", () => this.vm.stop()],
      ["migrate", () => this.vm.migrate("nowhere", steps)],
    ];
    for (const [name, call] of calls) await assertStoppedError(this.within(call(), name), name);
  }
}

/** By its code, as the driver may have come with a core of its own. */
export async function assertStoppedError(call: Promise<void>, name: string): Promise<void> {
  await assert.rejects(
    call,
    (error) => error instanceof Error && "code" in error && error.code === "VM_STOPPED",
    `${name} of a VM that has stopped must reject with VM_STOPPED`,
  );
}
