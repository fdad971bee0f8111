import { performance } from "node:perf_hooks";
import type { Clock, Timer } from "@fairlead/core";

const TIMER_MS_MAX = 2 ** 31 - 1;

/**
 * The machine's time. It is read once in each turn of the event loop in which somebody asks, so that a batch of
 * requests shares one look.
 */
export function systemClock(): Clock {
  let nowMs = 0;
  let valid = false;
  const turnEnded = (): void => {
    valid = false;
  };

  function now(): number {
    if (!valid) {
      nowMs = performance.now();
      valid = true;
      setImmediate(turnEnded);
    }
    return nowMs;
  }

  /** Timers don't keep the process alive: what is served does. */
  function schedule(callback: () => void, delayMs: number): Timer {
    const run = (): void => {
      valid = false; // Timers run before whatever ends this turn.
      callback();
    };
    const timer = setTimeout(run, Math.min(Math.max(delayMs, 0), TIMER_MS_MAX));
    timer.unref();
    return { cancel: () => clearTimeout(timer) };
  }

  return { now, schedule };
}
