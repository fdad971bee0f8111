import type { EntryStatus } from "@fairlead/core";
import { CONSUMED, STRIDE, TAG } from "./entries.js";
import type { Gate } from "./gate.js";
import type { Level } from "./level.js";
import type { Places } from "./places.js";

/** What an entry has and gets; `gate` has been assessed. */
export function statusOf(index: number, places: Places, level: Level, gate: Gate): EntryStatus {
  const { entries, guarantees, settings } = places;
  const at = index * STRIDE;
  return {
    ...level,
    queuedCommands: entries.length(index),
    consumedUnits: entries.fields[at + CONSUMED]!,
    virtualTime: entries.fields[at + TAG]! + places.tierOf(index).epoch,
    state: stateOf(index, places, gate),
    unmetMs: guarantees.unmetMs(index, settings.guaranteeWindowMs),
  };
}

function stateOf(index: number, { entries, limits }: Places, gate: Gate): EntryStatus["state"] {
  if (entries.head(index) === null) return "idle";
  if (limits.reached(index)) return "limited";
  return gate.defers(index) ? "deferred" : "waiting";
}
