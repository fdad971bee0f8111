import type { Path } from "@fairlead/core";
import { diskScheduler } from "@fairlead/disk-scheduler";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type CountedPath, capacityOf } from "../src/capacity.js";
import { house, lunOf } from "./house.js";

/** `h0 p1`, with `-` in front where it is not usable and `*3` behind for its share. */
function path(text: string): CountedPath {
  const [, down, components = "", share = "1"] = /^(-?)([^*]*)(?:\*(.*))?$/.exec(text) ?? [];
  return { adapter: { components: components.split(" ") }, usable: down === "", share: Number(share) };
}

const paths = (...texts: string[]): CountedPath[] => texts.map(path);

describe("capacity, as a part of what all paths give", () => {
  it.each([
    ["two HBAs of one portal each", paths("h0 p0", "h1 p1"), 1],
    ["the same after one has failed", paths("h0 p0", "-h1 p1"), 0.5],
    ["no path left", paths("-h0 p0", "-h1 p1"), 0],
    ["no path known", [], 0],
    ["two HBAs × two portals", paths("h0 p0", "h0 p1", "h1 p0", "h1 p1"), 1],
    ["without one portal", paths("h0 p0", "-h0 p1", "h1 p0", "-h1 p1"), 0.5],
    ["without one path", paths("h0 p0", "h0 p1", "h1 p0", "-h1 p1"), 1],
    ["without two paths that share nothing", paths("-h0 p0", "h0 p1", "h1 p0", "-h1 p1"), 1],
    ["without one HBA", paths("h0 p0", "h0 p1", "-h1 p0", "-h1 p1"), 0.5],
    ["with one path left", paths("-h0 p0", "h0 p1", "-h1 p0", "-h1 p1"), 0.5],
    ["a group that all share does not count", paths("h0 p0 g", "h1 p1 g", "-h2 p2 g"), 2 / 3],
    ["one HBA for all does not count either", paths("h p0", "-h p1", "h p2"), 2 / 3],
    ["paths of two storage processors", paths("h0 p0 g0", "h1 p1 g0", "h0 p2 g1", "h1 p3 g1"), 1],
    ["without one of the processors", paths("-h0 p0 g0", "-h1 p1 g0", "h0 p2 g1", "h1 p3 g1"), 0.5],
    ["without one portal of one", paths("h0 p0 g0", "-h1 p1 g0", "h0 p2 g1", "h1 p3 g1"), 1],
    ["shares: the wide one is left", paths("h0 p0*3", "-h1 p1"), 0.75],
    ["shares: the narrow one is left", paths("-h0 p0*3", "h1 p1"), 0.25],
    ["shares: the wide path counts, not the first", paths("h0 p0", "h0 p1*4", "-h1 p2*5"), 4 / 9],
    ["shares: two narrow ones against a wide one", paths("a*3", "a b*4", "b*3", "-c*2"), 6 / 8],
  ])("%s", (_, team, capacity) => {
    expect(capacityOf(team)).toBeCloseTo(capacity, 12);
  });

  it("is exact for grids of 8 × 8, and bounded in time and value beyond", () => {
    const grid = (size: number, down: (hba: number, portal: number) => boolean) =>
      Array.from({ length: size * size }, (_, n) =>
        path(`${down(n % size, Math.floor(n / size)) ? "-" : ""}h${n % size} p${Math.floor(n / size)}`),
      );
    expect(capacityOf(grid(8, (hba) => hba < 3))).toBe(5 / 8);
    expect(capacityOf(grid(8, (hba, portal) => hba > 1 && portal > 1))).toBe(4 / 8);
    expect(capacityOf(grid(16, (hba) => hba < 4))).toBe(12 / 16);
    const tangled = Array.from({ length: 64 }, (_, n) =>
      path(`${n < 9 ? "-" : ""}a${(n * n) % 59} b${(n * 37) % 61} c${(n * n * n) % 53}`),
    );
    expect(capacityOf(tangled)).toBeGreaterThan(0.7); // Would not end where every subset were tried.
    expect(capacityOf(tangled)).toBeLessThanOrEqual(1);
  });

  it("is that of the best of all subsets", () => {
    const component = fc.constantFrom("a", "b", "c", "d", "e");
    const anyPath = fc.record({
      adapter: fc.record({ components: fc.uniqueArray(component, { minLength: 1, maxLength: 2 }) }),
      usable: fc.boolean(),
      share: fc.integer({ min: 1, max: 9 }),
    });
    fc.assert(
      fc.property(fc.array(anyPath, { minLength: 1, maxLength: 9 }), (team) => {
        const usable = team.filter((one) => one.usable);
        const expected = usable.length === 0 ? 0 : byTrying(usable, team) / byTrying(team, team);
        expect(capacityOf(team)).toBeCloseTo(expected, 9);
      }),
      { seed: 110, numRuns: 300 },
    );
  });
});

/** The bandwidth of the best subset of `candidates`, over every subset. */
function byTrying(candidates: readonly CountedPath[], team: readonly CountedPath[]): number {
  const common = (component: string) => team.every(({ adapter }) => adapter.components.includes(component));
  let best = 0;
  for (let bits = 0; bits < 1 << candidates.length; bits++) {
    const subset = candidates.filter((_, index) => (bits >> index) & 1);
    const used = subset
      .flatMap(({ adapter }) => adapter.components)
      .filter((component) => !common(component));
    if (new Set(used).size < used.length) continue;
    best = Math.max(
      best,
      subset.reduce((sum, { share }) => sum + share, 0),
    );
  }
  return best;
}

describe("`hbaShares`", () => {
  it("weighs the paths of an HBA, for strategies and for the capacity", async () => {
    const seen: [number[], number][] = [];
    const { hbas, manager } = house(
      { hbaShares: { vmhba1: 3 } },
      {
        createAdmissionPolicy: () =>
          Object.assign(diskScheduler(), {
            pathsChanged: (usable: readonly Path[], capacity: number) =>
              seen.push([usable.map(({ share }) => share), capacity]),
          }),
      },
    );
    hbas[0].add("vmhba0:0:1", lunOf("naa.1"));
    const wide = hbas[1].add("vmhba1:0:1", lunOf("naa.1"));
    await manager.rescan();
    wide.fail();
    expect(seen.slice(-2)).toEqual([
      [[1, 3], 1],
      [[1], 0.25],
    ]);
  });

  it.each([
    [{ vmhba0: 0 }, "OPTION_INVALID"],
    [{ vmhba1: Number.NaN }, "OPTION_INVALID"],
    [{ vmhba1: Number.POSITIVE_INFINITY }, "OPTION_INVALID"],
    [{ vmhba2: 1 }, "OPTION_UNKNOWN"],
  ])("refuses %o", (hbaShares, code) => {
    expect(() => house({ hbaShares })).toThrow(expect.objectContaining({ code }));
  });
});
