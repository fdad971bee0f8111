import { describe, expect, it } from "vitest";
import { house, lunOf, MIB } from "./house.js";

describe("discovery", () => {
  it("makes one LUN of the paths with one id, whatever their numbers, named after the first", async () => {
    const { hbas, manager } = house();
    hbas[0].add("vmhba0:0:2", lunOf("naa.1"));
    hbas[0].add("vmhba0:1:2", lunOf("naa.1"));
    hbas[1].add("vmhba1:3:7", lunOf("naa.1"));
    hbas[1].add("vmhba1:3:2", lunOf("naa.2"));
    const report = await manager.rescan();
    expect(report.addedLuns).toEqual(["naa.1", "naa.2"]);
    expect(
      manager.luns().map(({ canonicalName, paths }) => [canonicalName, paths.map(({ name }) => name)]),
    ).toEqual([
      ["vmhba0:0:2", ["vmhba0:0:2", "vmhba0:1:2", "vmhba1:3:7"]],
      ["vmhba1:3:2", ["vmhba1:3:2"]],
    ]);
  });

  it("keeps the canonical name though its path is gone from later scans", async () => {
    const { hbas, manager } = house();
    hbas[0].add("vmhba0:0:1", lunOf("naa.1"));
    hbas[1].add("vmhba1:0:1", lunOf("naa.1"));
    await manager.rescan();
    hbas[0].found = [];
    await manager.rescan();
    expect(manager.luns()[0]?.canonicalName).toBe("vmhba0:0:1");
  });

  it("asks every HBA for the range that is configured", async () => {
    const { hbas, manager } = house({ lunNumbers: { first: 3, last: 9 } });
    await manager.rescan();
    expect(hbas.map(({ ranges }) => ranges)).toEqual([[{ first: 3, last: 9 }], [{ first: 3, last: 9 }]]);
  });

  it("finds added paths and LUNs, and adds none twice", async () => {
    const { hbas, manager } = house();
    hbas[0].add("vmhba0:0:1", lunOf("naa.1"));
    await manager.rescan();
    hbas[1].add("vmhba1:0:1", lunOf("naa.1"));
    hbas[1].add("vmhba1:0:2", lunOf("naa.2"));
    expect(await manager.rescan()).toMatchObject({
      addedPaths: ["vmhba1:0:1", "vmhba1:0:2"],
      addedLuns: ["naa.2"],
      grownLuns: [],
    });
    expect(await manager.rescan()).toMatchObject({ addedPaths: [], addedLuns: [] });
  });

  it("scans by itself at the set interval", async () => {
    const { hbas, manager, clock } = house({ rescanMs: 5000 });
    await manager.rescan();
    clock.advance(4999);
    expect(hbas[0].ranges).toHaveLength(1);
    clock.advance(1);
    await manager.rescan();
    expect(hbas[0].ranges).toHaveLength(3);
  });

  it("reports what could not be read, as an event too", async () => {
    const { hbas, manager, events } = house();
    hbas[0].problems = [{ where: "192.0.2.10:3260", code: "ISCSI_UNREACHABLE", message: "nobody answers" }];
    expect((await manager.rescan()).problems).toHaveLength(1);
    expect(events).toMatchObject([{ kind: "scan-problem", reason: "ISCSI_UNREACHABLE: nobody answers" }]);
  });

  it("refuses a path whose LUN differs in size or blocks from the one whose id it claims", async () => {
    const { hbas, manager, kinds } = house();
    hbas[0].add("vmhba0:0:1", lunOf("naa.1"));
    hbas[1].add("vmhba1:0:1", lunOf("naa.1", { capacityBytes: MIB }));
    hbas[1].add("vmhba1:1:1", lunOf("naa.1", { blockSizeBytes: 4096 }));
    await manager.rescan();
    expect(manager.paths().map(({ name }) => name)).toEqual(["vmhba0:0:1"]);
    expect(kinds().filter((kind) => kind === "path-refused")).toHaveLength(2);
  });

  it("takes a name away from the LUN that was behind it before", async () => {
    const { hbas, manager } = house();
    hbas[0].add("vmhba0:0:1", lunOf("naa.1"));
    await manager.rescan();
    hbas[0].found = [];
    hbas[0].add("vmhba0:0:1", lunOf("naa.2"));
    await manager.rescan();
    expect(manager.paths().map(({ name, lunId }) => [name, lunId])).toEqual([["vmhba0:0:1", "naa.2"]]);
  });
});

describe("masking", () => {
  it.each(["naa.1", "t10.naa.1", "vmhba1:0:1"])(
    "hides a LUN that is named %s, by every path",
    async (name) => {
      const { hbas, manager, served } = house({ mask: [name] });
      hbas[0].add("vmhba0:0:1", lunOf("naa.1"));
      hbas[1].add("vmhba1:0:1", lunOf("naa.1"));
      manager.addDisk({ name: "db-root", vm: 1, extents: [{ lun: "naa.1" }] });
      await manager.rescan();
      expect(manager.luns()).toMatchObject([{ masked: true }]);
      expect(manager.disks()).toMatchObject([{ state: "waiting" }]);
      expect(served.size).toBe(0);
    },
  );

  it("takes a served disk away at once, and gives it back", async () => {
    const { hbas, manager, served } = house();
    hbas[0].add("vmhba0:0:1", lunOf("naa.1"));
    manager.addDisk({ name: "db-root", vm: 1, extents: [{ lun: "naa.1" }] });
    await manager.rescan();
    expect([...served.keys()]).toEqual(["db-root"]);
    manager.setMasked("t10.naa.1", true);
    expect(served.size).toBe(0);
    manager.setMasked("vmhba0:0:1", false);
    expect([...served.keys()]).toEqual(["db-root"]);
    expect(() => manager.setMasked("naa.2", true)).toThrow(
      expect.objectContaining({ code: "LUN_UNKNOWN", message: expect.stringContaining("naa.1") }),
    );
  });

  it("is taken back whatever name the configuration gave", async () => {
    const { hbas, manager, served } = house({ mask: ["vmhba1:0:1", "t10.naa.1"] });
    hbas[0].add("vmhba0:0:1", lunOf("naa.1"));
    hbas[1].add("vmhba1:0:1", lunOf("naa.1"));
    manager.addDisk({ name: "db-root", vm: 1, extents: [{ lun: "naa.1" }] });
    await manager.rescan();
    expect(served.size).toBe(0);
    manager.setMasked("naa.1", false);
    await manager.rescan();
    expect([...served.keys()]).toEqual(["db-root"]);
  });
});

describe("paths by an administrator's word", () => {
  it("disables and enables by name, and names the known ones otherwise", async () => {
    const { hbas, manager } = house();
    hbas[0].add("vmhba0:0:1", lunOf("naa.1"));
    await manager.rescan();
    manager.setPathEnabled("vmhba0:0:1", false);
    expect(manager.paths()).toMatchObject([{ state: "disabled" }]);
    manager.setPathEnabled("vmhba0:0:1", true);
    expect(manager.paths()).toMatchObject([{ state: "active" }]);
    expect(() => manager.setPathEnabled("vmhba9:0:1", false)).toThrow(
      expect.objectContaining({ code: "PATH_UNKNOWN", message: expect.stringContaining("vmhba0:0:1") }),
    );
  });
});

describe("levels of service", () => {
  it("are kept for a LUN that is not known yet, under any of its names", async () => {
    const { hbas, manager } = house();
    expect(manager.setEntry(1, "vmhba0:0:1", { shares: 2000 })).toBe(false);
    expect(manager.setEntry(2, "naa.1", { shares: 500 })).toBe(false);
    hbas[0].add("vmhba0:0:1", lunOf("naa.1"));
    await manager.rescan();
    expect(manager.entry(1, "naa.1")?.shares).toBe(2000);
    expect(manager.entry(2, "naa.1")?.shares).toBe(500);
    expect(manager.setEntry(1, "t10.naa.1", { shares: 100 })).toBe(true);
    expect(manager.entry(1, "naa.1")?.shares).toBe(100);
  });
});
