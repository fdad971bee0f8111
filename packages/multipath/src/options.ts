import {
  type Clock,
  type Command,
  type EventSink,
  type LoadDistributionStrategy,
  OptionError,
  type Outcome,
  refuseUnknownOptions,
} from "@fairlead/core";

export interface PathTeamOptions {
  /** How long commands wait after the last path was lost, before they end as `no-path`. ms; 0: not at all. @default 60000 */
  noPathQueueMs?: number;
  /** How long a write in doubt waits where no fence can be had. ms @default 30000 */
  quiesceMs?: number;
  /**
   * How long a command may be sent again and again, because paths fail under it or answer BUSY, on top of
   * `noPathQueueMs`. Then it ends as `no-path`. ms @default 60000
   */
  retryMs?: number;
  /**
   * Faults of a strategy after which the next of the list takes its place; a minute without one and the count begins
   * anew. 1 or more; Infinity: none is replaced. [0113] @default 3
   */
  strategyFaultsMax?: number;
  /** A call of a strategy that takes longer is slow; repeatedly slow is a fault. ms; Infinity: none is. @default 10 */
  strategySlowMs?: number;
}

/** What the layer above hands in. */
export interface PathTeamParts {
  /** Names the team in events: the LUN's id. */
  name: string;
  clock: Clock;
  /** In order of preference: the first is used, the next takes its place where it fails. At least one. */
  strategies: readonly LoadDistributionStrategy[];
  /**
   * Times single calls of a strategy: ms, monotonic, moving on within one batch of events too. Read for a sample of the
   * calls only. Absent: `clock.now`, which sees nothing slow where it stands still within a batch.
   */
  stopwatchMs?(): number;
  /** Once for each command that `submit` took; possibly from within `add`, `setEnabled` or a driver's callback. */
  onCompleted(command: Command, outcome: Outcome): void;
  /** There may be room again, or `ready` has changed. */
  onChanged(): void;
  /** The usable paths have changed. */
  onPathsChanged?(): void;
  onEvent: EventSink;
}

/** Throws OptionError, or `OPTION_UNKNOWN`. */
export function settingsFrom(options: PathTeamOptions): Required<PathTeamOptions> {
  const { noPathQueueMs = 60_000, quiesceMs = 30_000, retryMs = 60_000 } = options;
  const { strategyFaultsMax = 3, strategySlowMs = 10 } = options;
  const settings = { noPathQueueMs, quiesceMs, retryMs, strategyFaultsMax, strategySlowMs };
  refuseUnknownOptions(options, Object.keys(settings));
  for (const [option, value] of Object.entries({ noPathQueueMs, quiesceMs, retryMs })) {
    if (!(value >= 0)) throw new OptionError(option, "0 or more milliseconds", value);
  }
  if (!(strategyFaultsMax >= 1)) throw new OptionError("strategyFaultsMax", "1 or more", strategyFaultsMax);
  if (!(strategySlowMs > 0)) throw new OptionError("strategySlowMs", "greater than 0", strategySlowMs);
  return settings;
}
