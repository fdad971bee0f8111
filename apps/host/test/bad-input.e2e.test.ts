import {
  Fairlead,
  NbdClient,
  peers,
  requestHeader,
  residentBytes,
  Scope,
  seededBytes,
  Tgtd,
  until,
} from "@fairlead/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const MIB = 1024 * 1024;
const PORTAL = "127.0.0.1:13630";
const DISK_BYTES = 16 * MIB;
const RSS_GROWTH_MAX = 64 * MIB;
const OPTION_GO = 7;
const ERR_UNKNOWN = 0x80000006;
const ERR_INVALID = 0x80000003;
const ERR_TOO_BIG = 0x80000009;

/** `OPTION_GO` for a name that claims to be `claimedBytes` long. */
function goFor(name: string, claimedBytes = Buffer.byteLength(name)): Buffer {
  const data = Buffer.alloc(6 + Buffer.byteLength(name));
  data.writeUInt32BE(claimedBytes);
  data.write(name, 4);
  return data;
}

/** Runs rude clients against one host whose second client must not notice. */
describe.skipIf(!peers("tgtd", "tgtadm", "nbdinfo"))(
  "bad input at the NBD socket",
  { timeout: 30_000 },
  () => {
    const scope = new Scope();
    const data = seededBytes(1, 64 * 1024);
    let host: Fairlead;
    let good: NbdClient;
    let residentBefore = 0;

    beforeAll(async () => {
      const target = await Tgtd.start(scope, {
        portals: [PORTAL],
        luns: [{ number: 1, sizeBytes: DISK_BYTES }],
      });
      host = await Fairlead.start(scope, {
        hbas: { vmhba0: { driver: "iscsi", portals: [PORTAL] } },
        vms: { db: { disks: { root: { extents: [{ lun: target.lunId(1) }] } } } },
      });
      await host.untilServed("db-root");
      good = await NbdClient.open(scope, host.nbdSocket, "db-root");
      await good.write(0, data);
      residentBefore = await residentBytes(host.process.pid);
    }, 60_000);

    afterAll(async () => {
      try {
        expect((await good.read(0, data.length)).equals(data)).toBe(true);
        const growth = (await residentBytes(host.process.pid)) - residentBefore;
        expect(growth).toBeLessThan(RSS_GROWTH_MAX);
      } finally {
        await scope.close();
      }
    });

    const dial = async () => {
      const client = await NbdClient.dial(scope, host.nbdSocket);
      await client.greet();
      return client;
    };
    const open = () => NbdClient.open(scope, host.nbdSocket, "db-root");
    const untilClosed = (client: NbdClient) => until("the host closed the connection", () => client.closed);

    it("closes on a handshake that is noise", async () => {
      for (let seed = 0; seed < 20; seed++) {
        const client = await NbdClient.dial(scope, host.nbdSocket);
        client.socket.write(seededBytes(seed, 4096));
        await untilClosed(client);
      }
    });

    it("closes on an option of 4 GiB without taking it", async () => {
      const client = await dial();
      const header = Buffer.alloc(16);
      header.write("IHAVEOPT", "latin1");
      header.writeUInt32BE(OPTION_GO, 8);
      header.writeUInt32BE(0xffff_ffff, 12);
      client.socket.write(header);
      await untilClosed(client);
    });

    it("refuses names that are unknown, too long or not there, and goes on", async () => {
      const client = await dial();
      expect((await client.option(OPTION_GO, goFor("no-such-disk"))).type).toBe(ERR_UNKNOWN);
      expect((await client.option(OPTION_GO, goFor("../../etc/passwd"))).type).toBe(ERR_UNKNOWN);
      expect((await client.option(OPTION_GO, goFor("db-root", 0xffff_ffff))).type).toBe(ERR_INVALID);
      expect([ERR_INVALID, ERR_TOO_BIG]).toContain(
        (await client.option(OPTION_GO, goFor("x".repeat(4097)))).type,
      );
      expect((await client.option(OPTION_GO, goFor("__proto__"))).type).toBe(ERR_UNKNOWN);
    });

    it("answers requests beyond the end and goes on", async () => {
      const client = await open();
      expect(client.sizeBytes).toBe(DISK_BYTES);
      await expect(client.read(DISK_BYTES, 4096)).rejects.toMatchObject({ errno: 22 });
      await expect(client.read(DISK_BYTES - 512, 4096)).rejects.toMatchObject({ errno: 22 });
      await expect(client.read(2n ** 64n - 256n, 4096)).rejects.toMatchObject({ errno: 22 });
      await expect(client.read(2n ** 53n + 1n, 512)).rejects.toMatchObject({ errno: 22 });
      await expect(client.write(DISK_BYTES - 4096, Buffer.alloc(8192, 0xff))).rejects.toMatchObject({
        errno: 28,
      });
      await expect(client.write(2n ** 63n, Buffer.alloc(4096))).rejects.toMatchObject({ errno: 28 });
      expect((await client.read(DISK_BYTES - 4096, 4096)).equals(Buffer.alloc(4096))).toBe(true);
    });

    it("closes on a write of 4 GiB and on a request that is none", async () => {
      const huge = await open();
      huge.socket.write(requestHeader(1, 1n, 0n, 0xffff_ffff));
      await untilClosed(huge);
      const noise = await open();
      noise.socket.write(Buffer.alloc(28, 0x5a));
      await untilClosed(noise);
    });

    it("bears clients that vanish in the middle of a write", async () => {
      for (let round = 0; round < 20; round++) {
        const client = await open();
        const half = Buffer.concat([requestHeader(1, 1n, BigInt(MIB), MIB), Buffer.alloc(512 * 1024, 0xee)]);
        client.socket.write(half, () => client.socket.destroy());
        await untilClosed(client);
      }
      const again = await open();
      await again.write(MIB, data);
      expect((await again.read(MIB, data.length)).equals(data)).toBe(true);
    });

    it("serves others while a client asks for much and reads nothing", async () => {
      const greedy = await open();
      greedy.socket.pause();
      const requests = Array.from({ length: 1024 }, (_, index) => requestHeader(0, BigInt(index), 0n, MIB));
      greedy.socket.write(Buffer.concat(requests));
      for (let round = 0; round < 50; round++) {
        expect((await good.read(0, data.length)).equals(data)).toBe(true);
      }
      greedy.socket.destroy();
    });
  },
);
