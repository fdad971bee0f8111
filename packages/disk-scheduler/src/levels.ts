import { type EntrySettings, OptionError } from "@fairlead/core";
import { marksAt, SHARES, STRIDE, TAG, weightOf } from "./entries.js";
import { DEFAULT_LEVEL, inBytes, type Level, levelFrom, perSecond, sameLevel, sameRate } from "./level.js";
import { ACTIVE, CRITICAL, GUARANTEED, LIMITED, OWN_QUANTUM, PRIORITY_SHIFT } from "./marks.js";
import type { DiskSchedulerSettings } from "./options.js";
import type { Places } from "./places.js";

/** Levels of service: what is set for an entry, and what that makes of its fields. */
export class Levels {
  readonly #places: Places;
  readonly #levels: Level[] = [];
  #default: Level = DEFAULT_LEVEL;

  constructor(places: Places) {
    this.#places = places;
  }

  /** Takes over the default shares, for entries made afterwards; throws OptionError where an entry is out of the range. */
  configure(settings: DiskSchedulerSettings): void {
    const { entries } = this.#places;
    for (let index = 0; index < entries.size; index++) {
      if (!entries.holds(index)) continue;
      const { shares } = this.of(index);
      if (shares < settings.sharesMin) {
        throw new OptionError("sharesMin", `at most ${shares}, which a VM has`, settings.sharesMin);
      }
      if (shares > settings.sharesMax) {
        throw new OptionError("sharesMax", `at least ${shares}, which a VM has`, settings.sharesMax);
      }
    }
    this.#default = { ...DEFAULT_LEVEL, shares: settings.sharesDefault };
  }

  of(index: number): Level {
    return this.#levels[index]!;
  }

  /** Commands that the entry may send in a row. */
  quantumOf(index: number): number {
    const own =
      (this.#places.entries.ints[marksAt(index)]! & OWN_QUANTUM) !== 0 ? this.of(index).quantum : null;
    return own ?? this.#places.settings.quantum;
  }

  /** What the entry would have, or a new one without `index`; throws where that is not allowed, and changes nothing. */
  plan(index: number | undefined, settings: EntrySettings): Level {
    return levelFrom(index === undefined ? this.#default : this.of(index), settings, this.#places.settings);
  }

  /** A new entry gets the defaults. */
  init(index: number): void {
    const { fields, ints } = this.#places.entries;
    const at = index * STRIDE;
    this.#levels[index] = this.#default;
    fields[at + SHARES] = this.#default.shares;
    ints[marksAt(index)] = this.#default.priority << PRIORITY_SHIFT;
    fields[at + TAG] = this.#places.tierOf(index).virtualTime;
  }

  reset(index: number): void {
    this.set(index, this.#default);
  }

  /** In force from the next decision on. */
  set(index: number, level: Level): void {
    const { entries, activity } = this.#places;
    const before = this.of(index);
    if (sameLevel(before, level)) return;
    const waits = entries.head(index) !== null;
    if (waits) this.#places.withdraw(index);
    const { ints } = entries;
    const active = (ints[marksAt(index)]! & ACTIVE) !== 0;
    activity.leave(index);
    this.#places.tierOf(index).forget(index);
    this.#setShares(index, level.shares);
    this.#setGuarantee(index, before, level);
    this.#setLimit(index, before, level);
    ints[marksAt(index)] =
      (ints[marksAt(index)]! & ~OWN_QUANTUM) | (level.quantum === null ? 0 : OWN_QUANTUM);
    this.#levels[index] = level;
    if (active) activity.wake(index);
    if (waits) this.#places.place(index);
    else activity.rest(index);
  }

  #setShares(index: number, shares: number): void {
    const { fields } = this.#places.entries;
    const at = index * STRIDE;
    if (shares === fields[at + SHARES]) return;
    const oldTier = this.#places.tierOf(index);
    const aheadUnits = (fields[at + TAG]! - oldTier.virtualTime) * weightOf(fields, at);
    fields[at + SHARES] = shares;
    const tier = this.#places.tierOf(index);
    // What it has had beyond its due stays the same number of units; in another tier it begins anew.
    fields[at + TAG] = tier.virtualTime + (tier === oldTier ? aheadUnits / weightOf(fields, at) : 0);
  }

  /** Its guarantee, and with it what says where its tags stand: priority and whether it is latency-critical. */
  #setGuarantee(index: number, before: Level, level: Level): void {
    const { guarantees, entries } = this.#places;
    const { ints } = entries;
    if (before.guarantee !== null) guarantees.detach(index);
    this.#places.critical += Number(level.latencyCritical) - Number(before.latencyCritical);
    ints[marksAt(index)]! &= ~(
      CRITICAL |
      (before.priority << PRIORITY_SHIFT) |
      (level.guarantee === null ? GUARANTEED : 0)
    );
    ints[marksAt(index)]! |= (level.priority << PRIORITY_SHIFT) | (level.latencyCritical ? CRITICAL : 0);
    if (level.guarantee === null) return;
    if (!sameRate(before.guarantee, level.guarantee)) {
      guarantees.set(index, perSecond(level.guarantee), inBytes(level.guarantee));
    }
    guarantees.attach(index);
  }

  #setLimit(index: number, before: Level, level: Level): void {
    const { limits, entries } = this.#places;
    if (level.limit === null) {
      entries.ints[marksAt(index)]! &= ~LIMITED;
    } else if (!sameRate(before.limit, level.limit)) {
      limits.set(index, perSecond(level.limit), inBytes(level.limit));
    }
  }
}
