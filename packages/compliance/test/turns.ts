import {
  type AdmissionPolicy,
  type Command,
  type EntrySettings,
  type EntryStatus,
  OptionError,
  refuseUnknownOptions,
  type VmId,
} from "@fairlead/core";

const BURST_MS = 50;
// A flush counts as much under a rate in bytes.
const FLUSH_BYTES = 4096;
export const LIMIT = 0;
const GUARANTEE = 1;
const OPTIONS = ["turnsPerVm"];

export class Entry {
  queue: Command[] = [];
  consumedUnits = 0;
  /** One number that costs no allocation. */
  readonly unmetMs = new Float64Array(1);
  /** From when on it may go by its limit, and when it is next due by its guarantee. Numbers that cost no allocation. */
  readonly tagsMs = new Float64Array([-1e12, -1e12]);
  /** What a command and a byte cost it, by its limit and by its guarantee. ms. */
  readonly costsMs = new Float64Array(4);
  settings: Required<EntrySettings> = {
    shares: 1000,
    priority: 5,
    guarantee: null,
    limit: null,
    quantum: null,
    latencyCritical: false,
  };

  constructor(readonly vm: VmId) {}
}

/**
 * The VMs in turn, but for limits and for guarantees that are due; plain, and sound. Each broken policy differs from it
 * in one respect.
 */
export class Turns implements AdmissionPolicy {
  readonly name: string = "turns";
  queuedCommands = 0;
  protected readonly entries = new Map<VmId, Entry>();
  // Used again, so that a turn allocates nothing.
  protected readonly order: Entry[] = [];
  protected turn = 0;
  protected lastMs = 0;
  #decisions = 0;

  protected make(vm: VmId): Entry {
    let entry = this.entries.get(vm);
    if (entry === undefined) {
      entry = new Entry(vm);
      this.entries.set(vm, entry);
      this.order.push(entry);
    }
    return entry;
  }

  enqueue(command: Command, nowMs: number): void {
    command.units = 1;
    const { queue, tagsMs } = this.make(command.vm);
    // Nothing is owed for the time in which nothing was asked for.
    if (queue.length === 0) tagsMs[GUARANTEE] = Math.max(tagsMs[GUARANTEE] ?? 0, nowMs - BURST_MS / 2);
    queue.push(command);
    this.queuedCommands++;
  }

  next(nowMs: number): Command | undefined {
    this.follow(nowMs);
    // A guarantee waits for each 16th decision: nobody starves.
    const due = this.#decisions++ % 16 === 0 ? undefined : this.due(nowMs);
    if (due !== undefined) return this.serve(due, nowMs);
    for (let step = 0; step < this.order.length; step++) {
      this.turn = (this.turn + 1) % this.order.length;
      const entry = this.order[this.turn];
      if (entry !== undefined && this.eligible(entry, nowMs)) return this.serve(entry, nowMs);
    }
    return undefined;
  }

  protected eligible(entry: Entry, nowMs: number): boolean {
    return entry.queue.length > 0 && (entry.settings.limit === null || (entry.tagsMs[LIMIT] ?? 0) <= nowMs);
  }

  protected due(nowMs: number): Entry | undefined {
    let first: Entry | undefined;
    for (let index = 0; index < this.order.length; index++) {
      const entry = this.order[index];
      if (entry === undefined || entry.settings.guarantee === null || !this.eligible(entry, nowMs)) continue;
      const atMs = entry.tagsMs[GUARANTEE] ?? 0;
      if (atMs <= nowMs && (first === undefined || atMs < (first.tagsMs[GUARANTEE] ?? 0))) first = entry;
    }
    return first;
  }

  protected serve(entry: Entry, nowMs: number): Command | undefined {
    const command = entry.queue.shift();
    if (command === undefined) return undefined;
    this.queuedCommands--;
    entry.consumedUnits++;
    const { limit, guarantee } = entry.settings;
    if (limit !== null) this.charge(entry, LIMIT, this.bytesOf(command), nowMs);
    if (guarantee !== null) this.charge(entry, GUARANTEE, this.bytesOf(command), nowMs);
    return command;
  }

  protected charge(entry: Entry, tag: number, lengthBytes: number, nowMs: number): void {
    const { tagsMs, costsMs } = entry;
    const costMs = (costsMs[2 * tag] ?? 0) + (costsMs[2 * tag + 1] ?? 0) * lengthBytes;
    tagsMs[tag] = Math.max(tagsMs[tag] ?? 0, nowMs - BURST_MS) + costMs;
  }

  protected bytesOf({ lengthBytes }: Command): number {
    return lengthBytes > 0 ? lengthBytes : FLUSH_BYTES;
  }

  /** Tags stay where they are beside a clock that was set back. */
  protected follow(nowMs: number): void {
    if (nowMs < this.lastMs) {
      for (const entry of this.order) {
        for (let tag = LIMIT; tag <= GUARANTEE; tag++) {
          entry.tagsMs[tag] = (entry.tagsMs[tag] ?? 0) + nowMs - this.lastMs;
        }
      }
    }
    if (nowMs > this.lastMs) this.countUnmet(nowMs - this.lastMs);
    this.lastMs = nowMs;
  }

  /** A guarantee is not met where its tag can't keep up. */
  protected countUnmet(ms: number): void {
    for (let index = 0; index < this.order.length; index++) {
      const entry = this.order[index];
      if (entry === undefined || entry.settings.guarantee === null || entry.queue.length === 0) continue;
      if ((entry.tagsMs[GUARANTEE] ?? 0) <= this.lastMs - BURST_MS / 2) {
        entry.unmetMs[0] = (entry.unmetMs[0] ?? 0) + ms;
      }
    }
  }

  nextAt(nowMs: number): number {
    let atMs = Infinity;
    for (const entry of this.order) {
      const limitAtMs = entry.tagsMs[LIMIT] ?? 0;
      if (entry.queue.length > 0 && entry.settings.limit !== null && limitAtMs > nowMs) {
        atMs = Math.min(atMs, limitAtMs);
      }
    }
    return atMs;
  }

  requeue(command: Command, _nowMs: number): void {
    const entry = this.make(command.vm);
    entry.queue.unshift(command);
    this.queuedCommands++;
    if (entry.consumedUnits > 0) entry.consumedUnits--;
    const { tagsMs, costsMs } = entry;
    for (let tag = LIMIT; tag <= GUARANTEE; tag++) {
      const costMs = (costsMs[2 * tag] ?? 0) + (costsMs[2 * tag + 1] ?? 0) * this.bytesOf(command);
      tagsMs[tag] = (tagsMs[tag] ?? 0) - costMs;
    }
  }

  completed(_command: Command, _nowMs: number): void {}

  cancel(command: Command): boolean {
    const queue = this.entries.get(command.vm)?.queue;
    const place = queue?.indexOf(command) ?? -1;
    if (place === -1) return false;
    queue?.splice(place, 1);
    this.queuedCommands--;
    return true;
  }

  setEntry(vm: VmId, settings: EntrySettings, _nowMs: number): void {
    const { shares = 0, priority = 0, quantum, limit, guarantee } = settings;
    if (!(shares >= 0 && shares < Infinity)) throw new OptionError("shares", "0 or more", shares);
    if (!Number.isInteger(priority) || priority < 0 || priority > 10) {
      throw new OptionError("priority", "a whole number from 0 to 10", priority);
    }
    if (typeof quantum === "number" && !(Number.isInteger(quantum) && quantum > 0)) {
      throw new OptionError("quantum", "a whole number of 1 or more", quantum);
    }
    for (const rate of [limit, guarantee]) {
      for (const value of Object.values(rate ?? {})) {
        if (!(value > 0)) throw new OptionError("rate", "greater than 0", value);
      }
    }
    const entry = this.make(vm);
    Object.assign(entry.settings, settings);
    [entry.settings.limit, entry.settings.guarantee].forEach((rate, tag) => {
      entry.costsMs[2 * tag] =
        rate !== null && "commandsPerSecond" in rate ? 1000 / rate.commandsPerSecond : 0;
      entry.costsMs[2 * tag + 1] = rate !== null && "bytesPerSecond" in rate ? 1000 / rate.bytesPerSecond : 0;
    });
  }

  removeEntry(vm: VmId): void {
    const entry = this.entries.get(vm);
    if (entry === undefined) return;
    if (entry.queue.length === 0) {
      this.entries.delete(vm);
      this.order.splice(this.order.indexOf(entry), 1);
    } else {
      entry.settings = new Entry(vm).settings;
      entry.costsMs.fill(0);
    }
  }

  entry(vm: VmId): EntryStatus | undefined {
    const entry = this.entries.get(vm);
    if (entry === undefined) return undefined;
    const limited = entry.settings.limit !== null && (entry.tagsMs[LIMIT] ?? 0) > this.lastMs;
    return {
      ...entry.settings,
      queuedCommands: entry.queue.length,
      consumedUnits: entry.consumedUnits,
      virtualTime: 0,
      state: entry.queue.length === 0 ? "idle" : limited ? "limited" : "waiting",
      unmetMs: entry.unmetMs[0] ?? 0,
    };
  }

  pathsChanged(_paths: readonly { readonly pendingCommands: number }[], _capacity: number): void {}

  drain(visit: (command: Command) => void): void {
    const queued = this.order.flatMap(({ queue }) => queue);
    for (const entry of this.order) entry.queue.length = 0;
    this.queuedCommands = 0;
    for (const command of queued) visit(command);
  }

  configure(options: object): void {
    refuseUnknownOptions(options, OPTIONS);
  }
}
