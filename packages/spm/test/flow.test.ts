import { describe, expect, it } from "vitest";
import { house, lunOf, MIB, request } from "./house.js";

async function twoVms(queueDepth = 4, noPathQueueMs = 5000) {
  const made = house({ queueDepth, noPathQueueMs });
  const a = made.hbas[0].add("vmhba0:0:1", lunOf("naa.1"));
  const b = made.hbas[1].add("vmhba1:0:1", lunOf("naa.1"));
  made.manager.addDisk({ name: "db", vm: 1, extents: [{ lun: "naa.1", lengthBytes: 32 * MIB }] });
  made.manager.addDisk({ name: "web", vm: 2, extents: [{ lun: "naa.1", startBytes: 32 * MIB }] });
  await made.manager.rescan();
  const all = () => [...a.pending, ...b.pending];
  return { ...made, a, b, all, db: made.disk("db"), web: made.disk("web") };
}

describe("room", () => {
  it("sends as many commands as the LUN has room for, over all paths, and the next as each ends", async () => {
    const { db, a, b, all, manager } = await twoVms();
    for (let n = 0; n < 10; n++) db.submit(request("read", n * 4096, 4096).made);
    expect([a.pending.length, b.pending.length]).toEqual([2, 2]);
    expect(manager.luns()).toMatchObject([{ queuedCommands: 6, outstandingCommands: 4 }]);
    const [command] = a.pending;
    if (command !== undefined) a.complete(command);
    expect(all()).toHaveLength(4);
    expect(manager.luns()).toMatchObject([{ queuedCommands: 5, outstandingCommands: 4 }]);
  });

  it("is changed while commands wait, and stays what it was where the change is refused", async () => {
    const { db, all, manager } = await twoVms(2);
    for (let n = 0; n < 10; n++) db.submit(request("read", n * 4096, 4096).made);
    expect(all()).toHaveLength(2);
    manager.setQueueDepth(5);
    expect(all()).toHaveLength(5);
    manager.setQueueDepth(7, "naa.1");
    expect(all()).toHaveLength(7);
    for (const depth of [0, 2.5, Number.NaN]) {
      expect(() => manager.setQueueDepth(depth)).toThrow(expect.objectContaining({ code: "OPTION_INVALID" }));
    }
    expect(() => manager.setQueueDepth(9, "naa.9")).toThrow(expect.objectContaining({ code: "LUN_UNKNOWN" }));
    expect(all()).toHaveLength(7);
  });

  it("gives room by shares", async () => {
    const { db, web, a, b, manager } = await twoVms();
    manager.setEntry(1, "naa.1", { shares: 3000 });
    manager.setEntry(2, "naa.1", { shares: 1000 });
    const done = [0, 0, 0];
    for (let n = 0; n < 400; n++) {
      db.submit(request("read", ((n * 37) % 512) * 65536, 4096).made);
      web.submit(request("read", ((n * 41) % 512) * 61440, 4096).made);
    }
    for (let n = 0; n < 400; n++) {
      const adapter = a.pending.length >= b.pending.length ? a : b;
      const [command] = adapter.pending;
      if (command === undefined) throw new Error("nothing is outstanding");
      done[command.vm] = (done[command.vm] ?? 0) + 1;
      adapter.complete(command);
    }
    expect(done[1]).toBeGreaterThan(290);
    expect(done[1]).toBeLessThan(310);
  });
});

describe("failures", () => {
  it("hide the loss of a path from the guest", async () => {
    const { db, a, b } = await twoVms();
    const reads = Array.from({ length: 4 }, (_, n) => request("read", n * 4096, 4096));
    for (const { made } of reads) db.submit(made);
    a.fail();
    expect(b.pending).toHaveLength(4);
    for (const command of [...b.pending]) b.complete(command);
    expect(reads.flatMap(({ outcomes }) => outcomes)).toEqual(["good", "good", "good", "good"]);
  });

  it("keep everything while no path is left, fail it after the set time, and serve again when one returns", async () => {
    const { db, a, b, clock, all } = await twoVms();
    const reads = Array.from({ length: 10 }, (_, n) => request("read", n * 4096, 4096));
    for (const { made } of reads) db.submit(made);
    a.fail();
    b.fail();
    expect(all()).toEqual([]);
    clock.advance(4999);
    expect(reads.flatMap(({ outcomes }) => outcomes)).toEqual([]);
    clock.advance(1);
    expect(reads.flatMap(({ outcomes }) => outcomes)).toEqual(new Array(10).fill("no-path"));
    const late = request("read", 0, 4096);
    db.submit(late.made);
    expect(late.outcomes).toEqual(["no-path"]);
    b.restore();
    const after = request("read", 0, 4096);
    db.submit(after.made);
    const [command] = b.pending;
    if (command !== undefined) b.complete(command);
    expect(after.outcomes).toEqual(["good"]);
  });

  it("let what is queued go on as soon as a path returns", async () => {
    const { db, a, b, all } = await twoVms();
    a.fail();
    b.fail();
    for (let n = 0; n < 10; n++) db.submit(request("read", n * 4096, 4096).made);
    a.restore();
    expect(all()).toHaveLength(2); // Half of the capacity, half of the room.
    b.restore();
    expect(all()).toHaveLength(4);
  });
});

describe("a client that goes away", () => {
  it("takes its unsent requests with it; what was sent ends by itself", async () => {
    const { db, web, a, b, all } = await twoVms(2);
    const sent = request("write", 0, 4096);
    const held = request("write", 0, 4096);
    const other = request("read", 8192, 4096);
    const queued = request("read", 4096, 4096);
    for (const { made } of [sent, held, other, queued]) db.submit(made);
    const neighbour = request("read", 0, 4096);
    web.submit(neighbour.made);
    for (const { made } of [sent, held, queued]) db.cancel(made);
    expect(held.outcomes).toEqual(["cancelled"]);
    expect(queued.outcomes).toEqual(["cancelled"]);
    expect(sent.outcomes).toEqual([]);
    while (all().length > 0) {
      for (const adapter of [a, b]) for (const command of [...adapter.pending]) adapter.complete(command);
    }
    expect([sent, other, neighbour].flatMap(({ outcomes }) => outcomes)).toEqual(["good", "good", "good"]);
  });

  it("leaves no write behind that could pass a later one of its successor", async () => {
    const { db, a, b } = await twoVms();
    const old = request("write", 0, 4096);
    db.submit(old.made);
    db.cancel(old.made);
    const again = request("write", 0, 4096);
    const newer = request("write", 0, 4096);
    db.submit(again.made);
    db.submit(newer.made);
    for (const { outcomes } of [old, again, newer]) {
      expect(a.pending.length + b.pending.length).toBe(1);
      const adapter = a.pending.length > 0 ? a : b;
      for (const command of [...adapter.pending]) adapter.complete(command);
      expect(outcomes).toEqual(["good"]);
    }
  });
});

describe("after a predecessor that did not end cleanly", () => {
  it("writes wait until every HBA has ended its sessions and the LUN was reset; reads don't", async () => {
    const { hbas, manager, disk } = house({ recovering: true });
    const a = hbas[0].add("vmhba0:0:1", lunOf("naa.1"));
    hbas[1].settled = false;
    manager.addDisk({ name: "db", vm: 1, extents: [{ lun: "naa.1" }] });
    await manager.rescan();
    const [write, read] = [request("write", 0, 512), request("read", 0, 512)];
    disk("db").submit(write.made);
    disk("db").submit(read.made);
    expect(a.pending.map(({ op }) => op)).toEqual(["read"]);
    for (const command of [...a.pending]) a.complete(command);
    hbas[1].problems = [{ where: "192.0.2.11:3260", code: "ISCSI_LOGIN_TIMEOUT", message: "silence" }];
    hbas[1].settled = true;
    await manager.rescan();
    expect(a.pending).toEqual([]);
    a.resets[0]?.(true);
    expect(a.pending.map(({ op }) => op)).toEqual(["write"]);
  });

  it("is not over for the next one where this one ends before", async () => {
    const { hbas, manager, clock } = house({ recovering: true, quiesceMs: 1000 });
    hbas[1].settled = false;
    await manager.rescan();
    expect(await manager.close(0)).toBe(false);
    clock.advance(1000);
    expect(await manager.close(0)).toBe(true);
  });

  it.each(["once every HBA has ended its sessions", "once the quiesce time has passed"])(
    "a LUN that is found %s is free",
    async (when) => {
      const { hbas, manager, disk, clock } = house({ recovering: true, quiesceMs: 1000 });
      if (when.includes("quiesce")) {
        hbas[1].settled = false;
        clock.advance(1000);
      }
      await manager.rescan();
      const a = hbas[0].add("vmhba0:0:1", lunOf("naa.1"));
      manager.addDisk({ name: "db", vm: 1, extents: [{ lun: "naa.1" }] });
      await manager.rescan();
      disk("db").submit(request("write", 0, 512).made);
      expect(a.pending).toHaveLength(1);
    },
  );
});

describe("closing", () => {
  it("waits for what is outstanding, then closes the HBAs", async () => {
    const { db, a, b, hbas, manager, clock } = await twoVms();
    const read = request("read", 0, 4096);
    db.submit(read.made);
    const closing = manager.close(10_000);
    clock.advance(1000);
    expect(hbas[0].closed).toBe(false);
    for (const adapter of [a, b]) for (const command of [...adapter.pending]) adapter.complete(command);
    clock.advance(20);
    expect(await closing).toBe(true);
    expect(hbas.map(({ closed }) => closed)).toEqual([true, true]);
    expect(read.outcomes).toEqual(["good"]);
  });

  it("does not wait longer than it may, and takes no request afterwards", async () => {
    const { db, hbas, manager, clock } = await twoVms();
    const reads = Array.from({ length: 10 }, (_, n) => request("read", n * 4096, 4096));
    for (const { made } of reads) db.submit(made);
    const closing = manager.close(10_000);
    clock.advance(10_020);
    expect(await closing).toBe(false);
    expect(reads.flatMap(({ outcomes }) => outcomes)).toEqual(new Array(6).fill("no-path")); // The HBA ends the other four.
    expect(hbas[0].closed).toBe(true);
    const late = request("read", 0, 4096);
    db.submit(late.made);
    expect(late.outcomes).toEqual(["cancelled"]);
  });
});
