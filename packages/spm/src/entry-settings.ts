import { type EntrySettings, OptionError, type Rate, refuseUnknownOptions } from "@fairlead/core";

const FIELDS = ["shares", "priority", "guarantee", "limit", "quantum", "latencyCritical"] as const;
const RATE_UNITS = ["bytesPerSecond", "commandsPerSecond"];

/** What every policy would refuse, checked where no policy is there to ask. Throws OptionError or `OPTION_UNKNOWN`. */
export function checkEntry(settings: EntrySettings): void {
  refuseUnknownOptions(settings, FIELDS);
  const { shares, priority, guarantee, limit, quantum, latencyCritical } = settings;
  if (shares !== undefined && !(Number.isFinite(shares) && shares >= 0)) {
    throw new OptionError("shares", "0 or more", shares);
  }
  if (priority !== undefined && !(Number.isInteger(priority) && priority >= 0 && priority <= 10)) {
    throw new OptionError("priority", "a whole number from 0 to 10", priority);
  }
  checkRate("guarantee", guarantee);
  checkRate("limit", limit);
  if (quantum !== undefined && quantum !== null && !(Number.isInteger(quantum) && quantum >= 1)) {
    throw new OptionError("quantum", "a whole number of at least 1, or null", quantum);
  }
  if (latencyCritical !== undefined && typeof latencyCritical !== "boolean") {
    throw new OptionError("latencyCritical", "true or false", latencyCritical);
  }
}

/** What is left out of `change`, or undefined, stays. Frozen, since strategies of others see it. */
export function merged(before: EntrySettings | undefined, change: EntrySettings): EntrySettings {
  const said = FIELDS.filter((field) => change[field] !== undefined).map((field) => [
    field,
    frozen(change[field]),
  ]);
  return Object.freeze({ ...before, ...Object.fromEntries(said) });
}

/** A rate as a copy of its own. */
function frozen(value: EntrySettings[keyof EntrySettings]): typeof value {
  return typeof value === "object" && value !== null ? Object.freeze({ ...value }) : value;
}

/** For an event: what is named, in plain values. */
export function inPlainValues(settings: EntrySettings): Record<string, string | number | boolean> {
  return Object.fromEntries(
    Object.entries(merged(undefined, settings)).map(([field, value]) => [field, inPlainValue(value)]),
  );
}

function inPlainValue(value: Rate | number | boolean | null): string | number | boolean {
  if (value === null) return "none";
  if (typeof value !== "object") return value;
  return "bytesPerSecond" in value
    ? `${value.bytesPerSecond} bytes/s`
    : `${value.commandsPerSecond} commands/s`;
}

function checkRate(option: string, rate: Rate | null | undefined): void {
  if (rate === undefined || rate === null) return;
  const entries = typeof rate === "object" ? Object.entries(rate) : [];
  const [unit, value] = entries[0] ?? [];
  if (entries.length !== 1 || unit === undefined || !RATE_UNITS.includes(unit) || !((value ?? 0) > 0)) {
    throw new OptionError(
      option,
      "null, or one of bytesPerSecond and commandsPerSecond, greater than 0",
      rate,
    );
  }
}
