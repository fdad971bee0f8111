import { Command, type LoadDistributionStrategy, type Path } from "@fairlead/core";

/** Idle paths, or with these bytes pending. */
export function testPaths(ids: readonly string[], pendingBytes: readonly number[] = []): Path[] {
  return ids.map((id, index) => ({
    id,
    state: "active",
    pendingBytes: pendingBytes[index] ?? 0,
    pendingCommands: 0,
    completedBytes: 0,
    completedCommands: 0,
    busyMs: 0,
    share: 1,
  }));
}

/** A strategy with its usable paths, asked by VM and answering by id. */
export class World {
  readonly #strategy: LoadDistributionStrategy;
  readonly #command = new Command();
  #paths: Path[] = [];

  constructor(strategy: LoadDistributionStrategy, ids: readonly string[]) {
    this.#strategy = strategy;
    this.use(ids);
  }

  use(ids: readonly string[], pendingBytes: readonly number[] = []): void {
    this.#paths = testPaths(ids, pendingBytes);
    this.#strategy.pathsChanged?.(this.#paths);
  }

  /** Id of the path that a transfer of the VM takes. */
  path(vm: number, priority = 5): string | undefined {
    this.#command.vm = vm;
    this.#command.priority = priority;
    return this.#paths[this.#strategy.select(this.#paths, this.#command)]?.id;
  }

  /** The paths of these VMs, as one word. */
  route(vms: readonly number[], priority = 5): string {
    return vms.map((vm) => this.path(vm, priority) ?? "-").join("");
  }

  places(vms: Iterable<number>, priority = 5): Map<number, string | undefined> {
    return new Map([...vms].map((vm) => [vm, this.path(vm, priority)]));
  }

  setShares(vm: number, shares: number): void {
    this.#strategy.vmChanged?.(vm, { shares });
  }

  setPriority(vm: number, priority: number): void {
    this.#strategy.vmChanged?.(vm, { priority });
  }

  remove(vm: number): void {
    this.#strategy.vmChanged?.(vm, undefined);
  }
}

/** Sum of the weights on each of the paths. */
export function loads(
  ids: readonly string[],
  places: ReadonlyMap<number, string | undefined>,
  weight: (vm: number) => number = () => 1,
): number[] {
  const sums = new Map(ids.map((id) => [id, 0]));
  for (const [vm, id] of places) if (id !== undefined) sums.set(id, (sums.get(id) ?? 0) + weight(vm));
  return [...sums.values()];
}

export function spread(values: readonly number[]): number {
  return values.length === 0 ? 0 : Math.max(...values) - Math.min(...values);
}
