import { readFile } from "node:fs/promises";
import { hbaSuite } from "@fairlead/compliance";
import type { Outcome } from "@fairlead/core";
import { PortalProxy, peers, Scope, seededBytes, Tgtd, until, untilSessions } from "@fairlead/testing";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { freePort } from "./free-port.js";
import { ALL, Client, Host, makeCommand } from "./harness.js";

const port = await freePort();
const DIRECT = `127.0.0.1:${port}`;
const OTHER = `127.0.0.2:${port}`;
const RELAYED = `127.0.0.1:${await freePort()}`;
const SILENT = `127.0.0.1:${await freePort()}`;
const MIB = 1024 * 1024;
const SIZE = 16 * MIB;

const there = peers("tgtd", "tgtadm");

describe.skipIf(!there)("tgtd", () => {
  const shared = new Scope();
  let scope: Scope;
  let target: Tgtd;
  let proxy: PortalProxy;

  beforeAll(async () => {
    target = await Tgtd.start(shared, {
      portals: [DIRECT, OTHER],
      luns: [
        { number: 1, sizeBytes: SIZE },
        { number: 2, sizeBytes: 2 * SIZE },
      ],
    });
    proxy = await PortalProxy.start(shared, RELAYED, DIRECT);
  });
  afterAll(() => shared.close());
  beforeEach(() => {
    scope = new Scope();
  });
  afterEach(async () => {
    proxy.release();
    await scope.close();
    await untilSessions(target, 0);
  });

  hbaSuite({ describe, it }, async () => {
    const host = new Host(scope);
    return {
      hba: host.driver.hba({ name: "vmhba3", portals: [RELAYED, OTHER] }),
      range: ALL,
      cleanup: () => {},
      breakPath() {
        proxy.refuse();
        proxy.reset();
      },
      restorePath: () => proxy.listen(),
    };
  });

  describe("scan", () => {
    it("finds the disks behind each portal, and leaves the controller out", async () => {
      const host = new Host(scope);
      const { paths, problems } = await host.hba([OTHER, DIRECT]).scan(ALL);
      expect(problems).toEqual([]);
      expect(paths.map(({ adapter }) => adapter.id)).toEqual([
        "vmhba0:0:1",
        "vmhba0:0:2",
        "vmhba0:1:1",
        "vmhba0:1:2",
      ]);
      expect(paths[2]?.adapter.components).toEqual([
        "hba:vmhba0",
        `portal:${DIRECT}`,
        `group:${target.iqn},1`,
      ]);
      expect(paths[3]?.lun).toMatchObject({
        id: target.lunId(2),
        capacityBytes: 2 * SIZE,
        blockSizeBytes: 512,
        maxTransferBytes: MIB,
        writeCache: true,
        fua: true,
        readOnly: false,
        vendor: "FAIRLEAD",
        product: "TESTDISK",
      });
    });

    it("names what does not answer, and finds the rest", async () => {
      const host = new Host(scope);
      const { paths, problems } = await host.hba([SILENT, DIRECT]).scan({ first: 2, last: 9 });
      expect(paths.map(({ adapter }) => adapter.id)).toEqual(["vmhba0:0:2"]);
      expect(problems).toMatchObject([{ where: `portal ${SILENT}`, code: "ISCSI_UNREACHABLE" }]);
    });

    it("uses the targets that it is told to", async () => {
      const host = new Host(scope);
      const { paths, problems } = await host
        .hba([DIRECT], { targets: ["iqn.2026-11.test.fairlead:other"] })
        .scan(ALL);
      expect([paths, problems]).toEqual([[], []]);
    });

    it("shows new LUNs, and those that are gone, without touching the others", async () => {
      const host = new Host(scope);
      const hba = host.hba([DIRECT]);
      const first = await hba.scan(ALL);
      const clients = first.paths.map(({ adapter }) => new Client(adapter));
      await target.addLun({ number: 3, sizeBytes: SIZE });
      const second = await hba.scan(ALL);
      expect(second.paths.map(({ adapter }) => adapter.id)).toEqual([
        "vmhba0:0:1",
        "vmhba0:0:2",
        "vmhba0:0:3",
      ]);
      expect(second.paths[0]?.adapter).toBe(first.paths[0]?.adapter);
      const added = new Client(second.paths[2]!.adapter);
      await target.removeLun(3);
      const third = await hba.scan(ALL);
      expect(third.paths.map(({ adapter }) => adapter.id)).toEqual(["vmhba0:0:1", "vmhba0:0:2"]);
      expect(added.log).toEqual(["path-failed lun-gone"]);
      expect(clients.map(({ log }) => log)).toEqual([[], []]);
    });
  });

  describe("data", () => {
    it("of any length arrives where it belongs, 32 commands at a time", async () => {
      const host = new Host(scope);
      const client = await host.path(host.hba([DIRECT]));
      const lengths = [512, 1024, 1536, 4096, 7680, 8192, 8704, 16384, 16896, 32768, 65536, 66048, 100_352];
      lengths.push(131_072, 262_144, 262_656, 524_288, 1_000_448, MIB, 3 * MIB, 4 * MIB);
      const expected = Buffer.alloc(SIZE);
      const commands = [];
      let offset = 512;
      for (let index = 0; offset < SIZE - 512; index++) {
        const length = Math.min(lengths[index % lengths.length]!, SIZE - 512 - offset);
        const data = seededBytes(index, length);
        expected.set(data, offset);
        commands.push(makeCommand("write", offset, data, index % 5 === 0));
        offset += length;
      }
      expect(await inParallel(client, commands)).toEqual(new Set(["good"]));
      expect(await client.run("flush")).toBe("good");
      const stored = await readFile(target.fileOf(1));
      expect(stored.subarray(512, offset).equals(expected.subarray(512, offset))).toBe(true);
      const reads = commands.map(({ offsetBytes, lengthBytes }) =>
        makeCommand("read", offsetBytes, new Uint8Array(lengthBytes).fill(0xee)),
      );
      expect(await inParallel(client, reads)).toEqual(new Set(["good"]));
      for (const [index, read] of reads.entries()) {
        if (Buffer.compare(read.data, commands[index]!.data) !== 0)
          expect(read.offsetBytes).toBe("the same data");
      }
      expect(client.notices).toEqual([]);
    });

    it("is sent before the target's answer, however slow the network takes it", async () => {
      const host = new Host(scope);
      const client = await host.path(host.hba([RELAYED]));
      proxy.hold({ direction: "to-target" });
      const data = seededBytes(7, 4 * MIB);
      const writes = [0, 4, 8].map((at) => client.run("write", at * MIB, data));
      const read = client.run("read", 12 * MIB, new Uint8Array(512));
      await until("bytes to be held", () => proxy.heldBytes() > 0);
      proxy.release();
      expect(await Promise.all([...writes, read])).toEqual(["good", "good", "good", "good"]);
      expect(Buffer.from(await client.read(8 * MIB, 4 * MIB)).equals(data)).toBe(true);
    });
  });

  describe("a session that fails", () => {
    it("in the middle of writes is fenced by its own login, and goes on", async () => {
      const host = new Host(scope);
      const client = await host.path(host.hba([DIRECT]));
      const data = seededBytes(3, MIB);
      const writes = Array.from({ length: 16 }, (_, index) => client.run("write", index * MIB, data));
      expect(await target.deleteConnections()).toBe(1);
      const outcomes = await Promise.all(writes);
      expect(outcomes.some((outcome) => outcome === "in-doubt")).toBe(true);
      expect(await client.fence()).toBe("fenced");
      if (!client.adapter.up) await client.next("path-restored");
      const failure = client.log.indexOf("path-failed connection-lost");
      expect(client.log.slice(0, failure).every((entry) => entry === "write good")).toBe(true);
      expect(client.log.slice(failure + 1).filter((entry) => entry === "write good")).toEqual([]);
      expect(await client.run("write", 0, data)).toBe("good");
      expect(await target.connections()).toHaveLength(1);
      expect(host.kinds()).toEqual(["session-failed", "session-fenced", "session-restored"]);
    });

    it("is fenced through another portal of its group, and its late bytes do nothing", async () => {
      const host = new Host(scope, { pingAfterMs: 100, pingTimeoutMs: 200 });
      const held = await host.path(host.hba([RELAYED]));
      const other = await host.path(host.hba([OTHER], { name: "vmhba1" }));
      const old = new Uint8Array(4096).fill(1);
      const newer = new Uint8Array(4096).fill(2);
      expect(await other.run("write", 0, old)).toBe("good");
      proxy.hold();
      expect(await held.run("write", 0, old)).toBe("in-doubt");
      expect(held.log).toEqual(["path-failed keepalive-timeout", "write in-doubt"]);
      const startMs = performance.now();
      expect(await held.fence()).toBe("fenced");
      expect(performance.now() - startMs).toBeLessThan(2000);
      expect(await other.resetLun()).toBe(true);
      expect(await other.run("write", 0, old)).toBe("good");
      expect(await other.run("write", 0, newer)).toBe("good");
      const heldBytes = proxy.heldBytes("to-target");
      expect(heldBytes).toBeGreaterThan(4096);
      proxy.release();
      await held.next("path-restored");
      expect(Buffer.from(await held.read(0, 4096)).equals(newer)).toBe(true);
      expect(Buffer.from(await other.read(0, 4096)).equals(newer)).toBe(true);
      expect(other.notices).toEqual([]);
      await untilSessions(target, 2);
    });

    it("is fenced at once through another portal where its own refuses", async () => {
      const host = new Host(scope);
      const own = await host.path(host.hba([RELAYED]));
      const other = await host.path(host.hba([OTHER], { name: "vmhba1" }));
      proxy.refuse();
      proxy.reset();
      await own.next("path-failed");
      expect(await own.fence()).toBe("fenced");
      expect(host.events.find(({ kind }) => kind === "session-fenced")?.inputs).toMatchObject({
        portal: OTHER,
      });
      expect(own.adapter.up).toBe(false);
      await proxy.listen();
      await own.next("path-restored");
      expect(await own.fence()).toBe("fenced");
      expect(await own.run("flush")).toBe("good");
      expect(other.notices).toEqual([]);
      await untilSessions(target, 2);
    });

    it("has no fence while no portal of its group answers, and the HBA's end says so", async () => {
      const host = new Host(scope);
      const hba = host.hba([RELAYED]);
      const client = await host.path(hba);
      proxy.refuse();
      proxy.reset();
      await client.next("path-failed");
      const fence = client.fence();
      expect(await client.run("write", 0, new Uint8Array(512))).toBe("not-sent");
      await hba.close();
      expect(await fence).toBe("unfenceable");
      await proxy.listen();
    });
  });

  it("that stands still is noticed within the ping's time-out, and taken back when it goes on", async () => {
    const host = new Host(scope, { pingAfterMs: 100, pingTimeoutMs: 200 });
    const client = await host.path(host.hba([DIRECT]));
    const startMs = performance.now();
    target.pause();
    try {
      expect(await client.run("write", 0, new Uint8Array(512))).toBe("in-doubt");
      expect(performance.now() - startMs).toBeLessThan(2000);
      expect(client.log).toEqual(["path-failed keepalive-timeout", "write in-doubt"]);
    } finally {
      target.resume();
    }
    await client.next("path-restored");
    expect(await client.run("write", 0, new Uint8Array(512))).toBe("good");
  });

  it("that stands still is noticed without a command, too", async () => {
    const host = new Host(scope, { idlePingAfterMs: 100, pingTimeoutMs: 200 });
    const client = await host.path(host.hba([DIRECT]));
    target.pause();
    try {
      await client.next("path-failed");
      expect(client.log).toEqual(["path-failed keepalive-timeout"]);
    } finally {
      target.resume();
    }
    await client.next("path-restored");
  });

  describe("LUN RESET", () => {
    it("ends what is outstanding, over this path and over others", async () => {
      const host = new Host(scope);
      const first = await host.path(host.hba([DIRECT]));
      const second = await host.path(host.hba([OTHER], { name: "vmhba1" }));
      const data = seededBytes(1, MIB);
      const writes = [first, second].flatMap((client) =>
        Array.from({ length: 8 }, (_, index) => client.run("write", index * MIB, data)),
      );
      const done: Outcome[] = [];
      for (const write of writes) void write.then((outcome) => done.push(outcome));
      expect(await first.resetLun()).toBe(true);
      const outcomes = new Set(await Promise.all(writes));
      for (const outcome of outcomes) expect(["good", "busy"]).toContain(outcome);
      expect([...first.notices, ...second.notices]).toEqual([]);
      expect(await first.run("write", 0, data)).toBe("good");
      expect(await second.run("write", 0, data)).toBe("good");
      expect(host.kinds()).toEqual([]);
    });

    it("of another host is told", async () => {
      const host = new Host(scope);
      const client = await host.path(host.hba([DIRECT]));
      expect(await client.run("flush")).toBe("good");
      const stranger = new Host(scope, { initiatorName: "iqn.2026-11.test.fairlead:host-b" });
      const strange = await stranger.path(stranger.hba([OTHER]));
      expect(await strange.resetLun()).toBe(true);
      expect(await client.run("flush")).toBe("good");
      expect(host.kinds()).toEqual(["lun-reset"]);
    });

    it("is refused on a path that is down", async () => {
      const host = new Host(scope);
      const client = await host.path(host.hba([RELAYED]));
      proxy.refuse();
      proxy.reset();
      await client.next("path-failed");
      expect(await client.resetLun()).toBe(false);
      await proxy.listen();
    });

    it("times out where the target does not answer", async () => {
      const host = new Host(scope, { resetTimeoutMs: 200 });
      const client = await host.path(host.hba([RELAYED]));
      proxy.hold();
      expect(await client.resetLun()).toBe(false);
      proxy.release();
      expect(await client.run("flush")).toBe("good");
    });
  });

  it("a host that starts again takes the place of its last run", async () => {
    const last = new Host(scope);
    const client = await last.path(last.hba([DIRECT]));
    const failed = client.next("path-failed");
    const next = new Host(scope);
    await next.path(next.hba([DIRECT]));
    await failed;
    expect(await target.connections()).toHaveLength(1);
  });

  describe("restart", () => {
    it("brings the same LUNs back", async () => {
      const host = new Host(scope);
      const client = await host.path(host.hba([DIRECT]));
      const failed = client.next("path-failed");
      await target.kill();
      await failed;
      expect(client.log).toEqual(["path-failed connection-lost"]);
      await target.restart();
      await client.next("path-restored");
      expect(await client.run("write", 0, new Uint8Array(512))).toBe("good");
      expect(await client.fence()).toBe("fenced");
    });

    it("with another LUN in its place leaves the path down, and a scan shows the new one", async () => {
      const host = new Host(scope);
      const hba = host.hba([RELAYED]);
      const client = await host.path(hba, 2);
      proxy.refuse();
      proxy.reset();
      await client.next("path-failed");
      await target.removeLun(2);
      await target.addLun({ number: 2, sizeBytes: SIZE / 2, file: `${target.fileOf(1)}.other` });
      await proxy.listen();
      await until("the mismatch", () => client.log.includes("path-failed identity-mismatch"));
      expect(client.log).toEqual(["path-failed connection-lost", "path-failed identity-mismatch"]);
      expect(host.events.find(({ kind }) => kind === "identity-mismatch")).toMatchObject({
        severity: "error",
        subject: "vmhba0:0:2",
      });
      expect(await client.run("read", 0, new Uint8Array(512))).toBe("not-sent");
      const { paths } = await hba.scan({ first: 2, last: 2 });
      expect(paths).toHaveLength(1);
      expect(paths[0]?.adapter).not.toBe(client.adapter);
      expect(paths[0]?.lun.capacityBytes).toBe(SIZE / 2);
      expect(client.adapter.up).toBe(false);
    });
  });
});

describe.skipIf(!there)("tgtd with CHAP", () => {
  const scope = new Scope();
  const chap = { user: "host-a", password: "a secret of 24 bytes ..." };
  afterAll(() => scope.close());

  it("lets in whom it knows, and tells why others stay out", async () => {
    const portal = `127.0.0.1:${await freePort()}`;
    const luns = [{ number: 1, sizeBytes: MIB }];
    await Tgtd.start(scope, { portals: [portal], luns, targetId: 7, chap });
    const host = new Host(scope);
    const { user } = chap;
    const good = host.hba([portal], { chap: { user, secret: chap.password } });
    expect(await (await host.path(good)).run("flush")).toBe("good");
    const wrong = host.hba([portal], { name: "vmhba1", chap: { user, secret: "another of 24 bytes ...." } });
    const none = host.hba([portal], { name: "vmhba2" });
    for (const hba of [wrong, none]) {
      const { paths, problems } = await hba.scan(ALL);
      expect(paths).toEqual([]);
      expect(problems.map(({ code }) => code)).toEqual(["ISCSI_AUTHENTICATION_FAILED"]);
    }
  });
});

/** 32 at a time. */
async function inParallel(client: Client, commands: ReturnType<typeof makeCommand>[]): Promise<Set<Outcome>> {
  const outcomes = new Set<Outcome>();
  const queue = commands.values();
  const worker = async () => {
    for (const command of queue) outcomes.add(await client.submit(command));
  };
  await Promise.all(Array.from({ length: 32 }, worker));
  return outcomes;
}
