import type { Route } from "./groups.js";

/** A target as an answer to SendTargets tells of it. */
export interface ListedTarget {
  readonly name: string;
  /** Portal group tags by the portal's name. */
  readonly tags: ReadonlyMap<string, number>;
}

/** What the portals of all HBAs have told of targets: of each its last answer. */
export class Listings {
  readonly #answers = new Map<Route, readonly ListedTarget[]>();
  readonly #underWay = new Set<Promise<unknown>>();

  learn(route: Route, targets: readonly ListedTarget[]): void {
    this.#answers.set(route, targets);
  }

  forget(route: Route): void {
    this.#answers.delete(route);
  }

  all(): ListedTarget[] {
    return [...this.#answers.values()].flat();
  }

  /** Somebody is asking portals and logging in to what they tell of. */
  begun(search: Promise<unknown>): void {
    this.#underWay.add(search);
    const ended = () => this.#underWay.delete(search);
    search.then(ended, ended); // Whoever searches hears of its failure.
  }

  /** What is being searched now has been found. */
  async complete(): Promise<void> {
    await Promise.allSettled(this.#underWay);
  }
}
