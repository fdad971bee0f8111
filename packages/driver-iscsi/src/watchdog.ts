import type { Clock, Timer } from "@fairlead/core";
import { IscsiError } from "./errors.js";
import type { Timing } from "./options.js";

/** What a watchdog watches. */
export interface Watched {
  /** Commands on their way. */
  readonly outstanding: number;
  /** Something came since the last question. */
  takeHeard(): boolean;
  ping(): void;
  /** Submitted at or before this tick and not ended yet. */
  overdue(tick: number): boolean;
  fail(error: IscsiError): void;
}

const TICK_MS_MAX = 250;

/**
 * Finds out that a target is silent or that a command hangs. Counts ticks and reads no clock: time in which this
 * process did not run counts for nobody.
 */
export class Watchdog {
  /** Ticks since the session began. */
  tick = 0;
  readonly #clock: Clock;
  readonly #watched: Watched;
  readonly #tickMs: number;
  readonly #timing: Timing;
  #timer: Timer | undefined;
  #silentTicks = 0;
  /** Ticks since the ping that is not answered yet; -1: none. */
  #pingTicks = -1;

  constructor(clock: Clock, timing: Timing, watched: Watched) {
    this.#clock = clock;
    this.#timing = timing;
    this.#watched = watched;
    this.#tickMs = Math.min(TICK_MS_MAX, timing.pingAfterMs / 4, timing.pingTimeoutMs / 4);
    this.#arm();
  }

  stop(): void {
    this.#timer?.cancel();
  }

  /** A command that starts at this tick is overdue after so long a time. */
  startTickFor(timeoutMs: number): number {
    return this.tick + Math.ceil((timeoutMs - this.#timing.commandTimeoutMs) / this.#tickMs);
  }

  #arm(): void {
    this.#timer = this.#clock.schedule(() => this.#onTick(), this.#tickMs);
  }

  #onTick(): void {
    this.tick++;
    this.#arm();
    const { pingAfterMs, idlePingAfterMs, pingTimeoutMs, commandTimeoutMs } = this.#timing;
    if (this.#watched.takeHeard()) {
      this.#silentTicks = 0;
      this.#pingTicks = -1;
    } else if (this.#pingTicks >= 0) {
      this.#pingTicks++;
      if (this.#pingTicks * this.#tickMs >= pingTimeoutMs) {
        const message = `no answer to a ping in ${pingTimeoutMs} ms`;
        this.#watched.fail(new IscsiError("ISCSI_KEEPALIVE_TIMEOUT", "keepalive-timeout", message));
        return;
      }
    } else {
      this.#silentTicks++;
      const allowedMs = this.#watched.outstanding > 0 ? pingAfterMs : idlePingAfterMs;
      if (this.#silentTicks * this.#tickMs >= allowedMs) {
        this.#pingTicks = 0;
        this.#watched.ping();
      }
    }
    const overdueTick = this.tick - Math.ceil(commandTimeoutMs / this.#tickMs);
    if (!this.#watched.overdue(overdueTick)) return;
    const message = `a command took more than ${commandTimeoutMs} ms, or was lost in a LUN reset`;
    this.#watched.fail(new IscsiError("ISCSI_COMMAND_TIMEOUT", "command-timeout", message));
  }
}
