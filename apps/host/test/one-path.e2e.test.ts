import {
  Fairlead,
  figure,
  fio,
  PortalProxy,
  peers,
  Scope,
  Tgtd,
  until,
  untilSessions,
} from "@fairlead/testing";
import { describe, expect, it, onTestFinished } from "vitest";

const MIB = 1024 * 1024;
const SECONDS = 8;

/** Two paths, the first through a relay that `fail` breaks under load; the longest that a guest's request took, ms. */
async function longestRequest(ports: readonly number[], fail: (relay: PortalProxy) => void): Promise<number> {
  const scope = new Scope();
  onTestFinished(() => scope.close());
  const [relayPort, ...portals] = ports.map((port) => `127.0.0.1:${port}`) as [string, string, string];
  const target = await Tgtd.start(scope, { portals, luns: [{ number: 1, sizeBytes: 64 * MIB }] });
  const relay = await PortalProxy.start(scope, relayPort, portals[0]);
  const host = await Fairlead.start(scope, {
    hbas: {
      vmhba0: { driver: "iscsi", portals: [relayPort] },
      vmhba1: { driver: "iscsi", portals: [portals[1]] },
    },
    vms: { db: { disks: { root: { extents: [{ lun: target.lunId(1) }] } } } },
  });
  await host.untilServed("db-root");
  await untilSessions(target, 2);
  const uri = host.uri("db-root");
  const verified = fio(scope, [
    {
      uri,
      rw: "randwrite",
      bs: "4k",
      iodepth: 16,
      size: "32m",
      verify: true,
      seconds: SECONDS,
      rateIops: 2000,
    },
  ]);
  await until("load", async () => (await target.statistics(1)).writeCommands > 2000);
  fail(relay);
  const [result] = await verified;
  expect(result).toMatchObject({ error: 0, failedCommands: 0 });
  expect((await host.cli("events")).stdout).toContain("path-failed vmhba0:0:1");
  return Math.max(result?.write.maxMs ?? Number.NaN, result?.read.maxMs ?? Number.NaN);
}

describe.skipIf(!peers("tgtd", "tgtadm", "fio", "nbdinfo"))("one of two paths fails under load", () => {
  it("within a second where its connection is reset", { timeout: 60_000 }, async () => {
    const ms = await longestRequest([13645, 13646, 13647], (relay) => {
      relay.refuse();
      relay.reset();
    });
    figure("longest request, one of two paths reset, ms", ms.toFixed(0));
    expect(ms).toBeLessThan(1000);
  });

  it("within five seconds where it falls silent", { timeout: 60_000 }, async () => {
    const ms = await longestRequest([13648, 13649, 13650], (relay) => relay.hold());
    figure("longest request, one of two paths silent, ms", ms.toFixed(0));
    expect(ms).toBeLessThan(5000);
  });
});
