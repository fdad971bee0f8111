// What holds whatever happens: at home where home is, even loads, nobody moved without need.
import { strategySuite } from "@fairlead/compliance";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { vmAffinity } from "../src/index.js";
import { loads, spread, World } from "./world.js";

const team = { team: "naa.600", ordinal: 5 };
strategySuite({ describe, it }, () => vmAffinity());
strategySuite({ describe, it }, () => vmAffinity({ by: "team" }, team));
strategySuite({ describe, it }, () =>
  vmAffinity({ spread: "shares", pinned: { priorityMax: 5, paths: ["c", "p1"] }, others: "least-pending" }),
);
strategySuite({ describe, it }, () => vmAffinity({ pinned: { priorityMax: 4, paths: ["a", "b"] } }));

const IDS = ["a", "b", "c", "d", "e", "f", "g", "h"];
const pathCounts = fc.integer({ min: 2, max: IDS.length });
const vmLists = fc.uniqueArray(fc.nat(300), { minLength: 1, maxLength: 40 });
const runs = { seed: 3, numRuns: 150 };

/** VMs that are not where they were. */
function moved(
  before: ReadonlyMap<number, string | undefined>,
  after: ReadonlyMap<number, string | undefined>,
): number[] {
  return [...after.keys()].filter((vm) => before.has(vm) && before.get(vm) !== after.get(vm));
}

/** Sets of available paths, by bit. */
const outages = fc.array(fc.nat((1 << IDS.length) - 1), { minLength: 6, maxLength: 25 });

function chosen(ids: readonly string[], bits: number): string[] {
  return ids.filter((_, index) => (bits & (1 << index)) !== 0);
}

describe("vmAffinity", () => {
  it("has every VM at home while home is available, and on paths of even load otherwise [0079]", () => {
    const law = (count: number, vms: number[], steps: number[]) => {
      const ids = IDS.slice(0, count);
      const world = new World(vmAffinity(), ids);
      const homes = world.places(vms);
      let before = homes;
      let beforeIds: readonly string[] = ids;
      for (const bits of [...steps, 255]) {
        const available = chosen(ids, bits);
        world.use(available);
        const places = world.places(vms);
        for (const [vm, place] of places) {
          const home = homes.get(vm) ?? "";
          if (available.includes(home)) expect(place).toBe(home);
          else expect(available.includes(place ?? "")).toBe(available.length > 0);
        }
        expect(spread(loads(available, places))).toBeLessThanOrEqual(1);
        if (available.every((id) => beforeIds.includes(id)) && available.length > 0) {
          const displaced = vms.filter((vm) => !available.includes(before.get(vm) ?? ""));
          expect(moved(before, places), "a loss moves those who were there").toEqual(displaced);
        }
        if (available.length === count) {
          const away = vms.filter((vm) => before.get(vm) !== homes.get(vm));
          expect(moved(before, places), "a return moves those whose home it is").toEqual(away);
        }
        before = places;
        beforeIds = available;
      }
    };
    fc.assert(fc.property(pathCounts, vmLists, outages, law), runs);
  });

  it("keeps loads even while VMs come and go and paths fail", () => {
    const events = fc.array(fc.tuple(fc.constantFrom("come", "go", "paths"), fc.nat(255)), {
      minLength: 20,
      maxLength: 80,
    });
    const law = (count: number, steps: [string, number][]) => {
      const ids = IDS.slice(0, count);
      const world = new World(vmAffinity(), ids);
      const vms = new Set<number>();
      let available = ids;
      for (const [event, value] of steps) {
        if (event === "paths") {
          available = chosen(ids, value);
          world.use(available);
        } else if (event === "come") {
          if (available.length > 0) vms.add(value);
          world.path(value);
        } else {
          world.remove(value);
          vms.delete(value);
        }
        expect(spread(loads(available, world.places(vms)))).toBeLessThanOrEqual(1);
      }
      world.use(ids);
      expect(spread(loads(ids, world.places(vms)))).toBeLessThanOrEqual(1);
    };
    fc.assert(fc.property(pathCounts, events, law), runs);
  });

  it("moves one VM at most where one is removed, and only to a path that has got lighter", () => {
    const law = (count: number, vms: number[], gone: number) => {
      const ids = IDS.slice(0, count);
      const world = new World(vmAffinity(), ids);
      const before = world.places(vms);
      const vm = vms[gone % vms.length] ?? 0;
      const left = before.get(vm);
      world.remove(vm);
      before.delete(vm);
      const after = world.places(before.keys());
      const movers = moved(before, after);
      expect(movers.length).toBeLessThanOrEqual(1);
      for (const mover of movers) expect(after.get(mover)).toBe(left);
    };
    fc.assert(fc.property(pathCounts, vmLists, fc.nat(100), law), runs);
  });

  it("gives a path that joins its part and moves nobody else", () => {
    const law = (count: number, vms: number[], place: number) => {
      const newcomer = IDS[place % count] ?? "a";
      const ids = IDS.slice(0, count);
      const world = new World(
        vmAffinity(),
        ids.filter((id) => id !== newcomer),
      );
      const before = world.places(vms);
      world.use(ids);
      const after = world.places(vms);
      const movers = moved(before, after);
      for (const vm of movers) expect(after.get(vm)).toBe(newcomer);
      expect(spread(loads(ids, after))).toBeLessThanOrEqual(1);
      expect(movers.length).toBeLessThanOrEqual(Math.ceil(vms.length / count));
    };
    fc.assert(fc.property(pathCounts, vmLists, fc.nat(100), law), runs);
  });

  it("spreads shares so evenly that moving one VM more would not help 001.c25", () => {
    const shares = fc.array(fc.nat(4000), { minLength: 6, maxLength: 30 });
    const changes = fc.array(fc.tuple(fc.nat(29), fc.nat(4000)), { maxLength: 10 });
    const law = (count: number, weights: number[], later: [number, number][]) => {
      const ids = IDS.slice(0, count);
      const world = new World(vmAffinity({ spread: "shares" }), ids);
      const check = () => {
        const places = world.places(weights.keys());
        const weight = (vm: number) => Math.max(1, weights[vm] ?? 0);
        const sums = loads(ids, places, weight);
        const least = Math.min(...sums);
        for (const [vm, id] of places) {
          const gap = (sums[ids.indexOf(id ?? "")] ?? 0) - least;
          expect(weight(vm), `VM ${vm} on ${id} with ${sums.join(" ")}`).toBeGreaterThanOrEqual(gap);
        }
      };
      for (const [vm, value] of weights.entries()) world.setShares(vm, value);
      world.places(weights.keys()); // A heavy VM that is new may move lighter ones.
      check();
      for (const [vm, value] of later) {
        if (vm >= weights.length) continue;
        weights[vm] = value;
        world.setShares(vm, value);
        check();
      }
    };
    fc.assert(fc.property(pathCounts, shares, changes, law), runs);
  });

  it("keeps low priorities to their paths while one is available, and moves no other VM for them", () => {
    const law = (count: number, vms: number[], steps: number[]) => {
      const ids = IDS.slice(0, count);
      const low = vms.filter((vm) => vm % 3 === 0);
      const high = vms.filter((vm) => vm % 3 !== 0);
      const world = new World(vmAffinity({ pinned: { priorityMax: 2, paths: ["a", "b"] } }), ids);
      const lowHomes = world.places(low, 1);
      const highHomes = world.places(high, 8);
      // Pinned ones come first, so the others fill up what they leave.
      expect(spread(loads(["a", "b"], lowHomes))).toBeLessThanOrEqual(1);
      for (const bits of [...steps, 255]) {
        const available = chosen(ids, bits);
        world.use(available);
        const pinned = available.filter((id) => id === "a" || id === "b");
        for (const [vm, place] of world.places(low, 1)) {
          if (pinned.length > 0) expect(pinned).toContain(place);
          if (available.includes(lowHomes.get(vm) ?? "")) expect(place).toBe(lowHomes.get(vm));
          expect(place === undefined).toBe(available.length === 0);
        }
        for (const [vm, place] of world.places(high, 8)) {
          if (available.includes(highHomes.get(vm) ?? "")) expect(place).toBe(highHomes.get(vm));
        }
      }
    };
    fc.assert(fc.property(pathCounts, vmLists, outages, law), runs);
  });
});
