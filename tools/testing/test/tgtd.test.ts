import { describe, expect, it, onTestFinished } from "vitest";
import {
  fio,
  NbdClient,
  NbdError,
  nbdUri,
  peers,
  run,
  Scope,
  seededBytes,
  start,
  Tgtd,
  untilSessions,
} from "../src/index.js";

const PORTALS = ["127.0.0.1:13980", "127.0.0.2:13980"];
const MIB = 1024 * 1024;

function scoped(): Scope {
  const scope = new Scope();
  onTestFinished(() => scope.close());
  return scope;
}

describe.skipIf(!peers("tgtd", "tgtadm", "qemu-nbd", "fio", "iscsi-ls", "iscsi-inq"))("tgtd", () => {
  it("serves its LUNs on every portal, with distinct ids, beside a second one", async () => {
    const scope = scoped();
    const first = await Tgtd.start(scope, { portals: PORTALS, luns: [{ number: 1, sizeBytes: 8 * MIB }] });
    await Tgtd.start(scope, {
      portals: ["127.0.0.1:13981"],
      targetId: 2,
      luns: [{ number: 1, sizeBytes: 8 * MIB }],
      chap: { user: "host-a", password: "a secret of sixteen" },
    });
    await first.addLun({ number: 7, sizeBytes: 4 * MIB });
    for (const portal of PORTALS) {
      const { stdout } = await run("iscsi-ls", ["-s", `iscsi://${portal}`]);
      expect(stdout).toMatch(/Lun:1 .*Size:7M/);
      expect(stdout).toMatch(/Lun:7 .*Size:3M/);
    }
    await first.removePortal("127.0.0.2:13980");
    await expect(run("iscsi-ls", ["-s", "iscsi://127.0.0.2:13980"])).rejects.toThrow();
    await first.removeLun(7);
    expect((await run("iscsi-ls", ["-s", "iscsi://127.0.0.1:13980"])).stdout).not.toContain("Lun:7");

    const url = "127.0.0.1:13981/iqn.2026-11.test.fairlead:t2/1";
    await run("iscsi-inq", [`iscsi://host-a%a secret of sixteen@${url}`]);
    await expect(run("iscsi-inq", [`iscsi://host-a%another secret@${url}`])).rejects.toThrow();
  });

  it("counts commands, ends connections, and keeps the data over kill -9", async () => {
    const scope = scoped();
    const directory = await scope.directory();
    const target = await Tgtd.start(scope, { portals: PORTALS, luns: [{ number: 1, sizeBytes: 8 * MIB }] });
    const socket = `${directory}/nbd.sock`;
    const url = `iscsi://${PORTALS[0]}/${target.iqn}/1`;
    const gateway = await start(
      scope,
      "qemu-nbd",
      ["-t", "-e", "8", "-k", socket, "-f", "raw", "--cache=none", url],
      {
        ready: async () => (await run("nbdinfo", [nbdUri(socket, "")], { allow: [0, 1] })).code === 0,
      },
    );
    const [job] = await fio(scope, [
      { uri: nbdUri(socket, ""), rw: "randwrite", bs: "4k", size: "1m", iodepth: 8 },
    ]);
    expect(job).toMatchObject({ error: 0, write: { commands: 256, bytes: MIB } });
    expect(await target.statistics(1)).toMatchObject({ writeCommands: 256, writeBytes: MIB });

    const data = seededBytes(7, 64 * 1024);
    const client = await NbdClient.open(scope, socket, "");
    expect(client.sizeBytes).toBe(8 * MIB);
    await client.write(MIB, data);
    expect((await client.read(MIB, data.length)).equals(data)).toBe(true);
    await expect(client.read(2n ** 64n - 4096n, 4096)).rejects.toThrow(NbdError);

    expect(await target.deleteConnections()).toBe(1);
    await untilSessions(target, 1); // qemu-nbd logs in again.
    expect((await client.read(MIB, data.length)).equals(data)).toBe(true);
    await gateway.kill();
    await untilSessions(target, 0);
    await target.kill();
    await target.restart();
    const { stdout } = await run("iscsi-ls", ["-s", `iscsi://${PORTALS[1]}`]);
    expect(stdout).toContain("Lun:1");
  });
});
