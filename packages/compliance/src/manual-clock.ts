import { type Clock, OptionError, type Timer } from "@fairlead/core";

/** A clock that stands still until a test moves it. */
export interface ManualClock extends Clock {
  /** Timers that are set and have neither fired nor been cancelled. */
  readonly pendingTimers: number;
  /**
   * Moves the time forward, ms. Timers that fall due fire in the order of their times, those of one time in the order
   * in which they were set, each with `now()` at its own time; also timers that a callback sets. What a callback
   * throws comes out here, with the clock at that timer.
   */
  advance(ms: number): void;
}

interface ManualTimer extends Timer {
  readonly atMs: number;
  readonly callback: () => void;
}

/** `startMs`: what `now()` says first. @default 0 */
export function createManualClock(startMs = 0): ManualClock {
  if (!Number.isFinite(startMs)) throw new OptionError("startMs", "a finite number", startMs);
  let nowMs = startMs;
  // In order of time, and of setting within one time.
  const timers: ManualTimer[] = [];

  function schedule(callback: () => void, delayMs: number): Timer {
    if (Number.isNaN(delayMs)) throw new OptionError("delayMs", "a number", delayMs);
    const timer: ManualTimer = {
      atMs: nowMs + Math.max(0, delayMs),
      callback,
      cancel() {
        const index = timers.indexOf(timer);
        if (index !== -1) timers.splice(index, 1);
      },
    };
    let index = timers.length;
    while (index > 0 && (timers[index - 1]?.atMs ?? 0) > timer.atMs) index--;
    timers.splice(index, 0, timer);
    return timer;
  }

  function advance(ms: number): void {
    if (!(ms >= 0 && ms < Infinity)) throw new OptionError("ms", "finite and 0 or more", ms);
    const endMs = nowMs + ms;
    for (let timer = timers[0]; timer !== undefined && timer.atMs <= endMs; timer = timers[0]) {
      timers.shift();
      // A callback may itself have moved the clock beyond the timers behind it.
      nowMs = Math.max(nowMs, timer.atMs);
      timer.callback();
    }
    nowMs = Math.max(nowMs, endMs);
  }

  return {
    now: () => nowMs,
    schedule,
    advance,
    get pendingTimers() {
      return timers.length;
    },
  };
}
