import type { Path } from "@fairlead/core";

/** What is evened out: where VMs belong, or where they are now. */
export type Kind = "home" | "place";

export interface KnownPath {
  readonly id: string;
  /** One of those that VMs of low priority are pinned to. */
  readonly pinned: boolean;
  /** Index in the usable paths; -1: it is away. */
  index: number;
  /** Weight of the VMs whose home it is, and of those that are on it now. */
  readonly load: Record<Kind, number>;
}

export interface PathChange {
  readonly joined: readonly KnownPath[];
  readonly forgotten: readonly KnownPath[];
}

/** The paths of a team with those that are away but may return. All lists are in the order of ids. */
export class KnownPaths {
  readonly #isPinned: (id: string) => boolean;
  // In the order in which they went.
  #away: KnownPath[] = [];
  #ids: readonly string[] = [];
  #all: readonly KnownPath[] = [];
  #available: readonly KnownPath[] = [];
  #pinned: readonly KnownPath[] = [];
  #pinnedAvailable: readonly KnownPath[] = [];

  constructor(isPinned: (id: string) => boolean) {
    this.#isPinned = isPinned;
  }

  /** Ids of the usable paths, by index. */
  get ids(): readonly string[] {
    return this.#ids;
  }

  get count(): number {
    return this.#all.length;
  }

  /** Where a VM may belong, or be. A pinned one may be anywhere while none of its paths is available. */
  choices(kind: Kind, pinned: boolean): readonly KnownPath[] {
    if (kind === "home") return pinned ? this.#pinned : this.#all;
    return pinned && this.#pinnedAvailable.length > 0 ? this.#pinnedAvailable : this.#available;
  }

  /**
   * Takes the usable paths over. One that goes stays known. When one joins that was not known, those that are away are
   * forgotten, longest gone first, until no more are away than are available: ids that change for ever take no memory.
   */
  update(paths: readonly Path[]): PathChange {
    this.#ids = paths.map(({ id }) => id);
    const knownIds = new Set<string>();
    for (const path of this.#all) {
      const before = path.index;
      path.index = this.#ids.indexOf(path.id);
      if (before !== -1 && path.index === -1) this.#away.push(path);
      knownIds.add(path.id);
    }
    this.#away = this.#away.filter(({ index }) => index === -1);
    const joined: KnownPath[] = [];
    for (const [index, id] of this.#ids.entries()) {
      if (knownIds.has(id)) continue;
      joined.push({ id, pinned: this.#isPinned(id), index, load: { home: 0, place: 0 } });
    }
    const forgettable = joined.length === 0 ? 0 : Math.max(0, this.#away.length - paths.length);
    const forgotten = this.#away.splice(0, forgettable);
    this.#list([...this.#all, ...joined].filter((path) => !forgotten.includes(path)));
    return { joined, forgotten };
  }

  #list(paths: KnownPath[]): void {
    // By code units: the same order for each LUN, whatever the order in which its paths were found.
    this.#all = paths.sort((left, right) => (left.id < right.id ? -1 : 1));
    this.#available = paths.filter(({ index }) => index !== -1);
    this.#pinned = paths.filter(({ pinned }) => pinned);
    this.#pinnedAvailable = this.#available.filter(({ pinned }) => pinned);
  }
}

/** The one with the least load; of equal ones the first from number `start` on. */
export function lightest(paths: readonly KnownPath[], kind: Kind, start: number): KnownPath | undefined {
  let best: KnownPath | undefined;
  for (let step = 0; step < paths.length; step++) {
    const path = paths[(start + step) % paths.length]!;
    if (best === undefined || path.load[kind] < best.load[kind]) best = path;
  }
  return best;
}
