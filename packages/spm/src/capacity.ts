import type { PathAdapter } from "@fairlead/core";

/** A path as the capacity counts it; a member of a team is one. */
export interface CountedPath {
  readonly adapter: Pick<PathAdapter, "components">;
  readonly usable: boolean;
  /** Load-balancing share, for its bandwidth. */
  readonly share: number;
}

/** Limits of the exact search: 8 HBAs × 8 portals are within both. */
const PATHS_MAX = 64;
const STEPS_MAX = 20_000;

/**
 * The bandwidth of the usable paths as a part of what all paths give: 1 is whole, 0 none. Capacities add only for paths
 * that are independent in bandwidth, so a set of paths counts as its largest subset in which no two share a component.
 * What all paths share says nothing about one of them, and does not count. [0110]
 */
export function capacityOf(paths: readonly CountedPath[]): number {
  const usable = paths.filter((path) => path.usable);
  if (usable.length === 0) return 0;
  if (usable.length === paths.length) return 1;
  const conflicts = conflictsOf(paths);
  const bandwidth = (subset: readonly CountedPath[]): number =>
    bandwidthOf(
      subset.map((path) => paths.indexOf(path)),
      paths.map(({ share }) => share),
      conflicts,
    );
  return Math.min(1, bandwidth(usable) / bandwidth(paths));
}

/** For each path the places of those that share a component with it, as a set of bits. */
function conflictsOf(paths: readonly CountedPath[]): bigint[] {
  const all = paths.map(({ adapter }) => adapter.components);
  const telling = all.map((components) =>
    components.filter((component) => !all.every((others) => others.includes(component))),
  );
  return telling.map((components, index) =>
    telling.reduce((bits, others, other) => {
      const share = other !== index && components.some((component) => others.includes(component));
      return share ? bits | (1n << BigInt(other)) : bits;
    }, 0n),
  );
}

function bandwidthOf(
  indexes: readonly number[],
  shares: readonly number[],
  conflicts: readonly bigint[],
): number {
  const start = indexes.reduce((bits, index) => bits | (1n << BigInt(index)), 0n);
  const known = new Map<bigint, number>();
  let steps = 0;

  /** Of the paths in `left`: the first of them is in the best subset, or it isn't. Undefined: too many steps. */
  function best(left: bigint, from: number): number | undefined {
    if (left === 0n) return 0;
    const before = known.get(left);
    if (before !== undefined) return before;
    if (++steps > STEPS_MAX) return undefined;
    let index = from;
    while ((left & (1n << BigInt(index))) === 0n) index++;
    const others = left & ~(1n << BigInt(index));
    const compatible = others & ~(conflicts[index] ?? 0n);
    const withIt = best(compatible, index + 1);
    const without = compatible === others ? 0 : best(others, index + 1);
    if (withIt === undefined || without === undefined) return undefined;
    const bandwidth = Math.max(withIt + (shares[index] ?? 0), without);
    known.set(left, bandwidth);
    return bandwidth;
  }

  const exact = shares.length > PATHS_MAX ? undefined : best(start, 0);
  return exact ?? greedy(indexes, shares, conflicts);
}

/** A lower bound for very large teams: the widest first, whichever still fits. */
function greedy(indexes: readonly number[], shares: readonly number[], conflicts: readonly bigint[]): number {
  let taken = 0n;
  let bandwidth = 0;
  for (const index of [...indexes].sort((a, b) => (shares[b] ?? 0) - (shares[a] ?? 0))) {
    if ((taken & (conflicts[index] ?? 0n)) !== 0n) continue;
    taken |= 1n << BigInt(index);
    bandwidth += shares[index] ?? 0;
  }
  return bandwidth;
}
