import { type EntrySettings, OptionError, type Rate, refuseUnknownOptions } from "@fairlead/core";
import { PRIORITY_MAX } from "./marks.js";
import type { DiskSchedulerSettings } from "./options.js";

/** Less is not told from nothing; below, times until the next command are no numbers any more. */
const PER_SECOND_MIN = 0.001;

/** Level of service of one entry, checked and complete. */
export type Level = Readonly<Required<EntrySettings>>;

export const DEFAULT_LEVEL: Level = {
  shares: 1000,
  priority: 5,
  guarantee: null,
  limit: null,
  quantum: null,
  latencyCritical: false,
};

/** `base` with what `settings` changes, checked as a whole; throws OptionError, or `OPTION_UNKNOWN`. */
export function levelFrom(base: Level, settings: EntrySettings, bounds: DiskSchedulerSettings): Level {
  refuseUnknownOptions(settings, Object.keys(DEFAULT_LEVEL));
  const {
    shares = base.shares,
    priority = base.priority,
    guarantee = base.guarantee,
    limit = base.limit,
    quantum = base.quantum,
    latencyCritical = base.latencyCritical,
  } = settings;
  const { sharesMin, sharesMax } = bounds;
  if (
    settings.shares !== undefined &&
    !(typeof shares === "number" && shares >= sharesMin && shares <= sharesMax)
  ) {
    throw new OptionError("shares", `from ${sharesMin} to ${sharesMax}`, shares);
  }
  if (!Number.isInteger(priority) || priority < 0 || priority > PRIORITY_MAX) {
    throw new OptionError("priority", `a whole number from 0 to ${PRIORITY_MAX}`, priority);
  }
  if (quantum !== null && !(Number.isSafeInteger(quantum) && quantum >= 1)) {
    throw new OptionError("quantum", "null or a whole number of 1 or more", quantum);
  }
  if (typeof latencyCritical !== "boolean") {
    throw new OptionError("latencyCritical", "true or false", latencyCritical);
  }
  checkRate("guarantee", guarantee);
  checkRate("limit", limit);
  if (guarantee !== null && limit !== null && inBytes(guarantee) === inBytes(limit)) {
    const limitPerSecond = perSecond(limit);
    if (perSecond(guarantee) > limitPerSecond) {
      throw new OptionError(
        "guarantee",
        `at most the limit of ${limitPerSecond} per second`,
        perSecond(guarantee),
      );
    }
  }
  return { shares, priority, guarantee: copyOf(guarantee), limit: copyOf(limit), quantum, latencyCritical };
}

export function inBytes(rate: Rate): boolean {
  return "bytesPerSecond" in rate;
}

/** Bytes or commands. */
export function perSecond(rate: Rate): number {
  return "bytesPerSecond" in rate ? rate.bytesPerSecond : rate.commandsPerSecond;
}

export function sameRate(one: Rate | null, other: Rate | null): boolean {
  if (one === null || other === null) return one === other;
  return inBytes(one) === inBytes(other) && perSecond(one) === perSecond(other);
}

export function sameLevel(one: Level, other: Level): boolean {
  return (
    one.shares === other.shares &&
    one.priority === other.priority &&
    sameRate(one.guarantee, other.guarantee) &&
    sameRate(one.limit, other.limit) &&
    one.quantum === other.quantum &&
    one.latencyCritical === other.latencyCritical
  );
}

function copyOf(rate: Rate | null): Rate | null {
  return rate === null ? null : { ...rate };
}

function checkRate(name: string, rate: Rate | null): void {
  if (rate === null) return;
  const units = typeof rate === "object" ? Object.keys(rate) : [];
  if (units.length !== 1 || (units[0] !== "bytesPerSecond" && units[0] !== "commandsPerSecond")) {
    throw new OptionError(name, "null, { bytesPerSecond } or { commandsPerSecond }", rate);
  }
  const value = perSecond(rate);
  if (typeof value !== "number" || !(value >= PER_SECOND_MIN && value < Infinity)) {
    throw new OptionError(`${name}.${units[0]}`, `finite and at least ${PER_SECOND_MIN}`, value);
  }
}
