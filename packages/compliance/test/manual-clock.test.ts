import { describe, expect, it } from "vitest";
import { createManualClock } from "../src/index.js";

describe("createManualClock", () => {
  it("stands still until it is moved", () => {
    const clock = createManualClock(5000);
    expect(clock.now()).toBe(5000);
    clock.advance(0.25);
    expect(clock.now()).toBe(5000.25);
  });

  it("fires timers in order of time, then of setting, each at its own time", () => {
    const clock = createManualClock();
    const fired: string[] = [];
    for (const [name, delayMs] of [
      ["c", 30],
      ["a", 10],
      ["b1", 20],
      ["d", 40],
      ["b2", 20],
      ["late", 101],
    ] as const) {
      clock.schedule(() => fired.push(`${name}@${clock.now()}`), delayMs);
    }
    clock.advance(100);
    expect(fired).toEqual(["a@10", "b1@20", "b2@20", "c@30", "d@40"]);
    expect(clock.now()).toBe(100);
    expect(clock.pendingTimers).toBe(1);
  });

  it("fires what a callback sets, if it falls due within the same move", () => {
    const clock = createManualClock();
    const fired: number[] = [];
    const tick = () => {
      fired.push(clock.now());
      clock.schedule(tick, 7);
    };
    clock.schedule(tick, 7);
    clock.advance(30);
    expect(fired).toEqual([7, 14, 21, 28]);
    clock.advance(5);
    expect(fired).toEqual([7, 14, 21, 28, 35]);
  });

  it("does not fire a cancelled timer, also where another callback cancels it", () => {
    const clock = createManualClock();
    const fired: string[] = [];
    const victim = clock.schedule(() => fired.push("victim"), 10);
    clock.schedule(() => victim.cancel(), 9);
    clock.schedule(() => fired.push("other"), 10);
    clock.advance(10);
    expect(fired).toEqual(["other"]);
    victim.cancel();
    expect(clock.pendingTimers).toBe(0);
  });

  it("treats a delay below 0 as 0, and fires it at the next move, not at once", () => {
    const clock = createManualClock(100);
    let firedAtMs = -1;
    clock.schedule(() => {
      firedAtMs = clock.now();
    }, -50);
    expect(firedAtMs).toBe(-1);
    clock.advance(0);
    expect(firedAtMs).toBe(100);
  });

  it("passes on what a callback throws and keeps the timers behind it", () => {
    const clock = createManualClock();
    let fired = false;
    clock.schedule(() => {
      throw new Error("from the timer");
    }, 10);
    clock.schedule(() => {
      fired = true;
    }, 20);
    expect(() => clock.advance(50)).toThrow("from the timer");
    expect(clock.now()).toBe(10);
    clock.advance(10);
    expect(fired).toBe(true);
  });

  it("refuses to go backwards", () => {
    const clock = createManualClock();
    expect(() => clock.advance(-1)).toThrow(/ms must be finite and 0 or more, but is -1/);
    expect(() => clock.advance(Number.NaN)).toThrow(/NaN/);
    expect(() => clock.schedule(() => {}, Number.NaN)).toThrow(/delayMs/);
    expect(() => createManualClock(Number.NaN)).toThrow(/startMs/);
  });
});
