import { describe, expect, it } from "vitest";
import { Usage } from "../src/usage.js";

describe("Usage", () => {
  it("divides what was consumed in the last 10 s", () => {
    const usage = new Usage();
    for (let second = 0; second <= 30; second++) {
      usage.sample(second * 1000, "lun", 1, second * 400);
      usage.sample(second * 1000, "lun", 2, second < 15 ? second * 100_000 : 1_500_000 + second * 200);
      usage.sample(second * 1000, "other", 1, second * 7);
    }
    expect(usage.consumed("lun", 1)).toBe(4000);
    expect(usage.unitsPerSecond("lun", 1)).toBe(400);
    expect(usage.received("lun", 1)).toBeCloseTo(4000 / 6000);
    expect(usage.received("lun", 2)).toBeCloseTo(2000 / 6000);
    expect(usage.received("other", 1)).toBe(1);
  });

  it("has nothing to say before the second sample, nor of a VM that it never saw", () => {
    const usage = new Usage();
    usage.sample(0, "lun", 1, 5000);
    expect([usage.consumed("lun", 1), usage.unitsPerSecond("lun", 1), usage.received("lun", 1)]).toEqual([
      0, 0, 0,
    ]);
    expect([usage.consumed("lun", 9), usage.received("none", 1)]).toEqual([0, 0]);
  });

  it("begins again where an entry was made anew", () => {
    const usage = new Usage();
    for (const [second, units] of [10, 20, 30, 3, 5].entries()) usage.sample(second * 1000, "lun", 1, units);
    expect(usage.consumed("lun", 1)).toBe(2);
  });
});
