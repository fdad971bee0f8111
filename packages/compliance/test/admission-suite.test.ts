import type { AdmissionPolicy, Command, EntrySettings, EntryStatus, VmId } from "@fairlead/core";
import { describe, expect, it } from "vitest";
import { admissionSuite } from "../src/index.js";
import { verdict } from "./collect.js";

/** First come, first served over the VMs in turn; plain, and sound. Each broken policy differs from it in one respect. */
class Turns implements AdmissionPolicy {
  readonly name: string = "turns";
  queuedCommands = 0;
  protected readonly queues = new Map<VmId, (Command | undefined)[]>();
  protected readonly status = new Map<VmId, { shares: number; consumedUnits: number }>();
  // One array, used again, so that a turn allocates nothing.
  protected order: VmId[] = [];
  protected turn = 0;

  protected queue(vm: VmId): (Command | undefined)[] {
    let queue = this.queues.get(vm);
    if (queue === undefined) {
      queue = [];
      this.queues.set(vm, queue);
      this.order.push(vm);
      if (!this.status.has(vm)) this.status.set(vm, { shares: 1000, consumedUnits: 0 });
    }
    return queue;
  }

  enqueue(command: Command, _nowMs: number): void {
    command.units = 1;
    this.queue(command.vm).push(command);
    this.queuedCommands++;
  }

  next(_nowMs: number): Command | undefined {
    for (let step = 0; step < this.order.length; step++) {
      this.turn = (this.turn + 1) % this.order.length;
      const vm = this.order[this.turn] ?? 0;
      const command = this.queues.get(vm)?.shift();
      if (command === undefined) continue;
      this.queuedCommands--;
      const status = this.status.get(vm);
      if (status !== undefined) status.consumedUnits++;
      return command;
    }
    return undefined;
  }

  nextAt(_nowMs: number): number {
    return Infinity;
  }

  requeue(command: Command, _nowMs: number): void {
    this.queue(command.vm).unshift(command);
    this.queuedCommands++;
    const status = this.status.get(command.vm);
    if (status !== undefined) status.consumedUnits--;
  }

  completed(_command: Command, _nowMs: number): void {}

  cancel(command: Command): boolean {
    const queue = this.queues.get(command.vm);
    const place = queue?.indexOf(command) ?? -1;
    if (place === -1) return false;
    queue?.splice(place, 1);
    this.queuedCommands--;
    return true;
  }

  setEntry(vm: VmId, { shares }: EntrySettings, _nowMs: number): void {
    const status = this.status.get(vm) ?? { shares: 1000, consumedUnits: 0 };
    this.status.set(vm, { ...status, shares: shares ?? status.shares });
  }

  removeEntry(vm: VmId): void {
    this.status.delete(vm);
    if (this.queues.get(vm)?.length === 0) {
      this.queues.delete(vm);
      this.order.splice(this.order.indexOf(vm), 1);
    }
  }

  entry(vm: VmId): EntryStatus | undefined {
    const status = this.status.get(vm);
    if (status === undefined) return undefined;
    const queuedCommands = this.queues.get(vm)?.length ?? 0;
    return {
      priority: 5,
      guarantee: null,
      limit: null,
      quantum: null,
      latencyCritical: false,
      ...status,
      queuedCommands,
      virtualTime: 0,
      state: queuedCommands > 0 ? "waiting" : "idle",
      unmetMs: 0,
    };
  }

  pathsChanged(): void {}

  drain(visit: (command: Command) => void): void {
    const queued = [...this.queues.values()].flat();
    for (const queue of this.queues.values()) queue.length = 0;
    this.queuedCommands = 0;
    for (const command of queued) if (command !== undefined) visit(command);
  }
}

const NONE = /(?!)/;
let calls = 0;

const BROKEN: Record<string, { law: RegExp; create: () => AdmissionPolicy }> = {
  "a name with spaces": {
    law: /name/,
    create: () =>
      new (class extends Turns {
        override readonly name = "my policy";
      })(),
  },
  "loses what is cancelled beside": {
    law: /exactly once/,
    create: () =>
      new (class extends Turns {
        override cancel(command: Command): boolean {
          const found = super.cancel(command);
          if (found && this.queues.get(command.vm)?.pop() !== undefined) this.queuedCommands--;
          return found;
        }
      })(),
  },
  "newest first": {
    law: /in its order/,
    create: () =>
      new (class extends Turns {
        override enqueue(command: Command): void {
          this.queue(command.vm).unshift(command);
          this.queuedCommands++;
        }
      })(),
  },
  "twice after a requeue": {
    law: /exactly once/,
    create: () =>
      new (class extends Turns {
        override requeue(command: Command, nowMs: number): void {
          super.requeue(command, nowMs);
          this.queue(command.vm).push(command);
        }
      })(),
  },
  "loses the queue of a VM that is removed": {
    law: /exactly once/,
    create: () =>
      new (class extends Turns {
        override removeEntry(vm: VmId): void {
          this.queuedCommands -= this.queues.get(vm)?.length ?? 0;
          this.queues.get(vm)?.splice(0);
          super.removeEntry(vm);
        }
      })(),
  },
  "holds back for ever": {
    law: /exactly once/,
    create: () =>
      new (class extends Turns {
        override next(nowMs: number): Command | undefined {
          return this.queuedCommands > 3 ? super.next(nowMs) : undefined;
        }
      })(),
  },
  "asks to be called in the past": {
    law: /exactly once/,
    create: () =>
      new (class extends Turns {
        override nextAt(nowMs: number): number {
          return nowMs - 1;
        }
      })(),
  },
  "reads the link of a command that it gave": {
    law: /exactly once/,
    create: () =>
      new (class extends Turns {
        #last: Command | undefined;
        override next(nowMs: number): Command | undefined {
          if (this.#last !== undefined && this.#last.next !== null) return undefined;
          this.#last = super.next(nowMs);
          if (this.#last !== undefined) this.#last.next = null;
          return this.#last;
        }
      })(),
  },
  "counts across instances": {
    law: /same answers/,
    create: () =>
      new (class extends Turns {
        override next(nowMs: number): Command | undefined {
          this.turn = calls++;
          return super.next(nowMs);
        }
      })(),
  },
  "something from nothing": {
    law: /nothing while nothing is queued/,
    create: () =>
      new (class extends Turns {
        override queuedCommands = 1;
      })(),
  },
  "requeues at the tail": {
    law: /head of its VM/,
    create: () =>
      new (class extends Turns {
        override requeue(command: Command, nowMs: number): void {
          this.enqueue(command, nowMs);
        }
      })(),
  },
  "cancels only the head": {
    law: /any place/,
    create: () =>
      new (class extends Turns {
        override cancel(command: Command): boolean {
          return this.queues.get(command.vm)?.[0] === command && super.cancel(command);
        }
      })(),
  },
  "drains from the newest": {
    law: /oldest first/,
    create: () =>
      new (class extends Turns {
        override drain(visit: (command: Command) => void): void {
          const queued: Command[] = [];
          super.drain((command) => queued.unshift(command));
          queued.forEach(visit);
        }
      })(),
  },
  "drains through the links that it has given away": {
    law: /oldest first/,
    create: () =>
      new (class extends Turns {
        override drain(visit: (command: Command) => void): void {
          const queued: Command[] = [];
          super.drain((command) => queued.push(command));
          queued.forEach((command, place) => {
            command.next = queued[place + 1] ?? null;
          });
          for (let command = queued[0] ?? null; command !== null; command = command.next) visit(command);
        }
      })(),
  },
  "always the VM with the lowest id": {
    law: /no VM wait for ever/,
    create: () =>
      new (class extends Turns {
        override next(nowMs: number): Command | undefined {
          this.turn = this.order.length - 1;
          return super.next(nowMs);
        }
      })(),
  },
  "never those without shares": {
    law: /0 shares while it is alone/,
    create: () =>
      new (class extends Turns {
        override next(nowMs: number): Command | undefined {
          const waiting = this.order.filter((vm) => this.queues.get(vm)?.length !== 0);
          return waiting.some((vm) => this.status.get(vm)?.shares !== 0) ? super.next(nowMs) : undefined;
        }
      })(),
  },
  "no refund": {
    law: /what a VM has/,
    create: () =>
      new (class extends Turns {
        override requeue(command: Command, nowMs: number): void {
          super.requeue(command, nowMs);
          const status = this.status.get(command.vm);
          if (status !== undefined) status.consumedUnits++;
        }
      })(),
  },
  "a record for each command": {
    law: /allocates nothing/,
    create: () =>
      new (class extends Turns {
        readonly records = new Map<Command, { since: number }>();
        override enqueue(command: Command, nowMs: number): void {
          this.records.set(command, { since: nowMs });
          super.enqueue(command, nowMs);
        }
      })(),
  },
  "remembers every VM": {
    law: /forgets the VMs/,
    create: () =>
      new (class extends Turns {
        readonly seen: Set<object> = new Set();
        override removeEntry(vm: VmId): void {
          this.seen.add({ vm });
          super.removeEntry(vm);
        }
      })(),
  },
};

describe("admissionSuite", () => {
  it("accepts a sound policy", async () => {
    const { broken } = await verdict((runner) => admissionSuite(runner, () => new Turns()));
    expect(broken).toEqual([]);
  });

  it.each(Object.entries(BROKEN))("rejects: %s", async (_name, { law, create }) => {
    const { broken } = await verdict((runner) => admissionSuite(runner, create), law);
    expect(broken.length).toBeGreaterThan(0);
  });

  it("has a broken policy for each of its laws", async () => {
    const { laws } = await verdict((runner) => admissionSuite(runner, () => new Turns()), NONE);
    expect(laws.filter((name) => !Object.values(BROKEN).some(({ law }) => law.test(name)))).toEqual([]);
  });
});
