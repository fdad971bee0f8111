import { FairleadError } from "@fairlead/core";
import type { PolicyEntry } from "./config/policy-schema.js";
import type { PolicyChoice } from "./plugins/choose.js";
import type { PolicyKind } from "./plugins/policy.js";

/** A list as it was given, and what came of it. */
export interface PolicyList<Kind extends PolicyKind> {
  readonly entries: readonly PolicyEntry[];
  readonly choice: PolicyChoice<Kind>;
}

/** Under which name the config has a LUN, and as which of its names, from 0 on. */
export interface ConfigName {
  readonly name: string;
  readonly rank: number;
}

interface Own<Kind extends PolicyKind> {
  readonly list: PolicyList<Kind>;
  /** When it was asked for: 0 is the config, administrators come later. */
  readonly turn: number;
  readonly byName?: ConfigName;
}

/** Which list the LUNs have, by their ids: the last word holds, in the order in which the words were said. */
export class PolicyLists<Kind extends PolicyKind> {
  #all: PolicyList<Kind>;
  #allTurn = 0;
  #lastTurn = 0;
  readonly #own = new Map<string, Own<Kind>>();

  constructor(all: PolicyList<Kind>) {
    this.#all = all;
  }

  get all(): PolicyList<Kind> {
    return this.#all;
  }

  of(lun: string): PolicyList<Kind> {
    return this.#own.get(lun)?.list ?? this.#all;
  }

  /** Those of single LUNs. */
  named(): [lun: string, list: PolicyList<Kind>][] {
    return [...this.#own].map(([lun, { list }]) => [lun, list]);
  }

  /** A change is asked for now; it is given to `check` and `set` when it is loaded. */
  nextTurn(): number {
    return ++this.#lastTurn;
  }

  /** Errors: `POLICY_SUPERSEDED`. */
  check(turn: number, lun?: string): void {
    const latest = Math.max(this.#allTurn, (lun === undefined ? undefined : this.#own.get(lun)?.turn) ?? 0);
    if (latest < turn) return;
    const subject = lun ?? "all LUNs";
    const message = `while it was loaded, something else was set for ${subject}; nothing was changed`;
    throw new FairleadError("POLICY_SUPERSEDED", message);
  }

  /** Answers the LUNs whose own lists were asked for later than this one for all: they keep them. */
  set(list: PolicyList<Kind>, turn: number, lun?: string): [lun: string, list: PolicyList<Kind>][] {
    if (lun !== undefined) {
      this.#own.set(lun, { list, turn });
      return [];
    }
    this.#all = list;
    this.#allTurn = turn;
    for (const [id, own] of this.#own) if (own.turn < turn) this.#own.delete(id);
    return this.named();
  }

  /** What an administrator said of the LUN holds over its name in the config. */
  setByAdministrator(lun: string): boolean {
    return (this.#own.get(lun)?.turn ?? 0) > 0;
  }

  configName(lun: string): ConfigName | undefined {
    return this.#own.get(lun)?.byName;
  }

  setByName(list: PolicyList<Kind>, lun: string, byName: ConfigName): void {
    this.#own.set(lun, { list, turn: 0, byName });
  }
}
