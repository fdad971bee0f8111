import { type EntrySettings, OptionError, refuseUnknownOptions } from "@fairlead/core";

/** The settings of an entry that a policy without guarantees and limits keeps, whether or not it uses each. */
export interface PlainSettings {
  readonly shares: number;
  readonly priority: number;
  readonly quantum: number | null;
  readonly latencyCritical: boolean;
}

export const PLAIN_DEFAULTS: PlainSettings = {
  shares: 1000,
  priority: 5,
  quantum: null,
  latencyCritical: false,
};

const KNOWN = ["shares", "priority", "guarantee", "limit", "quantum", "latencyCritical"];
const SHARES_MAX = 1_000_000;

/** `base` with what `settings` changes, checked as a whole; throws OptionError, also for a guarantee or a limit. */
export function plainSettings(base: PlainSettings, settings: EntrySettings, policy: string): PlainSettings {
  refuseUnknownOptions(settings, KNOWN);
  for (const name of ["guarantee", "limit"] as const) {
    const rate = settings[name];
    if (rate !== undefined && rate !== null) throw new OptionError(name, `null under ${policy}`, rate);
  }
  const {
    shares = base.shares,
    priority = base.priority,
    quantum = base.quantum,
    latencyCritical = base.latencyCritical,
  } = settings;
  if (typeof shares !== "number" || !(shares >= 0 && shares <= SHARES_MAX)) {
    throw new OptionError("shares", `from 0 to ${SHARES_MAX}`, shares);
  }
  if (!Number.isInteger(priority) || priority < 0 || priority > 10) {
    throw new OptionError("priority", "a whole number from 0 to 10", priority);
  }
  if (quantum !== null && !(Number.isSafeInteger(quantum) && quantum >= 1)) {
    throw new OptionError("quantum", "null or a whole number of 1 or more", quantum);
  }
  if (typeof latencyCritical !== "boolean") {
    throw new OptionError("latencyCritical", "true or false", latencyCritical);
  }
  return { shares, priority, quantum, latencyCritical };
}
