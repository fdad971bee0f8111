import type { FailureReason, LunDescription, Session } from "@fairlead/core";
import { Asc, senseAsc } from "@fairlead/iscsi-codec";
import { Connection, type ConnectionOwner } from "./connection.js";
import type { Context } from "./context.js";
import { Dial, logOut } from "./dial.js";
import { IscsiError } from "./errors.js";
import { Fence, type FencedSession } from "./fence.js";
import { groupKey, type Route } from "./groups.js";
import { sessionIsid } from "./isid.js";
import { LunPath } from "./lun-path.js";
import type { ChapOptions } from "./options.js";
import { type CheckedSession, PathChecks } from "./path-checks.js";
import { backoffMs, Pause } from "./pause.js";

/** ASC of all that a reset or power-on reports. */
const RESET_ASC = 0x29;
/** A session that lasted this long starts again at once when it fails. */
const STABLE_MS = 5000;
/** A target that is just starting refuses for a moment; one that goes on refusing will not change its mind soon. */
const REFUSALS_QUICK = 2;
const REFUSED_PAUSE_MS = 5000;

export interface SessionSettings {
  readonly hbaName: string;
  readonly device: number;
  readonly targetName: string;
  readonly route: Route;
  readonly chap: ChapOptions | undefined;
}

/** One device of an HBA: a target at a portal, all LUNs behind it, and the login that keeps coming back. */
export class IscsiSession implements Session, ConnectionOwner, FencedSession, CheckedSession {
  readonly id: string;
  readonly targetName: string;
  readonly route: Route;
  readonly isid: Uint8Array;
  readonly chap: ChapOptions | undefined;
  readonly paths = new Map<number, LunPath>();
  connection: Connection | undefined;
  groupTag = -1;
  /** The target has taken a login: what an earlier process had under this session's id is ended. */
  begun = false;
  /** Code of the last login's error; empty after one that succeeded. */
  lastProblem = "";
  readonly #context: Context;
  readonly #hbaName: string;
  readonly #fence: Fence;
  readonly #checks: PathChecks;
  readonly #pause: Pause;
  #dial: Dial | undefined;
  #attempt: Promise<void> | undefined;
  /** Attempts since the session was stable. */
  #attempts = 0;
  #loggedInAtMs = 0;
  #reconnecting = false;
  #closed = false;

  constructor(context: Context, settings: SessionSettings) {
    const { hbaName, device, targetName, route, chap } = settings;
    this.id = `${hbaName}:${device}`;
    this.targetName = targetName;
    this.route = route;
    this.chap = chap;
    this.isid = sessionIsid(context.isids, [hbaName, targetName, route.portal.name]);
    this.#context = context;
    this.#hbaName = hbaName;
    this.#fence = new Fence(context, this);
    this.#checks = new PathChecks(context, this);
    this.#pause = new Pause(context.clock);
  }

  get components(): readonly string[] {
    return [
      `hba:${this.#hbaName}`,
      `portal:${this.route.portal.name}`,
      `group:${groupKey(this.targetName, this.groupTag)}`,
    ];
  }

  fence(done: (result: "fenced" | "unfenceable") => void): void {
    this.#fence.ask(done);
  }

  resetLun(path: LunPath, done: (succeeded: boolean) => void): void {
    const connection = this.connection;
    if (connection === undefined || !path.up) {
      setImmediate(() => done(false));
      return;
    }
    this.#context.resets.asked(path);
    connection.resetLun(path.lunNumber, (succeeded) => {
      this.#context.resets.answered(path, succeeded);
      done(succeeded);
    });
  }

  /** The connection, after a login where there is none: one attempt, shared with whoever else tries. @throws IscsiError */
  async connect(): Promise<Connection> {
    if (this.connection === undefined) {
      this.#attempt ??= this.#login().finally(() => {
        this.#attempt = undefined;
      });
      await this.#attempt;
    }
    if (this.connection !== undefined) return this.connection;
    throw new IscsiError(
      "ISCSI_CONNECTION_LOST",
      "connection-lost",
      "the session ended right after its login",
    );
  }

  connectionEnded(error: IscsiError): void {
    this.connection = undefined;
    this.#checks.stop();
    this.#fence.failed();
    if (this.#context.clock.now() - this.#loggedInAtMs >= STABLE_MS) this.#attempts = 0;
    if (!this.#closed) this.#event("session-failed", "warning", error.message, { reason: error.reason });
    for (const path of this.paths.values()) if (path.up) path.fail(error.reason, error.message);
    if (this.paths.size > 0) void this.#reconnect();
  }

  unitAttention(lunNumber: number, code: number, cmdSn: number): boolean {
    const path = this.paths.get(lunNumber);
    const asc = senseAsc(code);
    if (path === undefined) return false;
    if (asc === Asc.CapacityChanged)
      this.#pathEvent(path, "capacity-changed", "info", "the target reports another capacity");
    else if (asc === Asc.ReportedLunsChanged)
      this.#pathEvent(path, "luns-changed", "info", "the target reports another set of LUNs");
    if (asc >>> 8 !== RESET_ASC) return false;
    const knowledge = path.reset.met(cmdSn);
    // While the path is down its identity is being read, and the attention is that of our own login.
    if (knowledge === "foreign" && path.up)
      this.#pathEvent(path, "lun-reset", "warning", "the LUN was reset or lost its power, not by this host");
    return knowledge === "proof";
  }

  lunGone(path: LunPath): void {
    this.#failPath(path, "lun-gone", "the target has no such LUN any more");
    if (this.connection !== undefined) this.#checks.start(this.connection, path, true);
  }

  /** A path comes back only after its LUN has proved to be the same one; what it has grown by is for a scan to tell. */
  judge(path: LunPath, lun: LunDescription | undefined): void {
    if (lun === undefined) this.lunGone(path);
    else if (!path.mayLeadTo(lun)) this.#mismatch(path, lun);
    else {
      if (lun.capacityBytes > path.lun.capacityBytes)
        this.#pathEvent(path, "capacity-changed", "info", `the LUN has grown to ${lun.capacityBytes} bytes`);
      path.restore();
    }
  }

  unverified(path: LunPath, error: IscsiError): void {
    this.#pathEvent(path, "path-unverified", "warning", error.message);
  }

  /** What a scan found behind this number: the path that is known, or a new one. */
  found(lunNumber: number, lun: LunDescription): LunPath {
    const known = this.paths.get(lunNumber);
    if (known?.mayLeadTo(lun)) {
      known.lun = lun;
      known.restore();
      return known;
    }
    if (known !== undefined) this.#mismatch(known, lun);
    const path = new LunPath(this, lunNumber, lun, this.#context.turn);
    path.up = true;
    this.paths.set(lunNumber, path);
    return path;
  }

  /** Logs out and stays away. What is pending completes first. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#fence.close();
    this.#dial?.cancel();
    this.#pause.hurry();
    await this.connection?.close();
    for (const path of this.paths.values()) path.fail("closed", "the host closed the session");
    this.#context.isids.delete(Buffer.from(this.isid).toString("hex"));
  }

  async #login(): Promise<void> {
    const { route, targetName, isid, chap } = this;
    const dial = new Dial(this.#context, { route, targetName, isid, chap });
    this.#dial = dial;
    this.#attempts++;
    try {
      const dialled = await dial.run();
      if (this.#closed) return await logOut(this.#context, dialled);
      this.groupTag = dialled.groupTag;
      this.#context.groups.learn(targetName, dialled.groupTag, route);
      const { wire, negotiated, sequence, queue } = dialled;
      this.connection = new Connection(wire, negotiated, sequence, this.#context, this);
      this.#loggedInAtMs = this.#context.clock.now();
      queue.moveTo(wire);
    } catch (error) {
      if (error instanceof IscsiError) this.#loginFailed(error);
      throw error;
    } finally {
      this.#dial = undefined;
    }
    this.begun = true;
    this.lastProblem = "";
    this.#fence.loggedIn();
    this.#pause.hurry();
  }

  #loginFailed(error: IscsiError): void {
    this.#fence.ownLoginFailed();
    // Once for each kind of trouble, however often it is tried.
    if (this.lastProblem !== error.code && !this.#closed)
      this.#event("login-failed", "warning", error.message, {
        code: error.code,
        portal: this.route.portal.name,
      });
    this.lastProblem = error.code;
  }

  async #reconnect(): Promise<void> {
    if (this.#reconnecting) return;
    this.#reconnecting = true;
    let refusals = 0;
    while (this.connection === undefined && !this.#closed) {
      if (refusals > REFUSALS_QUICK) await this.#pause.wait(REFUSED_PAUSE_MS);
      else if (this.#attempts > 0) await this.#pause.wait(backoffMs(this.#attempts, this.#context.random));
      if (this.connection !== undefined || this.#closed) break;
      try {
        await this.connect();
      } catch (error) {
        if (!(error instanceof IscsiError)) throw error;
        refusals = error.reason === "login-refused" ? refusals + 1 : 0;
      }
    }
    this.#reconnecting = false;
    const { connection } = this;
    if (connection === undefined) return;
    this.#event("session-restored", "info", `logged in again at ${this.route.portal.name}`, {});
    for (const path of this.paths.values()) this.#checks.start(connection, path, false);
  }

  #mismatch(path: LunPath, lun: LunDescription): void {
    const was = `${path.lun.id} of ${path.lun.capacityBytes} bytes`;
    const is = `${lun.id} of ${lun.capacityBytes} bytes`;
    this.#failPath(path, "identity-mismatch", `the path led to ${was}, but now leads to ${is}`);
  }

  #failPath(path: LunPath, reason: FailureReason, detail: string): void {
    if (path.failure === reason) return;
    this.#pathEvent(path, reason, reason === "identity-mismatch" ? "error" : "warning", detail);
    path.fail(reason, detail);
  }

  #pathEvent(path: LunPath, kind: string, severity: "info" | "warning" | "error", reason: string): void {
    this.#context.onEvent({ kind, severity, subject: path.id, reason, inputs: { lun: path.lun.id } });
  }

  #event(
    kind: string,
    severity: "info" | "warning",
    reason: string,
    inputs: Readonly<Record<string, string | number>>,
  ): void {
    this.#context.onEvent({
      kind,
      severity,
      subject: this.id,
      reason,
      inputs: { target: this.targetName, ...inputs },
    });
  }
}
