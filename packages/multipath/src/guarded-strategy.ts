import {
  type Clock,
  type EntrySettings,
  type EventSink,
  type LoadDistributionStrategy,
  OptionError,
  type Outcome,
  type Path,
  type Transfer,
  type VmId,
} from "@fairlead/core";
import { described, describedError, nameOf, silencedPromise } from "./described.js";
import { LentTransfer } from "./lent-transfer.js";
import { SlowWatch } from "./slow-watch.js";

const FORGIVEN_MS = 60_000;
const REASON_CHARS_MAX = 200;

/** Where every strategy of the list has failed. `paths` is in order of rank. */
const FIRST_USABLE: LoadDistributionStrategy = {
  name: "first-usable",
  select: (paths) => (paths.length > 0 ? 0 : -1),
};

export interface GuardedStrategyParts {
  /** Names the team in events. */
  readonly name: string;
  readonly clock: Clock;
  readonly stopwatchMs: () => number;
  readonly faultsMax: number;
  readonly slowMs: number;
  readonly onEvent: EventSink;
}

/**
 * Somebody's strategies, whose faults must neither lose a transfer nor stop the host: one that throws, answers nonsense
 * or is slow is stepped over, the first path in rank takes the transfer, and after some faults the next strategy of the
 * list takes its place; after the last of them one that can't fail. [0113]
 */
export class GuardedStrategy {
  readonly #parts: GuardedStrategyParts;
  /** `select` and `completed`. */
  readonly #dataWatch: SlowWatch;
  /** `pathsChanged` and `vmChanged`. */
  readonly #controlWatch: SlowWatch;
  readonly #vms = new Map<VmId, EntrySettings>();
  readonly #lent = new LentTransfer();
  #list: readonly LoadDistributionStrategy[];
  #names: readonly string[];
  #place = 0;
  #strategy: LoadDistributionStrategy;
  #name: string;
  #paths: readonly Path[] = [];
  #faults = 0;
  /** Of the strategy in use. */
  #ownFaults = 0;
  #recentFaults = 0;
  #lastFaultMs = Number.NEGATIVE_INFINITY;

  /** Throws OptionError where the list is empty. */
  constructor(list: readonly LoadDistributionStrategy[], parts: GuardedStrategyParts) {
    this.#parts = parts;
    this.#dataWatch = new SlowWatch(parts.stopwatchMs, parts.slowMs, true);
    this.#controlWatch = new SlowWatch(parts.stopwatchMs, parts.slowMs, false);
    this.#strategy = firstOf(list);
    this.#list = [...list];
    this.#names = list.map(nameOf);
    this.#name = this.#names[0] as string;
  }

  /** Of the strategy in use. */
  get name(): string {
    return this.#name;
  }

  /** The list, in its order. */
  get names(): readonly string[] {
    return this.#names;
  }

  /** Of all of the list since it was set. */
  get faults(): number {
    return this.#faults;
  }

  /** Throws OptionError where the list is empty. */
  setList(list: readonly LoadDistributionStrategy[]): void {
    const first = firstOf(list);
    this.#list = [...list];
    this.#names = list.map(nameOf);
    this.#place = 0;
    this.#faults = 0;
    this.#use(first, this.#names[0]);
  }

  setVm(vm: VmId, settings: EntrySettings | undefined): void {
    if (settings === undefined) this.#vms.delete(vm);
    else this.#vms.set(vm, settings);
    this.#vmChanged(vm, settings);
  }

  /** Index into `paths`; -1: none just now, or there are none. */
  select(paths: readonly Path[], transfer: Transfer): number {
    if (paths.length === 0) return -1;
    this.#lent.copy(transfer);
    const startMs = this.#dataWatch.startMs();
    let index: number;
    try {
      index = this.#strategy.select(paths, this.#lent);
    } catch (error) {
      this.#thrown("select", error);
      return 0;
    }
    const slowMs = this.#dataWatch.repeatedlySlowMs(startMs);
    if (slowMs > 0) this.#slow("select", slowMs);
    if (Number.isInteger(index) && index >= 0 && index < paths.length) return index;
    if (index === -1 && somePending(paths)) return -1;
    this.#nonsense(index, paths);
    return 0;
  }

  /** `paths` must not change afterwards. */
  pathsChanged(paths: readonly Path[]): void {
    this.#paths = paths;
    const startMs = this.#controlWatch.startMs();
    try {
      this.#refusePromise("pathsChanged", this.#strategy.pathsChanged?.(paths));
    } catch (error) {
      this.#thrown("pathsChanged", error);
      return;
    }
    const slowMs = this.#controlWatch.repeatedlySlowMs(startMs);
    if (slowMs > 0) this.#slow("pathsChanged", slowMs);
  }

  completed(path: Path, transfer: Transfer, elapsedMs: number, outcome: Outcome): void {
    let startMs: number;
    try {
      if (this.#strategy.completed === undefined) return;
      this.#lent.copy(transfer);
      startMs = this.#dataWatch.startMs();
      const answer: unknown = this.#strategy.completed(path, this.#lent, elapsedMs, outcome);
      if (answer !== undefined) this.#refusePromise("completed", answer);
    } catch (error) {
      this.#thrown("completed", error);
      return;
    }
    const slowMs = this.#dataWatch.repeatedlySlowMs(startMs);
    if (slowMs > 0) this.#slow("completed", slowMs);
  }

  #vmChanged(vm: VmId, settings: EntrySettings | undefined): void {
    const startMs = this.#controlWatch.startMs();
    try {
      this.#refusePromise("vmChanged", this.#strategy.vmChanged?.(vm, settings));
    } catch (error) {
      this.#thrown("vmChanged", error);
      return;
    }
    const slowMs = this.#controlWatch.repeatedlySlowMs(startMs);
    if (slowMs > 0) this.#slow("vmChanged", slowMs);
  }

  #use(strategy: LoadDistributionStrategy, name = strategy.name): void {
    this.#strategy = strategy;
    this.#name = name;
    this.#ownFaults = 0;
    this.#recentFaults = 0;
    this.#dataWatch.reset();
    this.#controlWatch.reset();
    this.pathsChanged(this.#paths);
    for (const [vm, settings] of this.#vms) {
      if (this.#strategy !== strategy) return; // It failed at this; its successor has been told everything.
      this.#vmChanged(vm, settings);
    }
  }

  #thrown(method: string, error: unknown): void {
    this.#fault(`${method} threw ${describedError(error)}`);
  }

  #slow(method: string, slowMs: number): void {
    this.#fault(
      `${method} took ${slowMs.toFixed(1)} ms, not for the first time; at most ${this.#parts.slowMs} ms are expected`,
    );
  }

  #nonsense(index: unknown, paths: readonly Path[]): void {
    if (index === -1) {
      this.#fault("select answered -1 although nothing is pending, so that no completion would ask again");
      return;
    }
    if (!this.#refusePromise("select", index)) {
      this.#fault(`select answered ${described(index)} for ${paths.length} paths`);
    }
  }

  /** True where it was one. */
  #refusePromise(method: string, answer: unknown): boolean {
    if (!silencedPromise(answer)) return false;
    this.#fault(`${method} answered a promise, which nobody waits for`);
    return true;
  }

  #fault(reason: string): void {
    if (this.#strategy === FIRST_USABLE) return; // It can at most be slow, and there is nothing behind it.
    const nowMs = this.#parts.clock.now();
    if (nowMs - this.#lastFaultMs >= FORGIVEN_MS) this.#recentFaults = 0;
    this.#lastFaultMs = nowMs;
    this.#faults++;
    this.#recentFaults++;
    const faults = ++this.#ownFaults;
    const words = reason.slice(0, REASON_CHARS_MAX);
    // 1, 2, 4, 8, …: a broken plugin must not flood the journal.
    if ((faults & (faults - 1)) === 0) {
      this.#event("strategy-fault", `${this.#name}: ${words}`, {
        strategy: this.#name,
        faults,
      });
    }
    if (this.#recentFaults >= this.#parts.faultsMax) this.#replace(words);
  }

  #replace(reason: string): void {
    const from = this.#name;
    const next = this.#list[++this.#place];
    const name = this.#names[this.#place];
    const to = name ?? "the first usable path";
    const last = next === undefined ? ", since no other strategy is left" : "";
    this.#event(
      "strategy-replaced",
      `${from} failed ${this.#recentFaults} times, at last: ${reason}; ${to} takes its place${last}`,
      {
        from,
        to: name ?? FIRST_USABLE.name,
        faults: this.#ownFaults,
      },
    );
    this.#use(next ?? FIRST_USABLE, name);
  }

  #event(kind: string, reason: string, inputs: Record<string, string | number>): void {
    this.#parts.onEvent({ kind, severity: "error", subject: this.#parts.name, reason, inputs });
  }
}

function firstOf(list: readonly LoadDistributionStrategy[]): LoadDistributionStrategy {
  const [first] = list;
  if (first === undefined) throw new OptionError("strategies", "a list of at least one strategy", list);
  return first;
}

function somePending(paths: readonly Path[]): boolean {
  for (let index = 0; index < paths.length; index++) if (paths[index]!.pendingCommands > 0) return true;
  return false;
}
