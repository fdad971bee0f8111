import type { EntrySettings, EntryStatus } from "@fairlead/core";
import { entrySettings, type Level } from "./config/level-schema.js";
import { formatRate } from "./config/units.js";

/** Of a VM of which nobody says how important it is. [0105] */
export const DEFAULT_PRIORITY = 5;

/** What a policy is told of a VM on a LUN; the VM's general priority where neither the entry nor its profile has one. */
export function entryOn(level: Level, generalPriority: number): EntrySettings {
  return { priority: generalPriority, ...entrySettings(level) };
}

/** In the words of the config. */
export interface LevelView {
  readonly shares: number;
  readonly priority: number;
  /** `50MiB/s`, `3000iops` or `none`. */
  readonly guarantee: string;
  readonly limit: string;
  readonly quantum: number | "default";
  readonly latencyCritical: boolean;
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

/** `2000 shares, priority 8, guarantee 50MiB/s`: what differs from nothing set stands there. */
export function levelText({
  shares,
  priority,
  guarantee,
  limit,
  quantum,
  latencyCritical,
}: LevelView): string {
  return [
    `${shares} shares`,
    `priority ${priority}`,
    ...(guarantee === "none" ? [] : [`guarantee ${guarantee}`]),
    ...(limit === "none" ? [] : [`limit ${limit}`]),
    ...(quantum === "default" ? [] : [`quantum ${quantum}`]),
    ...(latencyCritical ? ["latency-critical"] : []),
  ].join(", ");
}
