import { type Hba, OptionError, refuseUnknownOptions } from "@fairlead/core";
import type { StoragePathManagerOptions } from "./types.js";

/** Throws OptionError, or `OPTION_UNKNOWN` also for an HBA that there is not. */
export function settingsFrom(
  options: StoragePathManagerOptions,
  hbas: readonly Hba[],
): Required<StoragePathManagerOptions> {
  const { lunNumbers = { first: 0, last: 255 }, queueDepth = 32, mask = [], recovering = false } = options;
  const { noPathQueueMs = 60_000, quiesceMs = 30_000, rescanMs = 60_000, hbaShares = {} } = options;
  const settings = {
    lunNumbers,
    queueDepth,
    mask,
    recovering,
    noPathQueueMs,
    quiesceMs,
    rescanMs,
    hbaShares,
  };
  refuseUnknownOptions(options, Object.keys(settings));
  checkQueueDepth(queueDepth);
  for (const [option, value] of Object.entries({ noPathQueueMs, quiesceMs })) {
    if (!(value >= 0)) throw new OptionError(option, "0 or more milliseconds", value);
  }
  if (!(rescanMs > 0)) throw new OptionError("rescanMs", "greater than 0", rescanMs);
  refuseUnknownOptions(
    hbaShares,
    hbas.map(({ name }) => name),
  );
  for (const [name, share] of Object.entries(hbaShares)) {
    if (!(share > 0 && share < Infinity)) throw new OptionError(`hbaShares.${name}`, "greater than 0", share);
  }
  return settings;
}

/** Throws OptionError. */
export function checkQueueDepth(commands: number): void {
  if (Number.isInteger(commands) && commands >= 1) return;
  throw new OptionError("queueDepth", "a whole number of at least 1", commands);
}
