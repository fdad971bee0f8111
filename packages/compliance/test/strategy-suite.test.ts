import type { LoadDistributionStrategy, Path } from "@fairlead/core";
import { describe, expect, it } from "vitest";
import { strategySuite } from "../src/index.js";
import { verdict } from "./collect.js";

/** Rotates; each broken strategy differs from it in one respect. */
function sound(): LoadDistributionStrategy {
  let last = -1;
  return {
    name: "sound",
    select(paths) {
      if (paths.length === 0) return -1;
      last = (last + 1) % paths.length;
      return last;
    },
  };
}

let shared = 0;

const BROKEN: Record<string, { law: RegExp; create: () => LoadDistributionStrategy }> = {
  "without a name": { law: /name/, create: () => ({ ...sound(), name: "" }) },
  "one too far": {
    law: /index into the paths/,
    create: () => ({ name: "broken", select: (paths) => paths.length }),
  },
  "NaN for no path": {
    law: /-1 where there is no path/,
    create: () => ({ name: "broken", select: (paths, command) => command.vm % paths.length }),
  },
  "first path even of none": {
    law: /-1 where there is no path/,
    create: () => ({ name: "broken", select: () => 0 }),
  },
  "never the last one left": {
    law: /while no path has anything pending/,
    create: () => ({ name: "broken", select: (paths) => (paths.length < 2 ? -1 : 0) }),
  },
  "needs a VM": {
    law: /without VM information/,
    create: () => ({
      name: "broken",
      select: (paths, command) => (command.vm === 0 ? -1 : paths.length - 1),
    }),
  },
  "sorts in place": {
    law: /changes neither/,
    create: () => ({
      name: "broken",
      select: (paths) => {
        (paths as Path[]).sort((left, right) => left.pendingBytes - right.pendingBytes);
        return paths.length === 0 ? -1 : 0;
      },
    }),
  },
  "marks commands": {
    law: /changes neither/,
    create: () => ({
      name: "broken",
      select: (paths, command) => {
        (command as { sentAtMs: number }).sentAtMs++;
        return paths.length === 0 ? -1 : 0;
      },
    }),
  },
  "keeps the array": {
    law: /does not keep/,
    create: () => {
      let kept: readonly Path[] = [];
      return {
        name: "broken",
        select(paths) {
          const known = kept.length;
          kept = paths;
          return paths.length === 0 ? -1 : known % paths.length;
        },
      };
    },
  },
  "trusts its memory": {
    law: /told or not/,
    create: () => {
      let last = -1;
      let count = 0;
      return {
        name: "broken",
        pathsChanged(paths) {
          count = paths.length;
        },
        select() {
          if (count === 0) return -1;
          last = (last + 1) % count;
          return last;
        },
      };
    },
  },
  "counts only its own": {
    law: /never saw/,
    create: () => {
      const pending = new Map<string, number>();
      return {
        name: "broken",
        pathsChanged: (paths) => {
          for (const path of paths) pending.set(path.id, 0);
        },
        select: (paths) => (paths.length === 0 ? -1 : 0),
        completed(path) {
          if (!pending.has(path.id)) throw new Error(`unknown path ${path.id}`);
        },
      };
    },
  },
  "answers later": {
    law: /not with a promise/,
    // What an author without types can write.
    create: () => ({ name: "broken", select: (() => Promise.resolve(0)) as never }),
  },
  "module-level state": {
    law: /same answers/,
    create: () => ({
      name: "broken",
      select: (paths) => (paths.length === 0 ? -1 : shared++ % paths.length),
    }),
  },
  "an object for each command": {
    law: /allocates nothing/,
    create: () => {
      const strategy = sound();
      const log: { at: number }[] = new Array(8);
      let count = 0;
      return {
        name: "broken",
        select(paths, command) {
          log[count++ & 7] = { at: count };
          return strategy.select(paths, command);
        },
      };
    },
  },
};

describe("strategySuite", () => {
  it("accepts a sound strategy", async () => {
    const { broken, laws } = await verdict((runner) => strategySuite(runner, sound));
    expect(broken).toEqual([]);
    expect(laws.length).toBeGreaterThan(10);
  });

  it.each(Object.entries(BROKEN))("rejects: %s", async (_name, { law, create }) => {
    const { broken } = await verdict((runner) => strategySuite(runner, create));
    expect(broken.some((name) => law.test(name))).toBe(true);
  });

  it("has a broken strategy for each of its laws", async () => {
    const { laws } = await verdict((runner) => strategySuite(runner, sound));
    const unguarded = laws.filter((name) => !Object.values(BROKEN).some(({ law }) => law.test(name)));
    expect(unguarded).toEqual([]);
  });
});
