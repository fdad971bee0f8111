import { describe, expect, it } from "vitest";
import { strategySuite } from "../src/index.js";
import { BROKEN as BROKEN_IN_CALLS, sound } from "./broken-strategies.js";
import { verdict } from "./collect.js";
import { BROKEN_IN_TIME } from "./forgetful-strategies.js";

const NONE = /(?!)/;
const BROKEN = { ...BROKEN_IN_CALLS, ...BROKEN_IN_TIME };

describe("strategySuite", () => {
  it("accepts a sound strategy", async () => {
    const { broken, laws } = await verdict((runner) => strategySuite(runner, sound));
    expect(broken).toEqual([]);
    expect(laws.length).toBeGreaterThan(10);
  });

  it.each(Object.entries(BROKEN))("rejects: %s", async (_name, { law, create }) => {
    const { broken } = await verdict((runner) => strategySuite(runner, create), law);
    expect(broken).toHaveLength(1);
  });

  it("has a broken strategy for each of its laws", async () => {
    const { laws } = await verdict((runner) => strategySuite(runner, sound), NONE);
    const unguarded = laws.filter((name) => !Object.values(BROKEN).some(({ law }) => law.test(name)));
    expect(unguarded).toEqual([]);
  });
});
