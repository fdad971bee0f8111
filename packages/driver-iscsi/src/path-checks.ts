import type { LunDescription } from "@fairlead/core";
import type { Connection } from "./connection.js";
import type { Context } from "./context.js";
import { IscsiError } from "./errors.js";
import { describeLun } from "./identify.js";
import type { LunPath } from "./lun-path.js";
import { backoffMs, Pause } from "./pause.js";

/** Longest pause between two looks at a LUN that is gone or another one; with its spread at most 5 s. */
const GONE_PAUSE_MS = 4000;
const GONE = new Set(["lun-gone", "identity-mismatch"]);
/** A path that stayed up this long is looked at in short intervals again when it goes. */
const STABLE_MS = 5000;

/** The session whose paths are looked at. */
export interface CheckedSession {
  readonly connection: Connection | undefined;
  readonly paths: ReadonlyMap<number, LunPath>;
  /** What is behind the path now; undefined: no disk. */
  judge(path: LunPath, lun: LunDescription | undefined): void;
  /** It could not be read. */
  unverified(path: LunPath, error: IscsiError): void;
}

interface State {
  /** The connection over which the path is being looked at. */
  connection: Connection | undefined;
  looks: number;
  upAtMs: number;
}

/** Looks at what is behind the paths that are down while their session stands, until they are up. */
export class PathChecks {
  readonly #context: Context;
  readonly #session: CheckedSession;
  readonly #states = new WeakMap<LunPath, State>();
  readonly #pauses = new Set<Pause>();

  constructor(context: Context, session: CheckedSession) {
    this.#context = context;
    this.#session = session;
  }

  /** `looked`: what is behind the path has just been seen, so the first look has time. */
  start(connection: Connection, path: LunPath, looked: boolean): void {
    const state = this.#states.get(path) ?? {
      connection: undefined,
      looks: 0,
      upAtMs: Number.NEGATIVE_INFINITY,
    };
    this.#states.set(path, state);
    if (state.connection === connection) return;
    state.connection = connection;
    // A LUN that describes itself and refuses commands would else go up and down several times a second.
    if (!looked || this.#context.clock.now() - state.upAtMs >= STABLE_MS) state.looks = looked ? 1 : 0;
    void this.#run(connection, path, state);
  }

  /** The connection has ended: those that wait find that out. */
  stop(): void {
    for (const pause of this.#pauses) pause.hurry();
  }

  async #run(connection: Connection, path: LunPath, state: State): Promise<void> {
    const { clock, random } = this.#context;
    const pause = new Pause(clock);
    this.#pauses.add(pause);
    let told = false;
    for (; this.#wanted(connection, path); state.looks++) {
      const lastMs = GONE.has(path.failure ?? "") ? GONE_PAUSE_MS : undefined;
      if (state.looks > 0) await pause.wait(backoffMs(state.looks, random, lastMs));
      if (!this.#wanted(connection, path)) break;
      try {
        const lun = await describeLun(connection, path.lunNumber);
        if (this.#wanted(connection, path)) this.#session.judge(path, lun);
      } catch (error) {
        if (!(error instanceof IscsiError)) throw error;
        if (!told && this.#wanted(connection, path)) this.#session.unverified(path, error);
        told = true;
      }
    }
    this.#pauses.delete(pause);
    if (state.connection === connection) state.connection = undefined;
    if (path.up) state.upAtMs = clock.now();
  }

  #wanted(connection: Connection, path: LunPath): boolean {
    const { connection: current, paths } = this.#session;
    return current === connection && !path.up && paths.get(path.lunNumber) === path;
  }
}
