import {
  FairleadError,
  type MigrationSteps,
  type VmDriver,
  type VmListener,
  type VmRunState,
} from "@fairlead/core";
import type { VmFixture } from "../src/index.js";

/** Where a VM in memory departs from the contract. */
export interface VmFlaws {
  startsSuspended?: boolean;
  creeps?: boolean;
  suspendsLate?: boolean;
  wakesUpAfterMs?: number;
  startsAnew?: boolean;
  neverResumes?: boolean;
  tellsAlways?: boolean;
  tellsNothing?: boolean;
  tellsTooEarly?: boolean;
  hasNoReason?: boolean;
  overtakes?: boolean;
  forgetsToStop?: boolean;
  wrongCode?: boolean;
  stopsOnlyRunning?: boolean;
  suspendsAtClose?: boolean;
  resumesAtClose?: boolean;
  unaware?: boolean;
  handsOverTwice?: boolean;
  handsOverRunning?: boolean;
  startsThereEarly?: boolean;
  beginsAnewThere?: boolean;
  staysHere?: boolean;
  doesNotWait?: boolean;
  ownError?: boolean;
  staysSuspendedAfterRefusal?: boolean;
  movesOnce?: boolean;
}

/** A guest that counts while it runs. */
class Guest {
  count = 0;
  readonly #timer;
  #running = false;
  #turns = 0;

  constructor(readonly creeps = false) {
    this.#timer = setInterval(() => {
      this.#turns++;
      if (this.#running || (this.creeps && this.#turns % 10 === 0)) this.count++;
    }, 1);
  }

  run(): void {
    this.#running = true;
  }

  rest(): void {
    this.#running = false;
  }

  end(): void {
    clearInterval(this.#timer);
  }
}

export function memoryVm(flaws: VmFlaws = {}): VmFixture {
  const here = new Guest(flaws.creeps);
  const there = new Guest();
  here.run();
  const vm = new MemoryVm(here, there, flaws);
  return {
    vm,
    progress: () => here.count,
    migration: { destination: "there", progress: () => there.count },
    kill: () => vm.killed(),
    cleanup() {
      here.end();
      there.end();
    },
  };
}

class MemoryVm implements VmDriver {
  readonly name = "guest";
  state: VmRunState;
  listener: VmListener = { stateChanged() {} };
  #last: Promise<unknown> = Promise.resolve();
  #closed = false;
  #moved = false;

  constructor(
    readonly here: Guest,
    readonly there: Guest,
    readonly flaws: VmFlaws,
  ) {
    this.state = flaws.startsSuspended ? "suspended" : "running";
  }

  suspend(): Promise<void> {
    return this.#queue(5, async () => {
      if (this.flaws.suspendsLate) setTimeout(() => this.here.rest(), 10);
      else this.here.rest();
      const { wakesUpAfterMs } = this.flaws;
      if (wakesUpAfterMs !== undefined) setTimeout(() => this.here.run(), wakesUpAfterMs);
      this.#become("suspended");
    });
  }

  resume(): Promise<void> {
    return this.#queue(1, async () => {
      if (this.flaws.startsAnew) this.here.count = 0;
      if (!this.flaws.neverResumes) this.here.run();
      this.#become("running");
    });
  }

  stop(): Promise<void> {
    return this.#queue(1, async () => {
      if (this.flaws.stopsOnlyRunning && this.state !== "running") throw new Error("not running");
      if (!this.flaws.forgetsToStop) this.here.rest();
      this.#become("stopped");
    });
  }

  migrate(_destination: string, steps: MigrationSteps): Promise<void> {
    return this.#queue(1, () => this.#move(steps));
  }

  async close(): Promise<void> {
    const { flaws, here } = this;
    if (!this.#closed && flaws.suspendsAtClose) here.rest();
    if (!this.#closed && flaws.resumesAtClose) here.run();
    this.#closed = true;
  }

  killed(): void {
    this.here.rest();
    if (!this.flaws.unaware) setImmediate(() => this.#become("stopped"));
  }

  async #move(steps: MigrationSteps): Promise<void> {
    const { flaws, here, there } = this;
    if (flaws.movesOnce && this.#moved) throw new Error("moved before");
    this.#moved = true;
    if (!flaws.handsOverRunning) here.rest();
    if (flaws.startsThereEarly) there.run();
    try {
      const handOver = steps.switchOver();
      if (!flaws.doesNotWait) await handOver;
      if (flaws.handsOverTwice) await steps.switchOver();
    } catch (error) {
      if (!flaws.staysSuspendedAfterRefusal) here.run();
      throw flaws.ownError ? new Error("no hand-over", { cause: error }) : error;
    }
    if (!flaws.staysHere) here.rest();
    else here.run();
    there.count = flaws.beginsAnewThere ? -1e6 : here.count;
    there.run();
    this.#become("stopped");
  }

  /** One after the other; each takes some ms. */
  #queue(ms: number, body: () => Promise<void>): Promise<void> {
    const run = async () => {
      await new Promise((resolve) => setTimeout(resolve, ms));
      if (this.state === "stopped") {
        throw new FairleadError(this.flaws.wrongCode ? "VM_GONE" : "VM_STOPPED", "guest has stopped");
      }
      await body();
    };
    const call = this.flaws.overtakes ? run() : this.#last.then(run);
    this.#last = call.catch(() => {});
    return call;
  }

  #become(state: VmRunState): void {
    const { flaws } = this;
    if (this.#closed) return;
    if (state === this.state && !flaws.tellsAlways) return;
    const reason = flaws.hasNoReason ? "" : "asked to";
    if (flaws.tellsTooEarly) this.listener.stateChanged(state, reason);
    this.state = state;
    if (!flaws.tellsTooEarly && !flaws.tellsNothing) this.listener.stateChanged(state, reason);
  }
}
