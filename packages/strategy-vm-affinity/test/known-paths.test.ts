import { describe, expect, it } from "vitest";
import { type KnownPath, KnownPaths, lightest } from "../src/known-paths.js";
import { testPaths } from "./world.js";

const names = (paths: readonly KnownPath[]) => paths.map(({ id }) => id).join("");

describe("KnownPaths", () => {
  it("knows paths that are away, and lists by id", () => {
    const known = new KnownPaths((id) => id === "b" || id === "d");
    expect(names(known.update(testPaths(["d", "b", "a", "c"])).joined)).toBe("dbac");
    expect(names(known.choices("home", false))).toBe("abcd");
    expect(known.choices("home", false).map(({ index }) => index)).toEqual([2, 1, 3, 0]);
    known.update(testPaths(["d", "a"]));
    expect(names(known.choices("home", false))).toBe("abcd");
    expect(names(known.choices("place", false))).toBe("ad");
    expect(names(known.choices("home", true))).toBe("bd");
    expect(names(known.choices("place", true))).toBe("d");
    known.update(testPaths(["c", "a"]));
    expect(names(known.choices("place", true))).toBe("ac");
  });

  it("forgets, when one joins, those that went first until no more are away than available", () => {
    const known = new KnownPaths(() => false);
    known.update(testPaths(["a", "b", "c", "d", "e", "f"]));
    known.update(testPaths(["a", "b", "d", "e"]));
    known.update(testPaths(["a", "b"]));
    expect(names(known.choices("home", false))).toBe("abcdef");
    // c and f went before d and e; b is back in time.
    known.update(testPaths(["a"]));
    known.update(testPaths(["a", "b"]));
    expect(names(known.update(testPaths(["a", "b", "x"])).forgotten)).toBe("c");
    expect(names(known.choices("home", false))).toBe("abdefx");
    expect(names(known.update(testPaths(["a", "y"])).forgotten)).toBe("fde");
    expect(names(known.choices("home", false))).toBe("abxy");
  });

  it("forgets nothing while paths only come back and go", () => {
    const known = new KnownPaths(() => false);
    known.update(testPaths(["a", "b", "c", "d", "e", "f"]));
    known.update(testPaths([]));
    for (const id of ["a", "b", "f", "a"]) expect(known.update(testPaths([id])).forgotten).toEqual([]);
    expect(names(known.choices("home", false))).toBe("abcdef");
  });

  it("finds the lightest, from a number on", () => {
    const known = new KnownPaths(() => false);
    known.update(testPaths(["a", "b", "c", "d", "e", "f"]));
    const paths = known.choices("home", false);
    for (const [index, load] of [3, 1, 4, 1, 5, 1].entries()) paths[index]!.load.home = load;
    expect([0, 1, 2, 4, 6, 9, 11].map((start) => lightest(paths, "home", start)?.id).join("")).toBe(
      "bbdfbdf",
    );
    expect(lightest(paths, "place", 10)?.id).toBe("e");
    expect(lightest([], "home", 3)).toBeUndefined();
  });
});
