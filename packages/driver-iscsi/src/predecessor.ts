import type { Context } from "./context.js";
import { Dial, logOut } from "./dial.js";
import { IscsiError } from "./errors.js";
import type { Route } from "./groups.js";
import { sessionIsid } from "./isid.js";
import type { CheckedHba } from "./options.js";
import type { IscsiSession } from "./session.js";

/**
 * Ends the sessions that an earlier process of this host may have left behind at one HBA's portals. A portal that answers
 * does it at the login of the new session. For one that doesn't, another portal of its group takes a login with the
 * same ISID; which group that is, the answers to SendTargets tell. RFC 7143, 6.3.5
 *
 * Runs only within a scan: a session that has not begun yet dials in a scan, too, and scans come one after the other.
 * So no login of here can end a session of this process.
 */
export class Predecessor {
  readonly #context: Context;
  readonly #config: CheckedHba;
  readonly #sessions: readonly IscsiSession[];
  /** Portals at which nothing can be left: asked once, not at each scan while a portal is away. */
  readonly #settled = new Set<Route>();
  /** Portals that nobody lists, for which every known group was tried. */
  readonly #tried = new Set<Route>();
  readonly #dials = new Set<Dial>();
  #closed = false;

  constructor(context: Context, config: CheckedHba, sessions: readonly IscsiSession[]) {
    this.#context = context;
    this.#config = config;
    this.#sessions = sessions;
  }

  /** True once nothing is left at any of the portals. `answers`: the targets that a portal has just told of. */
  async settle(routes: readonly Route[], answers: ReadonlyMap<Route, readonly string[]>): Promise<boolean> {
    const open = routes.filter((route) => !this.#settled.has(route));
    await Promise.all(
      open.map(async (route) => {
        if (await this.#settlePortal(route, answers.get(route))) this.#settled.add(route);
      }),
    );
    return routes.every((route) => this.#settled.has(route));
  }

  /** The HBA ends. */
  close(): void {
    this.#closed = true;
    for (const dial of this.#dials) dial.cancel();
  }

  async #settlePortal(route: Route, answer: readonly string[] | undefined): Promise<boolean> {
    if (answer?.every((name) => this.#ended(route, name))) return true;
    // The HBA that reaches another portal of the group may still be looking.
    await this.#context.listings.complete();
    const names = answer ?? this.#listedNames(route);
    if (names === undefined) {
      await this.#reinstateEverywhere(route);
      return false;
    }
    const open = names.filter((name) => !this.#ended(route, name));
    const ended = await Promise.all(open.map((name) => this.#reinstate(route, name)));
    return ended.every(Boolean);
  }

  /** The session of this process took the old one's place, or the portal has no such target. */
  #ended(route: Route, targetName: string): boolean {
    const session = this.#session(route, targetName);
    return session !== undefined && (session.begun || session.lastProblem === "ISCSI_TARGET_NOT_FOUND");
  }

  #session(route: Route, targetName: string): IscsiSession | undefined {
    return this.#sessions.find((session) => session.route === route && session.targetName === targetName);
  }

  /**
   * The targets behind a portal that does not answer; undefined where that is not known. That nobody lists the portal
   * proves nothing: some targets leave out a portal that takes no logins, while its old connections stand.
   */
  #listedNames(route: Route): string[] | undefined {
    const { targets } = this.#config;
    const listed = this.#context.listings.all();
    const behind = listed.filter(({ tags }) => tags.has(route.portal.name)).map(({ name }) => name);
    if (behind.length === 0) return undefined;
    if (targets === undefined) return [...new Set(behind)];
    const known = new Set(listed.map(({ name }) => name));
    return [...targets].every((name) => known.has(name))
      ? [...targets].filter((name) => behind.includes(name))
      : undefined;
  }

  /**
   * Nobody lists the portal, as where an address is translated on the way: its session id is taken in every group that
   * is known, once. That ends an old session in any of them, but does not prove that there is no group besides.
   */
  async #reinstateEverywhere(route: Route): Promise<void> {
    if (this.#tried.has(route)) return;
    this.#tried.add(route);
    const { targets } = this.#config;
    const names = new Set(this.#context.listings.all().map(({ name }) => name));
    for (const name of names) {
      if (targets !== undefined && !targets.has(name)) continue;
      for (const tag of this.#context.groups.tags(name)) await this.#reinstateIn(tag, route, name);
    }
  }

  /** In each group in which the target has the portal: no two answers should differ, but if they do, both are covered. */
  async #reinstate(route: Route, targetName: string): Promise<boolean> {
    const groupTags = new Set<number>();
    for (const { name, tags } of this.#context.listings.all()) {
      const groupTag = tags.get(route.portal.name);
      if (name === targetName && groupTag !== undefined) groupTags.add(groupTag);
    }
    for (const groupTag of groupTags)
      if (!(await this.#reinstateIn(groupTag, route, targetName))) return false;
    return groupTags.size > 0;
  }

  async #reinstateIn(groupTag: number, own: Route, targetName: string): Promise<boolean> {
    const { name: hbaName, chap } = this.#config;
    // No other session has this ISID, so nothing else is taken.
    const isid =
      this.#session(own, targetName)?.isid ?? sessionIsid(new Set(), [hbaName, targetName, own.portal.name]);
    for (const route of this.#context.groups.others(targetName, groupTag, own)) {
      if (this.#closed) return false;
      const dial = new Dial(this.#context, { route, targetName, isid, chap });
      this.#dials.add(dial);
      try {
        const dialled = await dial.run();
        await logOut(this.#context, dialled);
        // A portal that has moved to another group has begun a session of its own there, and ended none.
        if (dialled.groupTag !== groupTag) continue;
        this.#tell(own, targetName, route, groupTag);
        return true;
      } catch (error) {
        // The next portal, or the next scan, may do; the scan has told what is wrong with this portal.
        if (!(error instanceof IscsiError)) throw error;
      } finally {
        this.#dials.delete(dial);
      }
    }
    return false;
  }

  #tell(own: Route, targetName: string, through: Route, groupTag: number): void {
    this.#context.onEvent({
      kind: "predecessor-fenced",
      severity: "info",
      subject: this.#config.name,
      reason: `what an earlier process had at ${own.portal.name} is ended: the target took its session id through ${through.portal.name}`,
      inputs: { target: targetName, portal: own.portal.name, through: through.portal.name, groupTag },
    });
  }
}
