import type { EntrySettings, EntryStatus } from "@fairlead/core";
import { entrySettings, type Level } from "./config/level-schema.js";
import { formatRate } from "./config/units.js";
import type { LevelView } from "./level-view.js";

/** Of a VM of which nobody says how important it is. [0105] */
export const DEFAULT_PRIORITY = 5;

/** What a policy is told of a VM on a LUN; the VM's general priority where neither the entry nor its profile has one. */
export function entryOn(level: Level, generalPriority: number): EntrySettings {
  return { priority: generalPriority, ...entrySettings(level) };
}

export function levelView({
  shares,
  priority,
  guarantee,
  limit,
  quantum,
  latencyCritical,
}: EntryStatus): LevelView {
  return {
    shares,
    priority,
    guarantee: formatRate(guarantee),
    limit: formatRate(limit),
    quantum: quantum ?? "default",
    latencyCritical,
  };
}
