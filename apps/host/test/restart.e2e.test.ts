import { existsSync } from "node:fs";
import { Fairlead, NbdClient, peers, Scope, seededBytes, Tgtd, untilSessions } from "@fairlead/testing";
import { describe, expect, it, onTestFinished } from "vitest";

const MIB = 1024 * 1024;
const PORTALS = ["127.0.0.1:13620", "127.0.0.2:13620"];
const CHUNK_BYTES = 64 * 1024;
const STOP_MS_MAX = 10_000;

async function connected(): Promise<{ scope: Scope; target: Tgtd; host: Fairlead }> {
  const scope = new Scope();
  onTestFinished(() => scope.close());
  const target = await Tgtd.start(scope, { portals: PORTALS, luns: [{ number: 1, sizeBytes: 64 * MIB }] });
  const host = await Fairlead.start(scope, {
    hbas: {
      vmhba0: { driver: "iscsi", portals: [PORTALS[0]] },
      vmhba1: { driver: "iscsi", portals: [PORTALS[1]] },
    },
    vms: { db: { disks: { root: { extents: [{ lun: target.lunId(1) }] } } } },
  });
  await host.untilServed("db-root");
  await untilSessions(target, PORTALS.length);
  return { scope, target, host };
}

/** Stops the host as an operator does; the time it took, ms. */
async function stopped(host: Fairlead): Promise<number> {
  const startedMs = performance.now();
  host.process.signal("SIGTERM");
  expect(await host.process.exited, host.process.output).toEqual({ code: 0, signal: null });
  expect(existsSync(host.nbdSocket)).toBe(false);
  return performance.now() - startedMs;
}

describe.skipIf(!peers("tgtd", "tgtadm", "nbdinfo"))("a host that ends", () => {
  it("keeps every write that was flushed before kill -9, and leaves no session beside the new ones", async () => {
    const { scope, target, host } = await connected();
    const client = await NbdClient.open(scope, host.nbdSocket, "db-root");
    const chunk = (index: number) => seededBytes(index, CHUNK_BYTES);
    const flushed = 40;
    for (let index = 0; index < flushed; index++) {
      await client.write(index * CHUNK_BYTES, chunk(index));
      if (index % 8 === 7) await client.flush();
    }
    const unanswered = Array.from({ length: 64 }, (_, index) =>
      client.write((flushed + index) * CHUNK_BYTES, chunk(index)).catch(() => {}),
    );
    await Promise.race(unanswered); // The rest is under way.
    await host.process.kill();
    await Promise.all(unanswered);

    await host.launch();
    await host.untilServed("db-root");
    await untilSessions(target, PORTALS.length);
    const again = await NbdClient.open(scope, host.nbdSocket, "db-root");
    for (let index = 0; index < flushed; index++) {
      const read = await again.read(index * CHUNK_BYTES, CHUNK_BYTES);
      expect(read.equals(chunk(index)), `chunk ${index}`).toBe(true);
    }
  }, 60_000);

  it("answers what is in flight, logs out and removes its sockets on SIGTERM", async () => {
    const { scope, target, host } = await connected();
    const client = await NbdClient.open(scope, host.nbdSocket, "db-root");
    await client.write(0, seededBytes(1, MIB));
    const reads = Array.from({ length: 32 }, () => client.read(0, MIB));
    await reads[0];
    const answered = Promise.allSettled(reads);
    expect(await stopped(host)).toBeLessThan(STOP_MS_MAX);
    for (const one of await answered) {
      if (one.status === "rejected") expect(one.reason).toMatchObject({ errno: 108 }); // ESHUTDOWN
    }
    await untilSessions(target, 0, 2_000);
  }, 60_000);

  it("stops within 10 s although the target answers nothing", async () => {
    const { scope, target, host } = await connected();
    const client = await NbdClient.open(scope, host.nbdSocket, "db-root");
    target.pause();
    const write = client.write(0, seededBytes(1, CHUNK_BYTES)).catch((error: unknown) => error);
    try {
      expect(await stopped(host)).toBeLessThan(STOP_MS_MAX);
      expect(await write).toBeInstanceOf(Error); // Never success.
    } finally {
      target.resume();
    }
  }, 60_000);
});
