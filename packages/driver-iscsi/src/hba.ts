import type { DiscoveredPath, Hba, LunRange, ScanResult } from "@fairlead/core";
import type { Context } from "./context.js";
import { discoverTargets } from "./discovery.js";
import type { Route } from "./groups.js";
import type { CheckedHba } from "./options.js";
import { Predecessor } from "./predecessor.js";
import { type Problem, problem, scanSession } from "./scan.js";
import { IscsiSession } from "./session.js";

/** Failures of a path that mean that its LUN isn't there any more. */
const FORGOTTEN = new Set(["lun-gone", "identity-mismatch", "closed"]);

/** One initiator port: the portals that it connects to, and a device for each target behind each of them. */
export class IscsiHba implements Hba {
  readonly name: string;
  /** In the order of their device numbers. */
  readonly sessions: IscsiSession[] = [];
  readonly #context: Context;
  readonly #config: CheckedHba;
  readonly #routes: readonly Route[];
  readonly #onClose: () => void;
  readonly #predecessor: Predecessor;
  #lastScan: Promise<unknown> = Promise.resolve();

  constructor(context: Context, config: CheckedHba, onClose: () => void) {
    this.name = config.name;
    this.#context = context;
    this.#config = config;
    this.#routes = config.portals.map((portal) => ({ portal, localAddress: config.localAddress }));
    this.#onClose = onClose;
    this.#predecessor = new Predecessor(context, config, this.sessions);
  }

  scan(range: LunRange): Promise<ScanResult> {
    const scan = this.#lastScan.then(() => this.#scan(range));
    // Whoever asked for the last scan hears of its failure.
    this.#lastScan = scan.catch(() => {});
    return scan;
  }

  async close(): Promise<void> {
    this.#predecessor.close();
    for (const route of this.#routes) this.#context.listings.forget(route);
    await Promise.all(this.sessions.map((session) => session.close()));
    this.sessions.length = 0;
    this.#onClose();
  }

  async #scan(range: LunRange): Promise<ScanResult> {
    const problems: Problem[] = [];
    const search = this.#search(range, problems);
    this.#context.listings.begun(search);
    const settled = await this.#predecessor.settle(this.#routes, await search);
    return { paths: this.#paths(range), problems, settled };
  }

  /** Asks every portal for its targets, and logs in to them. Gives the targets of those that answered. */
  async #search(range: LunRange, problems: Problem[]): Promise<Map<Route, string[]>> {
    const answers = new Map<Route, string[]>();
    await Promise.all(
      this.#routes.map(async (route) => {
        const names = await this.#discover(route, problems);
        if (names !== undefined) answers.set(route, names);
      }),
    );
    for (const route of this.#routes)
      for (const targetName of answers.get(route) ?? []) this.#addSession(route, targetName);
    await Promise.all(
      this.sessions.map(async (session) => {
        try {
          problems.push(...(await scanSession(session, range)));
        } catch (error) {
          problems.push(problem(`${session.targetName} at ${session.route.portal.name}`, error));
        }
      }),
    );
    return answers;
  }

  #paths(range: LunRange): DiscoveredPath[] {
    const paths: DiscoveredPath[] = [];
    for (const session of this.sessions)
      for (const path of [...session.paths.values()].sort((a, b) => a.lunNumber - b.lunNumber))
        if (
          !FORGOTTEN.has(path.failure ?? "") &&
          path.lunNumber >= range.first &&
          path.lunNumber <= range.last
        )
          paths.push({ adapter: path, lun: path.lun });
    return paths;
  }

  /** Undefined where the portal does not answer. */
  async #discover(route: Route, problems: Problem[]): Promise<string[] | undefined> {
    const { targets, chap } = this.#config;
    try {
      const listed = await discoverTargets(this.#context, this.name, route, chap);
      this.#context.listings.learn(route, listed);
      return listed.map(({ name }) => name).filter((name) => targets?.has(name) ?? true);
    } catch (error) {
      problems.push(problem(`portal ${route.portal.name}`, error));
      return undefined;
    }
  }

  #addSession(route: Route, targetName: string): void {
    if (this.sessions.some((known) => known.route === route && known.targetName === targetName)) return;
    this.sessions.push(
      new IscsiSession(this.#context, {
        hbaName: this.name,
        device: this.sessions.length,
        targetName,
        route,
        chap: this.#config.chap,
      }),
    );
  }
}
