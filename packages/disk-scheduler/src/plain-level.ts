import { type EntrySettings, OptionError } from "@fairlead/core";
import { type Level, levelFrom } from "./level.js";
import { DEFAULTS } from "./options.js";

/** `base` with what `settings` changes, for a policy that keeps no rates; throws OptionError, also for a guarantee or a limit. */
export function plainLevelFrom(base: Level, settings: EntrySettings, policy: string): Level {
  const level = levelFrom(base, settings, DEFAULTS);
  for (const name of ["guarantee", "limit"] as const) {
    if (level[name] !== null) throw new OptionError(name, `null under ${policy}`, level[name]);
  }
  return level;
}
