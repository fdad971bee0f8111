import type { Path, VmId } from "@fairlead/core";
import { type Kind, type KnownPath, KnownPaths, lightest } from "./known-paths.js";

interface Resident {
  readonly vm: VmId;
  readonly pinned: boolean;
  weight: number;
  /** Undefined: it is pinned, and none of its paths is known. */
  home: KnownPath | undefined;
  /** Its home while that is available; undefined: no path is. */
  place: KnownPath | undefined;
}

/**
 * Which path each VM belongs to and which it is on. At any time every VM whose home is available is at home, and moving
 * one VM more would bring no two paths' loads nearer to each other: neither the home of any VM, nor the place of one
 * that is away from home. With equal weights, loads differ by one at most.
 *
 * Homes are spread over the paths that are away too: so a path that returns has as many as the others, and nobody moves
 * but those who come home.
 */
export class Homes {
  readonly #paths: KnownPaths;
  readonly #defaultWeight: number;
  readonly #weights = new Map<VmId, number>();
  readonly #residents = new Map<VmId, Resident>();
  // Index of the path of VM v at 2v, at 2v + 1 where v is pinned; -1: ask.
  #table = new Int16Array(128).fill(-1);

  /** `defaultWeight` is that of a VM which `setWeight` was not called for. */
  constructor(isPinned: (id: string) => boolean, defaultWeight: number) {
    this.#paths = new KnownPaths(isPinned);
    this.#defaultWeight = defaultWeight;
  }

  /** Index into `paths`, -1 where there is none. A VM that is not known gets a home. */
  find(paths: readonly Path[], vm: VmId, pinned: boolean): number {
    const slot = pinned ? 2 * vm + 1 : 2 * vm;
    if (slot < this.#table.length) {
      const index = this.#table[slot]!;
      const { ids } = this.#paths;
      if (index !== -1 && paths.length === ids.length && paths[index]!.id === ids[index]) return index;
    }
    if (paths.length === 0) return -1;
    this.#admit(paths, vm, pinned);
    return this.#table[slot]!;
  }

  pathsChanged(paths: readonly Path[]): void {
    const { joined, forgotten } = this.#paths.update(paths);
    for (const resident of this.#residents.values()) {
      const { vm, pinned, home } = resident;
      if (home !== undefined && !forgotten.includes(home)) continue;
      assign(resident, "home", lightest(this.#paths.choices("home", pinned), "home", vm));
    }
    this.#evenOut("home");
    for (const path of joined) this.#welcome(path);
    this.#takePlaces();
  }

  remove(vm: VmId): void {
    this.#weights.delete(vm);
    this.release(vm);
  }

  /** It has no home any more; with its next transfer it is a new VM, of the weight that it had. */
  release(vm: VmId): void {
    if (!this.#forget(vm)) return;
    this.#evenOut("home");
    this.#takePlaces();
  }

  /** A whole number, 1 or more. */
  setWeight(vm: VmId, weight: number): void {
    this.#weights.set(vm, weight);
    const resident = this.#residents.get(vm);
    if (resident === undefined || resident.weight === weight) return;
    const { home, place } = resident;
    assign(resident, "home", undefined);
    assign(resident, "place", undefined);
    resident.weight = weight;
    assign(resident, "home", home);
    assign(resident, "place", place);
    this.#evenOut("home");
    this.#takePlaces();
  }

  #admit(paths: readonly Path[], vm: VmId, pinned: boolean): void {
    const { ids } = this.#paths;
    if (paths.length !== ids.length || paths.some(({ id }, index) => id !== ids[index])) {
      this.pathsChanged(paths);
    }
    if (this.#residents.get(vm)?.pinned === pinned) return;
    this.#forget(vm); // Its priority has changed.
    this.#reserve(vm);
    const weight = this.#weights.get(vm) ?? this.#defaultWeight;
    const resident: Resident = { vm, pinned, weight, home: undefined, place: undefined };
    this.#residents.set(vm, resident);
    // Equal ones by the VM's number: the first VM of each LUN is not always on the first HBA, and one VM is on the same
    // HBA in most LUNs. [0079]
    assign(resident, "home", lightest(this.#paths.choices("home", pinned), "home", vm));
    this.#evenOut("home");
    this.#takePlaces();
  }

  #forget(vm: VmId): boolean {
    const resident = this.#residents.get(vm);
    if (resident === undefined) return false;
    assign(resident, "home", undefined);
    assign(resident, "place", undefined);
    this.#residents.delete(vm);
    this.#table.fill(-1, 2 * vm, 2 * vm + 2);
    return true;
  }

  #reserve(vm: VmId): void {
    let length = this.#table.length;
    while (length < 2 * vm + 2) length *= 2;
    if (length === this.#table.length) return;
    this.#table = new Int16Array(length).fill(-1); // Filled in when places are taken.
  }

  /** Whom its number points at a path that is new goes there, where loads are as even then as without it. */
  #welcome(path: KnownPath): void {
    for (const resident of this.#residents.values()) {
      const { home, weight } = resident;
      if (home === undefined || home === path || !this.#prefers(resident, path)) continue;
      if (home.load.home - path.load.home >= weight) assign(resident, "home", path);
    }
  }

  #prefers({ vm, pinned }: Resident, path: KnownPath): boolean {
    const choices = this.#paths.choices("home", pinned);
    return choices[vm % choices.length] === path;
  }

  /** Those who can go home; then those who have no place, each to the lightest path. */
  #takePlaces(): void {
    for (const resident of this.#residents.values()) {
      const { home, place, pinned } = resident;
      if (home !== undefined && home.index !== -1) assign(resident, "place", home);
      else if (place !== undefined && !this.#paths.choices("place", pinned).includes(place)) {
        assign(resident, "place", undefined);
      }
    }
    for (const resident of this.#residents.values()) {
      if (resident.place !== undefined) continue;
      // Those with one home differ in the quotient of their numbers: they don't all cross over to one path.
      const start = Math.floor(resident.vm / this.#paths.count);
      const choices = this.#paths.choices("place", resident.pinned);
      assign(resident, "place", lightest(choices, "place", start));
    }
    this.#evenOut("place");
    for (const { vm, pinned, place } of this.#residents.values()) {
      this.#table[pinned ? 2 * vm + 1 : 2 * vm] = place?.index ?? -1;
    }
  }

  /** Moves one VM after the other, the one that helps most first, until none would help. */
  #evenOut(kind: Kind): void {
    for (let left = this.#residents.size; left > 0 && this.#uneven(kind); left--) {
      const target = lightest(this.#paths.choices(kind, false), kind, 0);
      const pinnedTarget = lightest(this.#paths.choices(kind, true), kind, 0);
      let mover: Resident | undefined;
      let moverGain = 0;
      for (const resident of this.#residents.values()) {
        if (kind === "place" && resident.place === resident.home) continue;
        const from = resident[kind];
        const to = resident.pinned ? pinnedTarget : target;
        if (from === undefined || to === undefined) continue;
        // By how much the sum of the squares of the loads falls, halved.
        const gain = resident.weight * (from.load[kind] - to.load[kind] - resident.weight);
        if (gain <= 0 || gain < moverGain) continue;
        if (gain === moverGain && !this.#prefers(resident, to)) continue;
        mover = resident;
        moverGain = gain;
      }
      if (mover === undefined) return;
      assign(mover, kind, mover.pinned ? pinnedTarget : target);
    }
  }

  /** No weight is below 1, so a difference of 1 can't be made smaller. */
  #uneven(kind: Kind): boolean {
    let least = Infinity;
    let most = 0;
    for (const { load } of this.#paths.choices(kind, false)) {
      least = Math.min(least, load[kind]);
      most = Math.max(most, load[kind]);
    }
    return most - least > 1;
  }
}

function assign(resident: Resident, kind: Kind, path: KnownPath | undefined): void {
  const before = resident[kind];
  if (before === path) return;
  if (before !== undefined) before.load[kind] -= resident.weight;
  if (path !== undefined) path.load[kind] += resident.weight;
  resident[kind] = path;
}
