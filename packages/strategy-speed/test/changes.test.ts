import { Command, type Path } from "@fairlead/core";
import { describe, expect, it } from "vitest";
import { type SpeedOptions, speed } from "../src/index.js";
import { Model } from "./path-model.js";

const SERVICE_MS = 0.5;

/** Four equal paths, the third of which takes `slowdown` times as long from 5 s to 10 s. */
function troubled(depth: number, slowdown: number, options: SpeedOptions = {}): Model {
  const models = [0, 1, 2, 3].map((index) => ({
    serviceMs: (_: number, nowMs: number) =>
      SERVICE_MS * (index === 2 && nowMs >= 5000 && nowMs < 10_000 ? slowdown : 1),
  }));
  return new Model(speed(options), models, { depth, lengthBytes: () => 8192 });
}

/** The part of the commands that the third path gets between two times. */
function part(model: Model, fromMs: number, toMs: number): number {
  model.runUntil(fromMs);
  model.restart();
  model.runUntil(toMs);
  return model.split[2] ?? Number.NaN;
}

describe("a path that becomes slow", () => {
  for (const depth of [1, 4, 64]) {
    it(`is left within one interval and back within five, at depth ${depth}`, () => {
      const model = troubled(depth, 20);
      expect(part(model, 4000, 5000)).toBeCloseTo(0.25, 2);
      // Its share is 1 of 61.
      expect(part(model, 6000, 10_000)).toBeLessThan(0.03);
      expect(part(model, 15_000, 16_000)).toBeCloseTo(0.25, 2);
    });
  }

  it("does not keep the others waiting for the first late answers to add up to an interval", () => {
    // At depth 1 it holds everything up for 500 ms in each turn, and 8 turns would take 4 s.
    const model = troubled(1, 1000);
    model.runUntil(6000);
    model.restart();
    model.runUntil(10_000);
    expect(model.sentCommands[2]).toBeLessThanOrEqual(5);
    expect(model.completedCommands).toBeGreaterThan(3000);
  });

  it("is left before the interval ends, where it is slow enough to show at once", () => {
    expect(part(troubled(1, 20, { intervalMs: 60_000 }), 6000, 7000)).toBeLessThan(0.03);
  });

  it("is measured every `intervalMs`, where the change isn't large enough to show at once", () => {
    // By 1.6: its part falls from 0.25 to 0.172, half of which is done at the end of the first interval.
    const often = part(troubled(1, 1.6, { intervalMs: 100 }), 6000, 7000);
    const seldom = part(troubled(1, 1.6, { intervalMs: 20_000 }), 6000, 7000);
    expect(often).toBeLessThan(0.19);
    expect(seldom).toBeGreaterThan(0.21);
  });
});

describe("a path that is silent", () => {
  it("gets nothing while what it has does not complete, and its part within three intervals after that", () => {
    const models = [0, 1, 2, 3].map((index) => ({
      serviceMs: (_: number, nowMs: number) =>
        SERVICE_MS + (index === 2 && nowMs >= 5000 && nowMs < 10_000 ? 10_000 - nowMs : 0),
    }));
    const model = new Model(speed(), models, { depth: 8, lengthBytes: () => 8192 });
    model.runUntil(5010);
    model.restart();
    model.runUntil(9990);
    expect(model.sentCommands[2]).toBe(0);
    // Two or three of the eight readers hang with it.
    expect(model.completedCommands).toBeGreaterThan((0.95 * 3 * 4980) / SERVICE_MS);
    expect(part(model, 13_000, 14_000)).toBeCloseTo(0.25, 2);
  });
});

describe("probes", () => {
  it("find a path that was so slow that its own share would bring it nothing for long", () => {
    // Its share is 1 of 6001 when it has recovered; the others complete 4000 commands a second.
    expect(part(troubled(1, 2000, { intervalMs: 300 }), 13_000, 14_000)).toBeCloseTo(0.25, 2);
    expect(part(troubled(1, 2000, { intervalMs: 300, probePart: 0 }), 13_000, 14_000)).toBeLessThan(0.02);
  });

  /** The part of a path that is 5000 times slower, of two. */
  function probed(probePart: number): number {
    const models = [1, 5000].map((slowdown) => ({ serviceMs: () => 0.1 * slowdown }));
    const model = new Model(speed({ probePart }), models, { depth: 4, lengthBytes: () => 8192 });
    model.runUntil(10_000);
    model.restart();
    model.runUntil(100_000);
    return model.split[1] ?? Number.NaN;
  }

  it("take no more than their part of the load, and no second one before the first has ended", () => {
    // One in 500 ms, beside 10 commands per ms.
    expect(probed(0.5)).toBeLessThan(0.001);
    expect(probed(0.00001)).toBeLessThan(0.00001 + 1 / 5000);
  });
});

describe("time that is none", () => {
  it("that leapt ahead by an hour once, or ends that are not finite, hide no path that becomes slow", () => {
    const model = troubled(4, 20);
    const { strategy, paths } = model;
    const stray = Object.assign(new Command(), { lengthBytes: 8192 });
    for (const elapsedMs of [Number.NaN, Infinity, -5]) {
      strategy.completed?.(paths[0] as Path, stray, elapsedMs, "good");
    }
    model.runUntil(4000);
    strategy.select(paths, Object.assign(stray, { sentAtMs: 3_604_000 }));
    strategy.completed?.(paths[1] as Path, stray, 1, "good");
    expect(part(model, 6500, 10_000)).toBeLessThan(0.05);
    expect(part(model, 15_000, 16_000)).toBeCloseTo(0.25, 1);
  });
});
