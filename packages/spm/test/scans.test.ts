import { describe, expect, it } from "vitest";
import { house, lunOf } from "./house.js";

/** Seconds pass, and scans that have begun end. */
async function pass(clock: { advance(ms: number): void }, seconds: number): Promise<void> {
  for (let second = 0; second < seconds; second++) {
    clock.advance(1000);
    await new Promise(setImmediate);
  }
}

describe("the schedule of scans", () => {
  it("is tighter while a path is failed, up to 20 s, and as set again once it is back", async () => {
    const { hbas, manager, clock } = house({ rescanMs: 60_000 });
    const adapter = hbas[0].add("vmhba0:0:1", lunOf("naa.1"));
    await manager.rescan();
    adapter.fail("in-doubt", "lun-gone");
    await manager.rescan();
    await pass(clock, 55);
    expect(hbas[0].scansAtMs).toEqual([0, 0, 2000, 6000, 14_000, 30_000, 50_000]);
    adapter.restore();
    await pass(clock, 100);
    expect(hbas[0].scansAtMs.slice(7)).toEqual([70_000, 130_000]);
  });

  it.each(["a portal does not answer", "a disk waits for its LUN"])("is tighter while %s", async (what) => {
    const { hbas, manager, clock } = house({ rescanMs: 60_000 });
    if (what.startsWith("a portal")) {
      hbas[0].problems = [{ where: "192.0.2.10:3260", code: "ISCSI_UNREACHABLE", message: "nobody answers" }];
    } else {
      manager.addDisk({ name: "db", vm: 1, extents: [{ lun: "naa.1" }] });
    }
    await manager.rescan();
    await pass(clock, 6);
    expect(hbas[0].scansAtMs).toEqual([0, 2000, 6000]);
  });

  it("ends with the manager", async () => {
    const { hbas, manager, clock } = house({ rescanMs: 1000 });
    await manager.rescan();
    await manager.close(0);
    await pass(clock, 5);
    expect(hbas[0].scansAtMs).toEqual([0]);
  });
});

describe("a driver that throws", () => {
  it("is a problem of its own HBA", async () => {
    const { hbas, manager, served } = house();
    hbas[0].scan = () => Promise.reject(new Error("broken"));
    hbas[1].add("vmhba1:0:1", lunOf("naa.1"));
    manager.addDisk({ name: "db", vm: 1, extents: [{ lun: "naa.1" }] });
    const { problems } = await manager.rescan();
    expect(problems).toEqual([{ where: "vmhba0", code: "HBA_SCAN_FAILED", message: "broken" }]);
    expect([...served.keys()]).toEqual(["db"]);
  });
});

describe("a problem of a scan", () => {
  it("is told once, and again when it has changed or had gone", async () => {
    const { hbas, manager, kinds } = house();
    const told = async (message: string | undefined): Promise<number> => {
      const before = kinds().length;
      hbas[0].problems =
        message === undefined ? [] : [{ where: "portal", code: "ISCSI_UNREACHABLE", message }];
      await manager.rescan();
      return kinds().length - before;
    };
    expect([
      await told("a"),
      await told("a"),
      await told("b"),
      await told(undefined),
      await told("b"),
    ]).toEqual([1, 0, 1, 0, 1]);
  });
});

describe("what befalls a whole device", () => {
  const lost = (device: string, numbers: number, code = "ISCSI_CLOSED") =>
    Array.from({ length: numbers }, (_, n) => ({
      where: `${device}:${n}`,
      code,
      message: `the connection ended at ${n}`,
    }));

  it("is one problem per device and code, not one per LUN number", async () => {
    const { hbas, manager, events } = house();
    hbas[0].problems = [
      ...lost("vmhba0:0", 242),
      ...lost("vmhba0:1", 1),
      ...lost("vmhba0:0", 7, "ISCSI_TIMEOUT"),
      { where: "portal 192.0.2.10:3260", code: "ISCSI_UNREACHABLE", message: "nobody answers" },
      { where: "portal 192.0.2.11:3260", code: "ISCSI_UNREACHABLE", message: "nobody answers" },
    ];
    hbas[1].problems = lost("vmhba1:0", 9);
    const { problems } = await manager.rescan();
    expect(problems.map(({ where, code }) => `${where} ${code}`)).toEqual([
      "vmhba0:0 ISCSI_CLOSED",
      "vmhba0:1:0 ISCSI_CLOSED",
      "vmhba0:0 ISCSI_TIMEOUT",
      "portal 192.0.2.10:3260 ISCSI_UNREACHABLE",
      "portal 192.0.2.11:3260 ISCSI_UNREACHABLE",
      "vmhba1:0 ISCSI_CLOSED",
    ]);
    const told = () => events.filter(({ kind }) => kind === "scan-problem");
    expect(told()).toHaveLength(6);
    expect(told()[0]).toMatchObject({
      subject: "vmhba0:0",
      reason: "ISCSI_CLOSED: the connection ended at 0",
    });
    await manager.rescan();
    expect(told()).toHaveLength(6);
  });
});
