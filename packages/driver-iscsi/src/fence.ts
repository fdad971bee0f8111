import type { Context } from "./context.js";
import { Dial, logOut } from "./dial.js";
import { IscsiError } from "./errors.js";
import type { Route } from "./groups.js";
import type { ChapOptions } from "./options.js";
import { backoffMs, Pause } from "./pause.js";

/** Lead of the session's own portal over the others of its group. */
const OWN_LEAD_MS = 200;

/** Whom the target takes for the session. */
export interface FencedSession {
  readonly id: string;
  readonly targetName: string;
  readonly route: Route;
  readonly isid: Uint8Array;
  readonly chap: ChapOptions | undefined;
  /** Negative: not known. */
  readonly groupTag: number;
}

type Done = (result: "fenced" | "unfenceable") => void;

/**
 * The proof that nothing of a failed session can take effect any more: a login with its ISID through any portal of its
 * group, upon which the target ends the old session. RFC 7143, 6.3.5
 */
export class Fence {
  readonly #context: Context;
  readonly #session: FencedSession;
  readonly #pause: Pause;
  readonly #dials = new Set<Dial>();
  #waiting: Done[] = [];
  #failures = 0;
  /** Failures up to this one are fenced. */
  #fencedFailures = 0;
  #ownFailed = false;
  #running = false;
  #closed = false;

  constructor(context: Context, session: FencedSession) {
    this.#context = context;
    this.#session = session;
    this.#pause = new Pause(context.clock);
  }

  /** The session failed. */
  failed(): void {
    this.#failures++;
    this.#ownFailed = false;
  }

  /** The session's own login succeeded: it has reinstated itself. */
  loggedIn(): void {
    // A login through another portal that came to its end now would end this new session.
    this.#callOff();
    this.#hold(this.#failures, this.#session.route);
  }

  /** The own portal refused or did not answer: no reason to give it a lead any more. */
  ownLoginFailed(): void {
    this.#ownFailed = true;
    if (this.#running && this.#dials.size === 0) this.#pause.hurry();
  }

  ask(done: Done): void {
    if (this.#closed || this.#fencedFailures === this.#failures) {
      const result = this.#closed ? "unfenceable" : "fenced";
      setImmediate(() => done(result));
      return;
    }
    this.#waiting.push(done);
    if (!this.#running) void this.#run();
  }

  /** The session ends for good: only time helps those who still wait. */
  close(): void {
    this.#closed = true;
    this.#callOff();
    this.#settle("unfenceable");
    this.#pause.hurry();
  }

  async #run(): Promise<void> {
    this.#running = true;
    for (let attempt = 0; this.#waiting.length > 0; attempt++) {
      if (attempt > 0) await this.#pause.wait(backoffMs(attempt, this.#context.random));
      else if (!this.#ownFailed) await this.#pause.wait(OWN_LEAD_MS);
      const { targetName, groupTag, route } = this.#session;
      if (this.#waiting.length > 0)
        await Promise.all(
          this.#context.groups.others(targetName, groupTag, route).map((to) => this.#reinstate(to)),
        );
    }
    this.#running = false;
  }

  async #reinstate(route: Route): Promise<void> {
    const failures = this.#failures;
    const { targetName, isid, chap, groupTag } = this.#session;
    const dial = new Dial(this.#context, { route, targetName, isid, chap });
    this.#dials.add(dial);
    try {
      const dialled = await dial.run();
      this.#dials.delete(dial);
      // A portal that has moved to another group has begun a session of its own there, and ended none.
      if (dialled.groupTag === groupTag) {
        this.#callOff();
        this.#hold(failures, route);
      }
      await logOut(this.#context, dialled);
    } catch (error) {
      // The next round tries this portal again; the session's own attempts tell the operator what is wrong.
      if (!(error instanceof IscsiError)) throw error;
    } finally {
      this.#dials.delete(dial);
    }
  }

  #hold(failures: number, route: Route): void {
    if (failures <= this.#fencedFailures) return;
    this.#fencedFailures = failures;
    if (failures !== this.#failures) return;
    this.#context.onEvent({
      kind: "session-fenced",
      severity: "info",
      subject: this.#session.id,
      reason: `the target ended the old session at a login through ${route.portal.name}`,
      inputs: { portal: route.portal.name, groupTag: this.#session.groupTag, waiting: this.#waiting.length },
    });
    this.#settle("fenced");
    this.#pause.hurry();
  }

  #settle(result: "fenced" | "unfenceable"): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const done of waiting) done(result);
  }

  #callOff(): void {
    for (const dial of this.#dials) dial.cancel();
    this.#dials.clear();
  }
}
