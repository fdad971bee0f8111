import { performance } from "node:perf_hooks";
import type { Clock } from "@fairlead/core";

/** The machine's time. */
export function hostClock(): Clock {
  return {
    now: () => performance.now(),
    schedule: (callback, delayMs) => {
      const timer = setTimeout(callback, delayMs);
      return { cancel: () => clearTimeout(timer) };
    },
  };
}
