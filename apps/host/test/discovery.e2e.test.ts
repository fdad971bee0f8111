import { join } from "node:path";
import { Fairlead, fio, NbdClient, peers, Scope, seededBytes, Tgtd, untilSessions } from "@fairlead/testing";
import { describe, expect, it, onTestFinished } from "vitest";

const MIB = 1024 * 1024;

function scoped(): Scope {
  const scope = new Scope();
  onTestFinished(() => scope.close());
  return scope;
}

describe.skipIf(!peers("tgtd", "tgtadm", "fio", "nbdinfo"))("discovery", () => {
  it("takes paths with one LUN id for one LUN, though HBA, target and LUN numbers differ", async () => {
    const scope = scoped();
    const directory = await scope.directory();
    const same = { sizeBytes: 8 * MIB, file: join(directory, "lun.img"), serial: "00000000000abcde" };
    const a = await Tgtd.start(scope, {
      portals: ["127.0.0.1:13670"],
      targetId: 1,
      luns: [{ number: 2, ...same }],
    });
    const b = await Tgtd.start(scope, {
      portals: ["127.0.0.1:13671"],
      targetId: 2,
      luns: [
        { number: 1, sizeBytes: 4 * MIB },
        { number: 7, ...same },
      ],
    });
    const host = await Fairlead.start(scope, {
      hbas: {
        vmhba0: { driver: "iscsi", portals: a.portals },
        vmhba1: { driver: "iscsi", portals: b.portals },
      },
      vms: { db: { disks: { root: { extents: [{ lun: "vmhba1:0:7" }] } } } },
    });
    await host.untilServed("db-root");
    const luns = await host.get("luns");
    expect(luns.map(({ canonicalName }) => canonicalName)).toEqual(["vmhba0:0:2", "vmhba1:0:1"]);
    expect(luns[0]).toMatchObject({
      id: a.lunId(2),
      paths: [{ name: "vmhba0:0:2" }, { name: "vmhba1:0:7" }],
    });

    const client = await NbdClient.open(scope, host.nbdSocket, "db-root");
    const data = seededBytes(1, 64 * 1024);
    const before = [await a.statistics(2), await b.statistics(7)];
    for (let index = 0; index < 8; index++) await client.write(index * data.length, data);
    for (let index = 0; index < 8; index++) {
      expect((await client.read(index * data.length, data.length)).equals(data)).toBe(true);
    }
    for (const [index, { readBytes, writeBytes }] of [
      await a.statistics(2),
      await b.statistics(7),
    ].entries()) {
      expect(writeBytes).toBe(4 * data.length);
      expect(readBytes).toBe((before[index]?.readBytes ?? 0) + 4 * data.length);
    }
  }, 60_000);

  it("masks a LUN, and finds a new LUN and a new portal while I/O runs", async () => {
    const scope = scoped();
    const [first, second] = ["127.0.0.1:13672", "127.0.0.2:13672"] as const;
    const luns = [1, 2].map((number) => ({ number, sizeBytes: 32 * MIB }));
    const target = await Tgtd.start(scope, { portals: [first], luns });
    const whole = (number: number) => ({ disks: { root: { extents: [{ lun: target.lunId(number) }] } } });
    const host = await Fairlead.start(scope, {
      hbas: {
        vmhba0: { driver: "iscsi", portals: [first] },
        vmhba1: { driver: "iscsi", portals: [second] },
      },
      luns: { mask: ["vmhba0:0:2"] },
      vms: { db: whole(1), masked: whole(2), later: whole(3) },
    });
    await host.untilServed("db-root");
    const verified = fio(scope, [
      {
        uri: host.uri("db-root"),
        rw: "randwrite",
        bs: "4k",
        iodepth: 8,
        size: "16m",
        seconds: 10,
        verify: true,
      },
    ]);

    await expect(NbdClient.open(scope, host.nbdSocket, "masked-root")).rejects.toThrow("refused");
    expect((await host.get("luns")).find(({ id }) => id === target.lunId(2))).toMatchObject({ masked: true });

    await expect(NbdClient.open(scope, host.nbdSocket, "later-root")).rejects.toThrow("refused");
    await target.addLun({ number: 3, sizeBytes: 16 * MIB });
    await host.cli("rescan");
    await host.untilServed("later-root");
    const client = await NbdClient.open(scope, host.nbdSocket, "later-root");
    expect(client.sizeBytes).toBe(16 * MIB);

    await target.addPortal(second);
    await host.cli("rescan");
    await untilSessions(target, 2);
    const states = (await host.get("paths")).map(({ name, state }) => `${name} ${state}`);
    expect(states).toEqual(expect.arrayContaining(["vmhba0:0:1 active", "vmhba1:0:1 active"]));
    await host.cli("lun", "mask", "vmhba1:0:3");
    await expect(NbdClient.open(scope, host.nbdSocket, "later-root")).rejects.toThrow("refused");
    await expect(client.read(0, 4096)).rejects.toThrow();
    await host.cli("lun", "unmask", target.lunId(3));
    await NbdClient.open(scope, host.nbdSocket, "later-root");
    const [result] = await verified;
    expect(result).toMatchObject({ error: 0, failedCommands: 0 });

    const before = await target.statisticsBySession(1);
    const db = await NbdClient.open(scope, host.nbdSocket, "db-root");
    for (let index = 0; index < 8; index++) await db.read(index * 4096, 4096);
    for (const [session, { readCommands }] of await target.statisticsBySession(1)) {
      expect(readCommands).toBe((before.get(session)?.readCommands ?? 0) + 4);
    }
    await expect(NbdClient.open(scope, host.nbdSocket, "masked-root")).rejects.toThrow("refused");
  }, 60_000);
});
