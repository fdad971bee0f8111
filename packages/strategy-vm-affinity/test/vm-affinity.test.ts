import { Frame } from "@fairlead/core";
import { describe, expect, it } from "vitest";
import { vmAffinity } from "../src/index.js";
import { loads, spread, testPaths, World } from "./world.js";

const six = [1, 2, 3, 4, 5, 6];
const upTo = (count: number) => Array.from({ length: count }, (_, index) => index);

describe("vmAffinity, homes", () => {
  it("routes each of two VMs over a path of its own, and both over the one that is left 003.c8", () => {
    const world = new World(vmAffinity(), ["eth1", "eth2"]);
    expect([world.path(1), world.path(2), world.path(1)]).toEqual(["eth2", "eth1", "eth2"]);
    world.use(["eth1"]);
    expect([world.path(1), world.path(2)]).toEqual(["eth1", "eth1"]);
    world.use(["eth2", "eth1"]);
    expect([world.path(1), world.path(2)]).toEqual(["eth2", "eth1"]);
  });

  it("serves frames as it serves commands", () => {
    const strategy = vmAffinity();
    const paths = testPaths(["eth1", "eth2"]);
    const frame = new Frame();
    frame.vm = 3;
    expect(strategy.select(paths, frame)).toBe(1);
    expect(strategy.select(paths.slice(0, 1), frame)).toBe(0);
  });

  it("gives a new VM the path with the fewest, by its number where several have", () => {
    const world = new World(vmAffinity(), ["a", "b", "c"]);
    expect(world.route([5, 8, 2])).toBe("cab");
    expect(world.route([11, 7, 3, 11])).toBe("cbac");
  });

  it("has one VM on the same HBA in each LUN, whatever the order in which paths were found", () => {
    for (const order of [
      ["vmhba0:0:4", "vmhba1:2:9"],
      ["vmhba1:2:9", "vmhba0:0:4"],
    ]) {
      const world = new World(vmAffinity(), order);
      expect(world.path(7)).toBe("vmhba1:2:9");
    }
  });

  it("spreads the only VMs of many LUNs also where the second path comes later", () => {
    const found = upTo(8).map((vm) => {
      const world = new World(vmAffinity(), ["a"]);
      world.path(vm);
      world.use(["a", "b"]);
      const two = world.path(vm) ?? "";
      world.use(["a", "b", "c"]);
      return two + (world.path(vm) ?? "");
    });
    expect(found).toEqual(["aa", "bb", "ac", "bb", "aa", "bc", "aa", "bb"]);
  });

  it("lets the VMs of a lost path cross over to the least laden of those left, and come home", () => {
    const world = new World(vmAffinity(), ["a", "b", "c"]);
    expect(world.route(six)).toBe("bcabca");
    world.use(["a", "c"]);
    expect(world.route(six)).toBe("acacca");
    world.use(["c"]);
    expect(world.route(six)).toBe("cccccc");
    world.use([]);
    expect(world.route(six)).toBe("------");
    world.use(["c", "b", "a"]);
    expect(world.route(six)).toBe("bcabca");
  });

  it("keeps a place free for VMs that come while their path is away", () => {
    const world = new World(vmAffinity(), ["a", "b"]);
    expect(world.route([2, 1])).toBe("ab");
    world.use(["a"]);
    expect(world.route([4, 3, 6])).toBe("aaa");
    world.use(["a", "b"]);
    // Of five, 4 and 6 stay and 3 has a home on b.
    expect(world.route([2, 1, 4, 3, 6])).toBe("ababa");
  });

  it("spreads the visitors of paths that are away over a path that has returned", () => {
    const world = new World(vmAffinity(), ["a", "b", "c", "d"]);
    world.route(upTo(12));
    world.use(["a", "b"]);
    world.use(["a", "b", "c"]);
    expect(world.route(upTo(12)).split("").sort().join("")).toBe("aaaabbbbcccc");
  });

  it("fills up the path of a VM that was removed, with one VM", () => {
    const world = new World(vmAffinity(), ["a", "b"]);
    expect(world.route(six)).toBe("bababa");
    world.remove(2);
    expect(world.route([1, 3, 4, 5, 6])).toBe("bbaba");
    world.remove(4);
    expect(world.route([1, 3, 5, 6])).toBe("abba");
  });

  it("takes a VM that was removed and sends again for a new one", () => {
    const world = new World(vmAffinity(), ["a", "b", "c"]);
    expect(world.route([3, 4, 5])).toBe("abc");
    world.remove(3);
    expect(world.route([7, 9, 3])).toBe("aab");
  });

  it("gives the VMs of a path that is forgotten another home", () => {
    const world = new World(vmAffinity(), ["a", "b", "c", "d"]);
    expect(world.route([0, 1])).toBe("ab");
    world.use(["c"]);
    expect(world.route([0, 1])).toBe("cc");
    // a, b and d are away with two there: a is forgotten, VM 0 belongs to c, and VM 1 makes room as a visitor.
    world.use(["c", "e"]);
    expect(world.route([0, 1])).toBe("ce");
  });

  it("notices that paths have changed places though nobody told", () => {
    const strategy = vmAffinity();
    const frame = new Frame();
    frame.vm = 2;
    for (const ids of ["abcdef", "fedcba", "cdefab"]) {
      expect(ids[strategy.select(testPaths([...ids]), frame)]).toBe("c");
    }
  });

  it("grows with the numbers of VMs", () => {
    const world = new World(vmAffinity(), ["a", "b"]);
    expect(world.route([63, 64, (1 << 24) - 1, 1 << 20, 63])).toBe("babab");
  });
});

describe("vmAffinity, options", () => {
  it("staggers whole LUNs over the HBAs [0049]", () => {
    const home = (ordinal: number, ids: readonly string[]) => {
      const world = new World(vmAffinity({ by: "team" }, { team: `lun${ordinal}`, ordinal }), [
        "a",
        "b",
        "c",
      ]);
      world.use(ids);
      expect(new Set(world.route(six)).size).toBe(1);
      world.remove(ordinal);
      return world.path(77);
    };
    const nine = upTo(9);
    expect(nine.map((ordinal) => home(ordinal, ["a", "b", "c"])).join("")).toBe("abcabcabc");
    // The LUNs of b go to both of the others.
    expect(nine.map((ordinal) => home(ordinal, ["a", "c"])).join("")).toBe("aacaccaac");
  });

  it("leaves the team where it is, whatever becomes of the VM of its number", () => {
    const world = new World(vmAffinity({ by: "team" }, { team: "lun3", ordinal: 3 }), ["a", "b", "c", "d"]);
    expect(world.path(1)).toBe("d");
    world.use(["a", "b", "c"]);
    world.use(["b", "c"]);
    world.use(["a", "b", "c"]);
    expect(world.path(1)).toBe("b");
    world.remove(3);
    expect(world.path(1)).toBe("b");
  });

  it("counts shares instead of VMs where `spread` says so", () => {
    for (const [option, expected] of [
      [undefined, "baba"],
      ["vms", "baba"],
      ["shares", "baaa"],
    ] as const) {
      const world = new World(vmAffinity(option === undefined ? {} : { spread: option }), ["a", "b"]);
      world.setShares(1, 3000);
      expect(world.route([1, 2, 3, 4])).toBe(expected);
    }
  });

  it("spreads anew when shares change, and counts 0 as 1", () => {
    const world = new World(vmAffinity({ spread: "shares" }), ["a", "b"]);
    expect(world.route([1, 2, 3, 4])).toBe("baba");
    world.setShares(2, 3000);
    expect(world.route([1, 2, 3, 4])).toBe("babb");
    for (const vm of [5, 6, 7, 8, 9, 10]) world.setShares(vm, 0);
    expect(world.route([5, 6, 7, 8, 9, 10])).toBe("bababa");
  });

  it("forgets the shares of a VM that was removed", () => {
    const world = new World(vmAffinity({ spread: "shares" }), ["a", "b"]);
    world.setShares(1, 9000);
    world.remove(1);
    expect(world.route([1, 2, 3, 4])).toBe("baba");
  });

  it("pins priorities up to `priorityMax` to given paths [0115]", () => {
    const place = (priorityMax: number, priority: number) => {
      const pinned = { priorityMax, paths: ["c"] };
      return new World(vmAffinity({ pinned }), ["a", "b", "c"]).path(3, priority);
    };
    expect([place(2, 0), place(2, 2), place(2, 3), place(3, 3), place(10, 10)]).toEqual([
      "c",
      "c",
      "a",
      "c",
      "c",
    ]);
  });

  it("keeps the others away from the paths of pinned VMs as far as that is even", () => {
    const world = new World(vmAffinity({ pinned: { priorityMax: 2, paths: ["c"] } }), ["a", "b", "c"]);
    expect(world.route([10, 20, 30, 40], 1)).toBe("cccc");
    expect(spread(loads(["a", "b"], world.places(upTo(8))))).toBe(0);
    expect(world.route(upTo(8))).not.toContain("c");
    expect([100, 101, 102].map((vm) => world.path(vm)).sort()).toEqual(["a", "b", "c"]);
  });

  it("pins by the beginning of an id, which ends at a colon", () => {
    const paths = ["vmhba1"];
    const world = new World(vmAffinity({ pinned: { priorityMax: 2, paths } }), [
      "vmhba0:0:1",
      "vmhba10:0:1",
      "vmhba1:3:1",
    ]);
    expect(world.path(1, 1)).toBe("vmhba1:3:1");
    expect(world.path(2, 1)).toBe("vmhba1:3:1");
  });

  it("lets pinned VMs cross over while none of their paths is available, and only then", () => {
    const pinned = { priorityMax: 2, paths: ["c", "d", "none"] };
    const world = new World(vmAffinity({ pinned }), ["a", "b", "c", "d"]);
    expect(world.route(six, 1)).toBe("dcdcdc");
    world.use(["a", "b", "d"]);
    expect(world.route(six, 1)).toBe("dddddd");
    world.use(["a", "b"]);
    expect(spread(loads(["a", "b"], world.places(six, 1)))).toBe(0);
    world.use(["a", "b", "c"]);
    expect(world.route(six, 1)).toBe("cccccc");
    world.use(["a", "b", "c", "d"]);
    expect(world.route(six, 1)).toBe("dcdcdc");
  });

  it("treats pinned paths that match nothing as unavailable, until they join", () => {
    const world = new World(vmAffinity({ pinned: { priorityMax: 2, paths: ["z"] } }), ["a", "b"]);
    expect(spread(loads(["a", "b"], world.places(six, 1)))).toBe(0);
    world.use(["a", "b", "z"]);
    expect(world.route(six, 1)).toBe("zzzzzz");
  });

  it("follows a VM whose priority changes", () => {
    const world = new World(vmAffinity({ pinned: { priorityMax: 2, paths: ["c"] } }), ["a", "b", "c"]);
    expect([world.path(3, 1), world.path(3, 5), world.path(3, 1)]).toEqual(["c", "a", "c"]);
  });

  it("gives VMs that are not pinned the path with the least bytes pending [0115]", () => {
    const pinned = { priorityMax: 2, paths: ["c"] };
    const loaded = (others: "affinity" | "least-pending") => {
      const world = new World(vmAffinity({ pinned, others }), ["a", "b", "c", "d"]);
      world.use(["a", "b", "c", "d"], [900, 4096, 0, 1]);
      const first = world.route([1, 1, 2], 8);
      world.use(["a", "b", "c", "d"], [0, 4096, 9000, 0]);
      return `${first} ${world.route([1, 1, 2, 2, 1], 8)} ${world.route([3, 4], 0)}`;
    };
    expect(loaded("least-pending")).toBe("ccc dadad cc");
    expect(loaded("affinity")).toBe("bbc bbccb cc");
  });

  it("drops the home of a VM that is not pinned any more and needs none", () => {
    const pinned = { priorityMax: 2, paths: ["a", "b"] };
    const strategy = vmAffinity({ pinned, others: "least-pending" });
    const world = new World(strategy, ["a", "b", "c"]);
    expect(world.route([2, 4, 1], 1)).toBe("abb");
    world.setPriority(4, 2);
    expect(world.route([2, 4, 1], 1)).toBe("abb");
    world.setPriority(4, 3);
    // b has one now, as a has: the next goes by its number.
    expect(world.route([6, 2, 1], 1)).toBe("aab");
  });
});
