import { FairleadError } from "@fairlead/core";
import { describe, expect, it } from "vitest";
import { vmAffinity } from "../src/index.js";
import { World } from "./world.js";

describe("vmAffinity, refusals", () => {
  it.each([
    [{ by: "lun" }, 'option by must be "vm" or "team", but is "lun"'],
    [{ by: "team" }, 'option by must be "vm" where no team is given, but is "team"'],
    [{ spread: "bytes" }, 'option spread must be "vms" or "shares", but is "bytes"'],
    [{ others: "affinity" }, 'option others must be left out unless pinned is given, but is "affinity"'],
    [{ others: "none" }, 'option others must be "affinity" or "least-pending", but is "none"'],
    [{ pinned: "c" }, 'option pinned must be an object { priorityMax, paths }, but is "c"'],
    [{ pinned: null }, "option pinned must be an object { priorityMax, paths }, but is null"],
    [{ pinned: [1] }, "option pinned must be an object { priorityMax, paths }, but is an array"],
    [{ pinned: {} }, "option pinned.priorityMax must be a whole number from 0 to 10, but is undefined"],
    [{ pinned: { priorityMax: 1 } }, "option pinned.paths must be an array of one or more ids"],
    [{ by: null }, 'option by must be "vm" or "team", but is null'],
    [{ spread: null }, 'option spread must be "vms" or "shares", but is null'],
    [{ others: null }, 'option others must be "affinity" or "least-pending", but is null'],
    [null, "option options must be an object { by, spread, pinned, others }, but is null"],
    ["team", 'option options must be an object { by, spread, pinned, others }, but is "team"'],
    [[], "option options must be an object { by, spread, pinned, others }, but is an array"],
    [{ pinned: { priorityMax: 1, path: "c" } }, 'there is no option "path", known are priorityMax, paths'],
    [{ pinned: { priorityMax: 2, paths: [] } }, "option pinned.paths must be an array of one or more ids"],
    [{ pinned: { priorityMax: 2, paths: "c" } }, "option pinned.paths must be an array of one or more ids"],
    [{ pinned: { priorityMax: 2, paths: ["c", ""] } }, 'option pinned.paths must be ids of paths, but is ""'],
    [{ pinned: { priorityMax: 2, paths: [3] } }, "option pinned.paths must be ids of paths, but is 3"],
    [{ priority: 3 }, 'there is no option "priority", known are by, spread, pinned, others'],
  ])("refuses %j", (options, message) => {
    const make = () => vmAffinity(options as never);
    expect(make).toThrow(FairleadError);
    expect(make).toThrow(message);
  });

  it("refuses priorities that do not exist", () => {
    for (const priorityMax of [-1, 11, 2.5, Number.NaN, "3", null]) {
      const pinned = { priorityMax, paths: ["c"] };
      expect(() => vmAffinity({ pinned } as never)).toThrow(
        /option pinned.priorityMax must be a whole number from 0 to 10/,
      );
    }
  });

  it("refuses a team without a number that VMs could have", () => {
    for (const ordinal of [undefined, null, "4", -1, 1.5, Number.NaN, Infinity, 16_777_216]) {
      expect(() => vmAffinity({ by: "team" }, { team: "x", ordinal } as never)).toThrow(
        "option context.ordinal must be a whole number from 0 to 16777215, but is ",
      );
    }
    for (const context of [null, "x", 4]) {
      expect(() => vmAffinity({ by: "team" }, context as never)).toThrow(
        "option context must be an object with team and ordinal, but is ",
      );
    }
  });

  it("takes undefined for what is left out", () => {
    const options = { by: undefined, spread: undefined, pinned: undefined, others: undefined };
    const world = new World(vmAffinity(options as never), ["a", "b", "c"]);
    expect(world.route([5, 8, 2, 11, 7, 3], 5)).toBe("cabcba");
  });

  it("refuses per-VM options where the team has the home", () => {
    const context = { team: "naa.600", ordinal: 0 };
    for (const options of [{ spread: "vms" as const }, { pinned: { priorityMax: 1, paths: ["a"] } }]) {
      expect(() => vmAffinity({ by: "team", ...options }, context)).toThrow(
        'option by must be "vm" where spread or pinned is given, but is "team"',
      );
    }
  });
});
