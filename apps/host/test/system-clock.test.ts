import { setImmediate as nextTurn } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { systemClock } from "../src/system-clock.js";

/** Keeps the thread busy, as a batch of requests does. */
function spin(ms: number): void {
  const endMs = performance.now() + ms;
  while (performance.now() < endMs);
}

describe("systemClock", () => {
  it("stands still within a turn of the event loop and moves on with the next", async () => {
    const clock = systemClock();
    const first = clock.now();
    spin(3);
    expect(clock.now()).toBe(first);
    await nextTurn();
    expect(clock.now()).toBeGreaterThanOrEqual(first + 3);
  });

  it("is read anew when a timer runs, no earlier than it was asked to", async () => {
    const clock = systemClock();
    const startedMs = performance.now();
    const seen = await new Promise<number>((resolve) => {
      clock.schedule(() => resolve(clock.now()), 20);
      const hold = setInterval(() => {
        clock.now();
        if (performance.now() - startedMs > 100) clearInterval(hold);
      }, 1);
    });
    expect(seen - startedMs).toBeGreaterThanOrEqual(18);
    expect(performance.now() - seen).toBeLessThan(18);
  });

  it("runs no timer that was cancelled, and takes a delay beyond what timers can", async () => {
    const clock = systemClock();
    let ran = 0;
    const far = clock.schedule(() => ran++, 2 ** 40);
    const near = clock.schedule(() => ran++, 5);
    near.cancel();
    await new Promise<void>((resolve) => {
      setTimeout(resolve, 15);
    });
    expect(ran).toBe(0);
    far.cancel();
  });
});
