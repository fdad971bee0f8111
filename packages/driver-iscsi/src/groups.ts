import type { Portal } from "./portal.js";

/** A portal with the address that connections to it leave from. */
export interface Route {
  readonly portal: Portal;
  readonly localAddress: string | undefined;
}

/** Target portal groups as logins on all HBAs have shown them: a session may be reinstated through any portal of its group. */
export class Groups {
  readonly #routes = new Map<string, Map<string, Route>>();

  /** A negative tag stands for a target that did not tell its group. */
  learn(targetName: string, groupTag: number, route: Route): void {
    if (groupTag < 0) return;
    const key = groupKey(targetName, groupTag);
    const routes = this.#routes.get(key) ?? new Map<string, Route>();
    this.#routes.set(key, routes.set(routeKey(route), route));
  }

  /** The groups of the target that a login has shown. */
  tags(targetName: string): number[] {
    const prefix = groupKey(targetName, 0).slice(0, -1);
    return [...this.#routes.keys()]
      .filter((key) => key.startsWith(prefix))
      .map((key) => Number(key.slice(prefix.length)));
  }

  /** All routes into the group but this one. */
  others(targetName: string, groupTag: number, own: Route): Route[] {
    const routes = this.#routes.get(groupKey(targetName, groupTag));
    return [...(routes?.values() ?? [])].filter((route) => route.portal.name !== own.portal.name);
  }
}

export function groupKey(targetName: string, groupTag: number): string {
  return `${targetName},${groupTag}`;
}

function routeKey({ portal, localAddress }: Route): string {
  return `${localAddress ?? ""} ${portal.name}`;
}
