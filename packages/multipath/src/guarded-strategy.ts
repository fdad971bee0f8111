import type { Command, EventSink, LoadDistributionStrategy, Outcome, Path } from "@fairlead/core";

/**
 * Somebody's strategy, whose faults must neither lose a command nor stop the host: one that throws or answers nonsense
 * is stepped over, the first path in rank takes the command, and the fault is reported. [0113]
 */
export class GuardedStrategy {
  #strategy: LoadDistributionStrategy;
  #faults = 0;
  readonly #subject: string;
  readonly #onEvent: EventSink;

  constructor(strategy: LoadDistributionStrategy, subject: string, onEvent: EventSink) {
    this.#strategy = strategy;
    this.#subject = subject;
    this.#onEvent = onEvent;
  }

  get name(): string {
    return this.#strategy.name;
  }

  replace(strategy: LoadDistributionStrategy, paths: readonly Path[]): void {
    this.#strategy = strategy;
    this.#faults = 0;
    this.pathsChanged(paths);
  }

  /** Index into `paths`; -1: none just now, or there are none. */
  select(paths: readonly Path[], command: Command): number {
    if (paths.length === 0) return -1;
    let index: number;
    try {
      index = this.#strategy.select(paths, command);
    } catch (error) {
      this.#thrown(error);
      return 0;
    }
    if (Number.isInteger(index) && index >= -1 && index < paths.length) return index;
    this.#fault(`select answered ${String(index)} for ${paths.length} paths`);
    return 0;
  }

  pathsChanged(paths: readonly Path[]): void {
    try {
      this.#strategy.pathsChanged?.(paths);
    } catch (error) {
      this.#thrown(error);
    }
  }

  completed(path: Path, command: Command, elapsedMs: number, outcome: Outcome): void {
    if (this.#strategy.completed === undefined) return;
    try {
      this.#strategy.completed(path, command, elapsedMs, outcome);
    } catch (error) {
      this.#thrown(error);
    }
  }

  #thrown(error: unknown): void {
    this.#fault(error instanceof Error ? error.message : String(error));
  }

  #fault(reason: string): void {
    const faults = ++this.#faults;
    if ((faults & (faults - 1)) !== 0) return; // 1, 2, 4, 8, …: a broken plugin must not flood the journal.
    this.#onEvent({
      kind: "strategy-fault",
      severity: "error",
      subject: this.#subject,
      reason: `${this.#strategy.name}: ${reason}`,
      inputs: { faults },
    });
  }
}
