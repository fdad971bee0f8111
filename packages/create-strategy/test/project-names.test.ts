import fc from "fast-check";
import validate from "validate-npm-package-name";
import { describe, expect, it } from "vitest";
import { projectNames } from "../src/project-names.js";

const names = (name: string) => {
  const { folder, strategyName, factoryName } = projectNames(name);
  return [folder, strategyName, factoryName];
};

describe("projectNames", () => {
  it("takes what a package's name says of its strategy", () => {
    expect(names("my-strategy")).toEqual(["my-strategy", "my-strategy", "myStrategy"]);
    expect(names("night")).toEqual(["night", "night", "nightStrategy"]);
    expect(names("strategy-night-shift")).toEqual([
      "strategy-night-shift",
      "night-shift",
      "nightShiftStrategy",
    ]);
    expect(names("fairlead-strategy-x9")).toEqual(["fairlead-strategy-x9", "x9", "x9Strategy"]);
    expect(names("@acme/strategy-a.b_c-")).toEqual(["strategy-a.b_c-", "a-b-c", "aBCStrategy"]);
    expect(names("strategy-2")).toEqual(["strategy-2", "strategy-2", "strategy2Strategy"]);
    expect(names("default")).toEqual(["default", "default", "defaultStrategy"]);
    // Not `strategy`, which is what the template calls an instance.
    expect(names("strategy")).toEqual(["strategy", "strategy", "strategyStrategy"]);
  });

  it.each([
    "",
    " ",
    "Upper",
    "a b",
    ".hidden",
    "_hidden",
    "2-paths",
    "../up",
    "a/b",
    "@acme",
    "@acme/",
    "@/x",
    "@Acme/x",
    "@acme/x/y",
    "@acme/../x",
    "a~b",
    "a\nb",
    "a\n",
    "nächte",
    "node_modules",
    "favicon.ico",
    "@acme/node_modules",
    "http",
    "fs",
    "x".repeat(215),
  ])("refuses %j", (name) => {
    expect(() => projectNames(name)).toThrow(expect.objectContaining({ code: "PROJECT_NAME_INVALID" }));
  });

  it("takes names up to 214 characters", () => {
    expect(projectNames("x".repeat(214)).folder).toHaveLength(214);
  });

  it("takes only what npm takes, and makes valid names of it", () => {
    const part = fc.stringMatching(/^[a-zA-Z0-9._~@-]{1,9}$/);
    const candidate = fc.oneof(
      part,
      fc.tuple(part, part).map(([scope, name]) => `@${scope}/${name}`),
      fc.constantFrom("stream", "node_modules", "@a/stream", "strategy-", "strategy--1", "a.js"),
    );
    let taken = 0;
    const law = (name: string) => {
      let made: ReturnType<typeof projectNames>;
      try {
        made = projectNames(name);
      } catch {
        return;
      }
      taken++;
      expect(validate(name)).toEqual({ validForNewPackages: true, validForOldPackages: true });
      expect(made.strategyName).toMatch(/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/);
      expect(made.factoryName).toMatch(/^[a-z][a-zA-Z0-9]*$/);
    };
    fc.assert(fc.property(candidate, law), { seed: 8, numRuns: 2000 });
    expect(taken).toBeGreaterThan(200);
  });
});
