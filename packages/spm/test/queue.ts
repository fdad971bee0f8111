import {
  type AdmissionPolicy,
  type Command,
  type EntrySettings,
  type EntryStatus,
  OptionError,
  type Path,
  type VmId,
} from "@fairlead/core";

/** A plain queue as somebody else might write it, which remembers what it was told. */
export class Queue implements AdmissionPolicy {
  readonly entries = new Map<VmId, EntrySettings>();
  readonly completions: Command[] = [];
  readonly capacities: number[] = [];
  /** Nothing goes before. ms */
  fromMs = 0;
  /** Settings with more shares are refused. */
  sharesMax = 1000;
  asked = 0;
  readonly #queue: Command[] = [];

  constructor(readonly name = "queue") {}

  get queuedCommands(): number {
    return this.#queue.length;
  }

  enqueue(command: Command): void {
    if (!this.entries.has(command.vm)) this.entries.set(command.vm, { shares: 100 });
    this.#queue.push(command);
  }

  next(nowMs: number): Command | undefined {
    this.asked++;
    return nowMs < this.fromMs ? undefined : this.#queue.shift();
  }

  nextAt(): number {
    return this.fromMs;
  }

  requeue(command: Command): void {
    this.#queue.unshift(command);
  }

  completed(command: Command): void {
    this.completions.push(command);
  }

  cancel(command: Command): boolean {
    const index = this.#queue.indexOf(command);
    if (index !== -1) this.#queue.splice(index, 1);
    return index !== -1;
  }

  setEntry(vm: VmId, settings: EntrySettings): void {
    const { shares = 0 } = settings;
    if (shares > this.sharesMax) throw new OptionError("shares", `at most ${this.sharesMax}`, shares);
    this.entries.set(vm, { ...this.entries.get(vm), ...settings });
  }

  removeEntry(vm: VmId): void {
    this.entries.delete(vm);
  }

  entry(vm: VmId): EntryStatus | undefined {
    const settings = this.entries.get(vm);
    if (settings === undefined) return undefined;
    const defaults = { shares: 100, priority: 5, guarantee: null, limit: null, quantum: null };
    const status = {
      queuedCommands: 0,
      consumedUnits: 0,
      virtualTime: 0,
      state: "idle",
      unmetMs: 0,
    } as const;
    return { ...defaults, latencyCritical: false, ...settings, ...status };
  }

  pathsChanged(_paths: readonly Path[], capacity: number): void {
    this.capacities.push(capacity);
  }

  drain(visit: (command: Command) => void): void {
    for (const command of this.#queue.splice(0)) visit(command);
  }
}

/** The same with options. */
export class ConfigurableQueue extends Queue {
  constructor() {
    super("configurable");
  }

  /** `sharesMax`: at least the shares of each VM; `fromMs`. */
  configure(options: { sharesMax?: number; fromMs?: number }): void {
    const { sharesMax = this.sharesMax, fromMs = this.fromMs } = options;
    for (const { shares = 0 } of this.entries.values()) {
      if (shares > sharesMax)
        throw new OptionError("sharesMax", `at least ${shares}, which a VM has`, sharesMax);
    }
    this.sharesMax = sharesMax;
    this.fromMs = fromMs;
  }
}
