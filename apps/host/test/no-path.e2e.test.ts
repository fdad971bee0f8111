import {
  Fairlead,
  figure,
  NbdClient,
  PortalProxy,
  peers,
  Scope,
  seededBytes,
  Tgtd,
  until,
  untilSessions,
} from "@fairlead/testing";
import { describe, expect, it, onTestFinished } from "vitest";

const MIB = 1024 * 1024;
const BLOCK_BYTES = 4096;
const EIO = 5;
/** From the moment at which a portal answers again. */
const RESUMED_MS_MAX = 2000;

async function connected(ports: readonly number[], queueFor: string) {
  const scope = new Scope();
  onTestFinished(() => scope.close());
  const [relayA, relayB, a, b] = ports.map((port) => `127.0.0.1:${port}`) as [string, string, string, string];
  const target = await Tgtd.start(scope, { portals: [a, b], luns: [{ number: 1, sizeBytes: 16 * MIB }] });
  const relays = [await PortalProxy.start(scope, relayA, a), await PortalProxy.start(scope, relayB, b)];
  const host = await Fairlead.start(scope, {
    hbas: {
      vmhba0: { driver: "iscsi", portals: [relayA] },
      vmhba1: { driver: "iscsi", portals: [relayB] },
    },
    luns: { whenNoPath: { queueFor } },
    vms: { db: { disks: { root: { extents: [{ lun: target.lunId(1) }] } } } },
  });
  await host.untilServed("db-root");
  await untilSessions(target, 2);
  const client = await NbdClient.open(scope, host.nbdSocket, "db-root");
  return { scope, target, relays, host, client };
}

describe.skipIf(!peers("tgtd", "tgtadm", "nbdinfo"))("no path left", () => {
  it("requests wait, and end soon after the first path is back", { timeout: 90_000 }, async () => {
    const { relays, host, client } = await connected([13651, 13652, 13653, 13654], "60s");
    for (const relay of relays) relay.hold();
    const data = seededBytes(1, BLOCK_BYTES);
    const writes = Array.from({ length: 64 }, (_, index) => client.write(index * BLOCK_BYTES, data));
    await until("no path", async () => (await host.cli("events")).stdout.includes("no-path"), 20_000);
    relays[1]?.reset(); // As a network that forgot its flows; new ones pass.
    relays[1]?.release();
    const startedMs = performance.now();
    await Promise.all(writes);
    const elapsedMs = performance.now() - startedMs;
    figure("requests go on after the first path is back, ms", elapsedMs.toFixed(0));
    expect(elapsedMs).toBeLessThan(RESUMED_MS_MAX);
    expect((await client.read(63 * BLOCK_BYTES, BLOCK_BYTES)).equals(data)).toBe(true);
  });

  it("requests fail with EIO after the time set, and work again without a restart", {
    timeout: 90_000,
  }, async () => {
    const { relays, client } = await connected([13655, 13656, 13657, 13658], "2s");
    for (const relay of relays) {
      relay.refuse();
      relay.reset();
    }
    const startedMs = performance.now();
    const write = client.write(0, seededBytes(1, BLOCK_BYTES));
    await expect(write).rejects.toMatchObject({ errno: EIO });
    const waitedMs = performance.now() - startedMs;
    expect(waitedMs).toBeGreaterThan(1800);
    expect(waitedMs).toBeLessThan(4000);
    await expect(client.read(0, BLOCK_BYTES)).rejects.toMatchObject({ errno: EIO }); // At once from now on.
    for (const relay of relays) await relay.listen();
    const data = seededBytes(2, BLOCK_BYTES);
    await until(
      "a write succeeds",
      () =>
        client.write(MIB, data).then(
          () => true,
          () => false,
        ),
      20_000,
    );
    expect((await client.read(MIB, BLOCK_BYTES)).equals(data)).toBe(true);
  });
});
