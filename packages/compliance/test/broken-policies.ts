import {
  type AdmissionPolicy,
  type Command,
  type EntrySettings,
  type EntryStatus,
  OptionError,
  type VmId,
} from "@fairlead/core";
import { type Entry, LIMIT, Turns } from "./turns.js";

let calls = 0;

/** Each with the law that it breaks. */
export const BROKEN: [name: string, law: RegExp, policy: new () => AdmissionPolicy][] = [
  [
    "a name with spaces",
    /has a name/,
    class extends Turns {
      override readonly name = "my policy";
    },
  ],
  [
    "loses what is cancelled beside",
    /exactly once/,
    class extends Turns {
      override cancel(command: Command): boolean {
        const found = super.cancel(command);
        if (found && this.entries.get(command.vm)?.queue.pop() !== undefined) this.queuedCommands--;
        return found;
      }
    },
  ],
  [
    "newest first",
    /in its order/,
    class extends Turns {
      override enqueue(command: Command): void {
        this.make(command.vm).queue.unshift(command);
        this.queuedCommands++;
      }
    },
  ],
  [
    "twice after a requeue",
    /exactly once/,
    class extends Turns {
      override requeue(command: Command, nowMs: number): void {
        super.requeue(command, nowMs);
        this.make(command.vm).queue.push(command);
      }
    },
  ],
  [
    "loses the queue of a VM that is removed",
    /exactly once/,
    class extends Turns {
      override removeEntry(vm: VmId): void {
        this.queuedCommands -= this.entries.get(vm)?.queue.splice(0).length ?? 0;
        super.removeEntry(vm);
      }
    },
  ],
  [
    "loses what waits when a limit is set",
    /exactly once/,
    class extends Turns {
      override setEntry(vm: VmId, settings: EntrySettings, nowMs: number): void {
        super.setEntry(vm, settings, nowMs);
        if (settings.limit) this.queuedCommands -= this.make(vm).queue.splice(1).length;
      }
    },
  ],
  [
    "takes half of the settings that it refuses",
    /exactly once/,
    class extends Turns {
      override setEntry(vm: VmId, settings: EntrySettings, nowMs: number): void {
        super.setEntry(vm, settings, nowMs);
        if (settings.quantum === 3) throw new OptionError("quantum", "anything but 3", 3);
      }
    },
  ],
  [
    "holds back for ever",
    /exactly once/,
    class extends Turns {
      override next(nowMs: number): Command | undefined {
        return this.queuedCommands > 3 ? super.next(nowMs) : undefined;
      }
    },
  ],
  [
    "waits for a completion although nothing is outstanding",
    /exactly once/,
    class extends Turns {
      #open = false;
      override next(nowMs: number): Command | undefined {
        return this.#open ? super.next(nowMs) : undefined;
      }
      override completed(): void {
        this.#open = true;
      }
    },
  ],
  [
    "defers by counters that it copied once",
    /exactly once/,
    class extends Turns {
      #pending = 0;
      override pathsChanged(paths: readonly { readonly pendingCommands: number }[]): void {
        this.#pending = paths[0]?.pendingCommands ?? 0;
      }
      override next(nowMs: number): Command | undefined {
        return this.#pending > 0 ? undefined : super.next(nowMs);
      }
    },
  ],
  [
    "asks to be called in the past",
    /exactly once/,
    class extends Turns {
      override nextAt(nowMs: number): number {
        return nowMs - 1;
      }
    },
  ],
  [
    "asks to be called all the time",
    /asks for no call/,
    class extends Turns {
      override nextAt(nowMs: number): number {
        return nowMs + 1;
      }
    },
  ],
  [
    "reads the link of a command that it gave",
    /exactly once/,
    class extends Turns {
      #last: Command | undefined;
      override next(nowMs: number): Command | undefined {
        if (this.#last !== undefined && this.#last.next !== null) return undefined;
        this.#last = super.next(nowMs);
        if (this.#last !== undefined) this.#last.next = null;
        return this.#last;
      }
    },
  ],
  [
    "counts across instances",
    /same answers/,
    class extends Turns {
      override next(nowMs: number): Command | undefined {
        this.turn = calls++;
        return super.next(nowMs);
      }
    },
  ],
  [
    "looks at the clock",
    /no time but nowMs/,
    class extends Turns {
      override next(): Command | undefined {
        return super.next(performance.now());
      }
    },
  ],
  [
    "draws lots",
    /no random number/,
    class extends Turns {
      override next(nowMs: number): Command | undefined {
        this.turn = Math.floor(Math.random() * this.order.length);
        return super.next(nowMs);
      }
    },
  ],
  [
    "something from nothing",
    /nothing while nothing is queued/,
    class extends Turns {
      override queuedCommands = 1;
    },
  ],
  [
    "requeues at the tail",
    /head of its VM/,
    class extends Turns {
      override requeue(command: Command, nowMs: number): void {
        this.enqueue(command, nowMs);
      }
    },
  ],
  [
    "cancels only the head",
    /any place/,
    class extends Turns {
      override cancel(command: Command): boolean {
        return this.entries.get(command.vm)?.queue[0] === command && super.cancel(command);
      }
    },
  ],
  [
    "drains from the newest",
    /oldest first/,
    class extends Turns {
      override drain(visit: (command: Command) => void): void {
        const queued: Command[] = [];
        super.drain((command) => queued.unshift(command));
        queued.forEach(visit);
      }
    },
  ],
  [
    "drains through the links that it has given away",
    /oldest first/,
    class extends Turns {
      override drain(visit: (command: Command) => void): void {
        const queued: Command[] = [];
        super.drain((command) => queued.push(command));
        queued.forEach((command, place) => {
          command.next = queued[place + 1] ?? null;
        });
        for (let command = queued[0] ?? null; command !== null; command = command.next) visit(command);
      }
    },
  ],
  [
    "counts down at completions that it has not counted up",
    /that it never gave/,
    class extends Turns {
      #outstanding = 0;
      override next(nowMs: number): Command | undefined {
        if (this.#outstanding < 0) return undefined;
        const command = super.next(nowMs);
        if (command !== undefined) this.#outstanding++;
        return command;
      }
      override completed(): void {
        this.#outstanding--;
      }
    },
  ],
  [
    "always the VM with the lowest id",
    /no VM wait for ever/,
    class extends Turns {
      override next(nowMs: number): Command | undefined {
        this.turn = this.order.length - 1;
        return super.next(nowMs);
      }
    },
  ],
  [
    "the highest priority alone",
    /whatever the priorities/,
    class extends Turns {
      protected override eligible(entry: Entry, nowMs: number): boolean {
        const { priority } = entry.settings;
        const higher = this.order.some(
          ({ queue, settings }) => queue.length > 0 && settings.priority > priority,
        );
        return !higher && super.eligible(entry, nowMs);
      }
    },
  ],
  [
    "a floor while the LUN is whole",
    /whatever the priorities/,
    class extends Turns {
      #capacity = 1;
      override pathsChanged(_paths: readonly { readonly pendingCommands: number }[], capacity: number): void {
        this.#capacity = capacity;
      }
      protected override eligible(entry: Entry, nowMs: number): boolean {
        const { priority } = entry.settings;
        const higher = this.order.some(
          ({ queue, settings }) => queue.length > 0 && settings.priority > priority,
        );
        return (this.#capacity === 1 || !higher) && super.eligible(entry, nowMs);
      }
    },
  ],
  [
    "tags that outlive a step of the clock",
    /stands still, steps back/,
    class extends Turns {
      protected override follow(nowMs: number): void {
        this.lastMs = nowMs;
      }
    },
  ],
  [
    "never before the latest time that it has seen",
    /stands still, steps back/,
    class extends Turns {
      override next(nowMs: number): Command | undefined {
        if (nowMs < this.lastMs) return undefined;
        return super.next(nowMs);
      }
      override nextAt(nowMs: number): number {
        return nowMs < this.lastMs ? this.lastMs : super.nextAt(nowMs);
      }
    },
  ],
  [
    "no limits",
    /keeps a VM at its limit/,
    class extends Turns {
      protected override charge(entry: Entry, tag: number, lengthBytes: number, nowMs: number): void {
        if (tag !== LIMIT) super.charge(entry, tag, lengthBytes, nowMs);
      }
    },
  ],
  [
    "charges a limit twice",
    /keeps a VM at its limit/,
    class extends Turns {
      protected override charge(entry: Entry, tag: number, lengthBytes: number, nowMs: number): void {
        super.charge(entry, tag, lengthBytes, nowMs);
        super.charge(entry, tag, lengthBytes, nowMs);
      }
    },
  ],
  [
    "waits for a limit from when it looks",
    /keeps a VM at its limit/,
    class extends Turns {
      protected override charge(entry: Entry, tag: number, lengthBytes: number, nowMs: number): void {
        entry.tagsMs[tag] = nowMs;
        super.charge(entry, tag, lengthBytes, nowMs);
      }
    },
  ],
  [
    "a limit in bytes counts commands",
    /keeps a VM at its limit/,
    class extends Turns {
      protected override charge(entry: Entry, tag: number, lengthBytes: number, nowMs: number): void {
        super.charge(entry, tag, Math.min(lengthBytes, 4096), nowMs);
      }
    },
  ],
  [
    "saves up limits",
    /saves no burst/,
    class extends Turns {
      protected override charge(entry: Entry, tag: number, lengthBytes: number, nowMs: number): void {
        const [atMs = 0] = entry.tagsMs;
        const savedMs = Math.min(10_000, Math.max(0, nowMs - atMs));
        super.charge(entry, tag, lengthBytes, nowMs);
        entry.tagsMs[LIMIT] = (entry.tagsMs[LIMIT] ?? 0) - Math.max(0, savedMs - 50);
      }
    },
  ],
  [
    "all wait for one limit",
    /tells that a VM is limited/,
    class extends Turns {
      protected override eligible(entry: Entry, nowMs: number): boolean {
        const limited = this.order.some(
          ({ settings, tagsMs }) => settings.limit && Number(tagsMs[LIMIT]) > nowMs,
        );
        return !limited && super.eligible(entry, nowMs);
      }
    },
  ],
  [
    "a limit outlives its end",
    /serves it at once where the limit is lifted/,
    class extends Turns {
      override setEntry(vm: VmId, settings: EntrySettings, nowMs: number): void {
        super.setEntry(vm, settings.limit === null ? { limit: { commandsPerSecond: 1 } } : settings, nowMs);
      }
    },
  ],
  [
    "no refund from a limit",
    /tells that a VM is limited/,
    class extends Turns {
      override requeue(command: Command, nowMs: number): void {
        const { tagsMs } = this.make(command.vm);
        const limitAtMs = tagsMs[LIMIT] ?? 0;
        super.requeue(command, nowMs);
        tagsMs[LIMIT] = limitAtMs;
      }
    },
  ],
  [
    "no guarantees",
    /what it was guaranteed/,
    class extends Turns {
      protected override due(): undefined {}
    },
  ],
  [
    "guarantees by shares",
    /what it was guaranteed/,
    class extends Turns {
      protected override due(nowMs: number): Entry | undefined {
        const entry = super.due(nowMs);
        return entry?.settings.shares === 0 ? undefined : entry;
      }
    },
  ],
  [
    "never those without shares",
    /0 shares while it is alone/,
    class extends Turns {
      override next(nowMs: number): Command | undefined {
        const waiting = this.order.filter(({ queue }) => queue.length > 0);
        return waiting.some(({ settings }) => settings.shares !== 0) ? super.next(nowMs) : undefined;
      }
    },
  ],
  [
    "takes what it was not told to keep for a default",
    /takes every level of service/,
    class extends Turns {
      override setEntry(vm: VmId, settings: EntrySettings, nowMs: number): void {
        super.setEntry(vm, { shares: 1000, ...settings }, nowMs);
      }
    },
  ],
  [
    "keeps the settings of an entry that is gone",
    /takes every level of service/,
    class extends Turns {
      readonly #settings = new Map<VmId, EntrySettings>();
      override setEntry(vm: VmId, settings: EntrySettings, nowMs: number): void {
        const all = { ...this.#settings.get(vm), ...settings };
        this.#settings.set(vm, all);
        super.setEntry(vm, all, nowMs);
      }
    },
  ],
  [
    "takes priority 11",
    /out of range/,
    class extends Turns {
      override setEntry(vm: VmId, settings: EntrySettings, nowMs: number): void {
        super.setEntry(vm, settings.priority === 11 ? { ...settings, priority: 10 } : settings, nowMs);
      }
    },
  ],
  [
    "takes the shares before it looks at the rest",
    /out of range/,
    class extends Turns {
      override setEntry(vm: VmId, settings: EntrySettings, nowMs: number): void {
        if (this.entries.has(vm)) super.setEntry(vm, { shares: settings.shares ?? 1000 }, nowMs);
        super.setEntry(vm, settings, nowMs);
      }
    },
  ],
  [
    "an entry even of what is wrong",
    /out of range/,
    class extends Turns {
      override setEntry(vm: VmId, settings: EntrySettings, nowMs: number): void {
        this.make(vm);
        super.setEntry(vm, settings, nowMs);
      }
    },
  ],
  [
    "no refund",
    /refunds what is requeued/,
    class extends Turns {
      override requeue(command: Command, nowMs: number): void {
        super.requeue(command, nowMs);
        this.make(command.vm).consumedUnits++;
      }
    },
  ],
  [
    "idle while it waits",
    /tells what a VM has queued/,
    class extends Turns {
      override entry(vm: VmId): EntryStatus | undefined {
        const status = super.entry(vm);
        return status && { ...status, state: "idle" };
      }
    },
  ],
  [
    "takes any option",
    /is configured by/,
    class extends Turns {
      override configure(): void {}
    },
  ],
  [
    "begins anew when it is configured",
    /is configured by/,
    class extends Turns {
      override configure(options: object): void {
        super.configure(options);
        this.turn = 0;
      }
    },
  ],
  [
    "a record for each command",
    /allocates nothing for a command$/,
    class extends Turns {
      readonly records = new Map<Command, { since: number }>();
      override enqueue(command: Command, nowMs: number): void {
        this.records.set(command, { since: nowMs });
        super.enqueue(command, nowMs);
      }
    },
  ],
  [
    "a record for each command under a limit",
    /whatever the levels of service/,
    class extends Turns {
      readonly records = new Map<Entry, { since: number }>();
      protected override charge(entry: Entry, tag: number, lengthBytes: number, nowMs: number): void {
        this.records.set(entry, { since: nowMs });
        super.charge(entry, tag, lengthBytes, nowMs);
      }
    },
  ],
  [
    "remembers every VM",
    /forgets the VMs/,
    class extends Turns {
      readonly seen = new Set<VmId>();
      override removeEntry(vm: VmId): void {
        this.seen.add(vm);
        super.removeEntry(vm);
      }
    },
  ],
];
