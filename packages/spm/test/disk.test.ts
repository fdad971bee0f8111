import { FairleadError } from "@fairlead/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { house, lunOf, MIB, request } from "./house.js";

async function joined() {
  const made = house();
  const a = made.hbas[0].add("vmhba0:0:1", lunOf("naa.1"));
  const b = made.hbas[1].add("vmhba1:0:2", lunOf("naa.2", { maxTransferBytes: 64 * 1024 }));
  made.manager.addDisk({
    name: "db-data",
    vm: 1,
    extents: [
      { lun: "naa.1", startBytes: 8 * MIB, lengthBytes: 4 * MIB },
      { lun: "naa.2", startBytes: MIB, lengthBytes: 2 * MIB },
    ],
  });
  await made.manager.rescan();
  return { ...made, a, b, db: made.disk("db-data") };
}

describe("a virtual disk", () => {
  it("joins its extents and maps each byte to its place", async () => {
    const { db, a, b } = await joined();
    expect(db.sizeBytes).toBe(6 * MIB);
    const { made, outcomes } = request("write", 4 * MIB - 4096, 128 * 1024);
    made.data.fill(1, 0, 4096).fill(2, 4096);
    db.submit(made);
    expect(a.pending).toMatchObject([{ vm: 1, offsetBytes: 12 * MIB - 4096, lengthBytes: 4096 }]);
    expect(b.pending.map(({ offsetBytes, lengthBytes }) => [offsetBytes, lengthBytes])).toEqual([
      [MIB, 64 * 1024],
      [MIB + 64 * 1024, 60 * 1024],
    ]);
    expect(a.pending[0]?.data.every((byte) => byte === 1)).toBe(true);
    expect(b.pending[0]?.data.every((byte) => byte === 2)).toBe(true);
    for (const adapter of [a, b]) {
      expect(outcomes).toEqual([]);
      for (const command of [...adapter.pending]) adapter.complete(command);
    }
    expect(outcomes).toEqual(["good"]);
  });

  it("answers with the first error, once all parts have ended", async () => {
    const { db, a, b } = await joined();
    const { made, outcomes } = request("read", 4 * MIB - 4096, 8192);
    db.submit(made);
    const [first, second] = [a.pending[0], b.pending[0]];
    if (first === undefined || second === undefined) throw new Error("not mapped to both LUNs");
    b.complete(second, "medium-error");
    expect(outcomes).toEqual([]);
    a.complete(first, "target-error");
    expect(outcomes).toEqual(["medium-error"]);
  });

  it("flushes each LUN once", async () => {
    const { db, a, b } = await joined();
    db.submit(request("flush").made);
    expect([...a.pending, ...b.pending].map(({ op, lengthBytes }) => [op, lengthBytes])).toEqual([
      ["flush", 0],
      ["flush", 0],
    ]);
  });

  it("answers a flush at once where no LUN has a cache", async () => {
    const { hbas, manager, disk } = house();
    const a = hbas[0].add("vmhba0:0:1", lunOf("naa.1", { writeCache: false }));
    manager.addDisk({ name: "web-root", vm: 2, extents: [{ lun: "naa.1" }] });
    await manager.rescan();
    const { made, outcomes } = request("flush");
    disk("web-root").submit(made);
    expect(outcomes).toEqual(["good"]);
    expect(a.pending).toEqual([]);
  });

  it("passes FUA on, and flushes after the write where the LUN does not know it", async () => {
    const { hbas, manager, disk } = house();
    const a = hbas[0].add("vmhba0:0:1", lunOf("naa.1", { fua: false }));
    const b = hbas[0].add("vmhba0:0:2", lunOf("naa.2"));
    manager.addDisk({ name: "one", vm: 1, extents: [{ lun: "naa.1" }] });
    manager.addDisk({ name: "two", vm: 1, extents: [{ lun: "naa.2" }] });
    await manager.rescan();
    const [one, two] = [request("write", 0, 4096, true), request("write", 0, 4096, true)];
    disk("one").submit(one.made);
    disk("two").submit(two.made);
    const [write, fuaWrite] = [a.pending[0], b.pending[0]];
    if (write === undefined || fuaWrite === undefined) throw new Error("not sent");
    expect([write.fua, fuaWrite.fua]).toEqual([false, true]);
    b.complete(fuaWrite);
    expect(two.outcomes).toEqual(["good"]);
    a.complete(write);
    expect(one.outcomes).toEqual([]);
    const [flush] = a.pending;
    if (flush === undefined) throw new Error("no flush");
    expect(flush.op).toBe("flush");
    a.complete(flush);
    expect(one.outcomes).toEqual(["good"]);
  });

  it.each([
    ["beyond the end", 6 * MIB, 512],
    ["across the end", 6 * MIB - 512, 1024],
    ["before the start", -512, 512],
    ["with an offset beyond 2^53", 2 ** 63, 512],
    ["of negative length", 0, -512],
    ["at an odd offset", 100, 512],
    ["of an odd length", 0, 100],
    ["of no number", Number.NaN, 512],
  ])("refuses a request %s", async (_, offsetBytes, lengthBytes) => {
    const { db, a, b } = await joined();
    const { made, outcomes } = request("read", offsetBytes, 0);
    made.lengthBytes = lengthBytes;
    made.data = new Uint8Array(Math.max(0, lengthBytes));
    db.submit(made);
    expect(outcomes).toEqual(["invalid"]);
    expect([...a.pending, ...b.pending]).toEqual([]);
  });

  it("refuses to write where it is read-only", async () => {
    const { hbas, manager, disk } = house();
    hbas[0].add("vmhba0:0:1", lunOf("naa.1"));
    manager.addDisk({ name: "iso", vm: 1, readOnly: true, extents: [{ lun: "naa.1" }] });
    await manager.rescan();
    const { made, outcomes } = request("write", 0, 512);
    disk("iso").submit(made);
    expect(outcomes).toEqual(["write-protected"]);
  });

  it("never reaches a byte outside its extents, and reaches each byte of a request once", async () => {
    const { db, a, b } = await joined();
    const property = fc.property(fc.nat(6 * 2048 - 1), fc.integer({ min: 1, max: 4096 }), (block, blocks) => {
      const lengthBytes = Math.min(blocks, 6 * 2048 - block) * 512;
      const { made, outcomes } = request("read", block * 512, lengthBytes);
      db.submit(made);
      let reached = 0;
      // More parts than the LUN has room for come as the earlier ones end.
      while (a.pending.length + b.pending.length > 0) {
        for (const [adapter, from, to] of [
          [a, 8 * MIB, 12 * MIB],
          [b, MIB, 3 * MIB],
        ] as const) {
          for (const command of [...adapter.pending]) {
            expect(command.offsetBytes).toBeGreaterThanOrEqual(from);
            expect(command.offsetBytes + command.lengthBytes).toBeLessThanOrEqual(to);
            command.data.forEach((byte, index) => {
              command.data[index] = byte + 1;
            });
            reached += command.lengthBytes;
            adapter.complete(command);
          }
        }
      }
      expect(reached).toBe(lengthBytes);
      expect(outcomes).toEqual(["good"]);
      return made.data.every((byte) => byte === 1);
    });
    fc.assert(property, { numRuns: 60, seed: 1 });
  });
});

describe("a request that is cancelled", () => {
  it("loses its parts that were not sent, whatever order they are in", async () => {
    const { db, a, b } = await joined();
    const { made, outcomes } = request("read", 0, 6 * MIB);
    db.submit(made);
    expect(b.pending.length).toBeGreaterThan(30);
    b.complete(b.pending[5] ?? made.firstCommand ?? fail());
    const sent = [...a.pending, ...b.pending];
    db.cancel(made);
    expect([...a.pending, ...b.pending]).toEqual(sent);
    for (const adapter of [a, b]) for (const command of [...adapter.pending]) adapter.complete(command);
    expect(outcomes).toHaveLength(1);
    expect(made.firstCommand).toBeNull();
  });
});

function fail(): never {
  throw new Error("nothing was sent");
}

describe("allocation", () => {
  it.each([
    ["the same range", [{ lun: "naa.1", startBytes: 0, lengthBytes: MIB }]],
    [
      "one block of it, by another name of the LUN",
      [{ lun: "t10.naa.1", startBytes: MIB - 512, lengthBytes: 1024 }],
    ],
    ["the whole LUN, by a path to it", [{ lun: "vmhba0:0:1" }]],
  ])("refuses %s to a second disk, and names both", async (_, extents) => {
    const { hbas, manager } = house();
    hbas[0].add("vmhba0:0:1", lunOf("naa.1"));
    await manager.rescan();
    manager.addDisk({ name: "db-root", vm: 1, extents: [{ lun: "naa.1", startBytes: 0, lengthBytes: MIB }] });
    expect(() => manager.addDisk({ name: "web-root", vm: 2, extents })).toThrow(
      expect.objectContaining({ code: "DISK_OVERLAP", message: expect.stringMatching(/web-root.*db-root/) }),
    );
    expect(manager.disks()).toHaveLength(1);
  });

  it("refuses a disk that overlaps itself, or leaves its LUN", async () => {
    const { hbas, manager } = house();
    hbas[0].add("vmhba0:0:1", lunOf("naa.1"));
    await manager.rescan();
    const twice = { lun: "naa.1", startBytes: 0, lengthBytes: MIB };
    const code = (expected: string) => expect.objectContaining({ code: expected });
    expect(() => manager.addDisk({ name: "a", vm: 1, extents: [twice, twice] })).toThrow(
      code("DISK_OVERLAP"),
    );
    const outside = [
      { lun: "naa.1", startBytes: 63 * MIB, lengthBytes: 2 * MIB },
      { lun: "naa.1", startBytes: 64 * MIB },
      { lun: "naa.1", startBytes: 100, lengthBytes: 512 },
      { lun: "naa.1", startBytes: -512 },
      { lun: "naa.1", lengthBytes: 0 },
      { lun: "naa.1", startBytes: 2 ** 60 },
    ];
    for (const extent of outside) {
      expect(() => manager.addDisk({ name: "a", vm: 1, extents: [extent] })).toThrow(
        code("DISK_RANGE_INVALID"),
      );
    }
    expect(() => manager.addDisk({ name: "a", vm: 1, extents: [] })).toThrow(code("DISK_RANGE_INVALID"));
  });

  it("refuses two disks of one name, and to remove one that is not there", async () => {
    const { manager } = house();
    manager.addDisk({ name: "a", vm: 1, extents: [{ lun: "naa.1" }] });
    expect(() => manager.addDisk({ name: "a", vm: 1, extents: [{ lun: "naa.2" }] })).toThrow(FairleadError);
    expect(() => manager.removeDisk("b")).toThrow(expect.objectContaining({ code: "DISK_UNKNOWN" }));
  });

  it("serves a disk once all of its LUNs are there", async () => {
    const { hbas, manager, served } = house();
    hbas[0].add("vmhba0:0:1", lunOf("naa.1"));
    await manager.rescan();
    manager.addDisk({ name: "db-data", vm: 1, extents: [{ lun: "naa.1" }, { lun: "naa.2" }] });
    expect(manager.disks()).toMatchObject([{ state: "waiting", reason: expect.stringContaining("naa.2") }]);
    hbas[1].add("vmhba1:0:1", lunOf("naa.2"));
    await manager.rescan();
    expect([...served.keys()]).toEqual(["db-data"]);
  });

  it("says what it waits for and what there is, once, and not before a scan", async () => {
    const { hbas, manager, events } = house();
    manager.addDisk({ name: "db", vm: 1, extents: [{ lun: "naa.typo" }] });
    expect(events).toEqual([]);
    hbas[0].add("vmhba0:0:1", lunOf("naa.1"));
    await manager.rescan();
    await manager.rescan();
    const told = events.filter(({ kind }) => kind === "disk-waiting");
    expect(told.map(({ reason }) => reason)).toEqual([
      "waits for naa.typo; LUNs that can be used: naa.1 (vmhba0:0:1)",
    ]);
  });

  it("says why a disk is refused that turns out to overlap", async () => {
    const { hbas, manager, served } = house();
    manager.addDisk({ name: "a", vm: 1, extents: [{ lun: "naa.1" }] });
    manager.addDisk({ name: "b", vm: 2, extents: [{ lun: "vmhba0:0:1" }] });
    hbas[0].add("vmhba0:0:1", lunOf("naa.1"));
    await manager.rescan();
    expect([...served.keys()]).toEqual(["a"]);
    expect(manager.disks()[1]).toMatchObject({
      state: "refused",
      reason: expect.stringContaining("DISK_OVERLAP"),
    });
  });

  it("lets a disk that reaches to the end of its LUN grow with it, and no other", async () => {
    const { hbas, manager, disk } = house();
    hbas[0].add("vmhba0:0:1", lunOf("naa.1"));
    manager.addDisk({ name: "head", vm: 1, extents: [{ lun: "naa.1", lengthBytes: MIB }] });
    manager.addDisk({ name: "rest", vm: 1, extents: [{ lun: "naa.1", startBytes: MIB }] });
    await manager.rescan();
    const [path] = hbas[0].found;
    if (path !== undefined) hbas[0].found = [{ ...path, lun: lunOf("naa.1", { capacityBytes: 128 * MIB }) }];
    expect((await manager.rescan()).grownLuns).toEqual(["naa.1"]);
    expect([disk("head").sizeBytes, disk("rest").sizeBytes]).toEqual([MIB, 127 * MIB]);
  });
});
