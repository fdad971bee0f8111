import { Fairlead, NbdClient, peers, San, Scope, seededBytes, until } from "@fairlead/testing";
import { describe, expect, it, onTestFinished } from "vitest";

const PORTALS = ["127.0.0.1:13297", "127.0.0.2:13297"] as const;
const CHUNK_BYTES = 64 * 1024;
const CHUNKS = 8;

describe.skipIf(!peers("nbdinfo"))("a host that is killed while a portal is silent", () => {
  it("starts again without waiting for the quiesce time, and nothing old undoes what is new", async () => {
    const scope = new Scope();
    onTestFinished(() => scope.close());
    const san = await San.start(scope, ["--portal-group", `1=${PORTALS.join()}`, "--lun", "1=64MiB"]);
    const host = await Fairlead.start(scope, {
      hbas: {
        vmhba0: { driver: "iscsi", portals: [PORTALS[0]] },
        vmhba1: { driver: "iscsi", portals: [PORTALS[1]] },
      },
      luns: { quiesceTime: "60s" },
      vms: { db: { disks: { root: { extents: [{ lun: "vmhba1:0:1" }] } } } },
    });
    await host.untilServed("db-root");
    await until("both paths", async () => (await host.get("paths")).length === 2);
    const client = await NbdClient.open(scope, host.nbdSocket, "db-root");
    await san.command({ portal: PORTALS[0], fault: "stall" });
    const writes = Array.from({ length: CHUNKS }, (_, index) =>
      client.write(index * CHUNK_BYTES, seededBytes(index, CHUNK_BYTES)).catch(() => {}),
    );
    await Promise.race(writes); // Over the other portal; the rest is under way to the silent one.
    await host.process.kill();
    await Promise.all(writes);

    await host.launch();
    await host.untilServed("db-root");
    const startedMs = performance.now();
    const again = await NbdClient.open(scope, host.nbdSocket, "db-root");
    const newer = (index: number) => seededBytes(100 + index, CHUNK_BYTES);
    for (let index = 0; index < CHUNKS; index++) await again.write(index * CHUNK_BYTES, newer(index));
    await again.flush();
    expect(performance.now() - startedMs).toBeLessThan(20_000);
    await san.command({ portal: PORTALS[0], fault: "resume" });
    await until("both paths", async () => (await host.get("paths")).length === 2, 30_000);
    for (let index = 0; index < CHUNKS; index++) {
      const read = await again.read(index * CHUNK_BYTES, CHUNK_BYTES);
      expect(read.equals(newer(index)), `chunk ${index}`).toBe(true);
    }
  }, 90_000);
});
