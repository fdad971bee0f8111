import { truncate } from "node:fs/promises";
import type { Clock } from "@fairlead/core";
import { createTarget, memoryStore } from "@fairlead/iscsi-target";
import { peers, Scope, Tgtd, until } from "@fairlead/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { FakeTarget } from "./fake-target.js";
import { freePort } from "./free-port.js";
import { ALL, Host, systemClock } from "./harness.js";

const MIB = 1024 * 1024;

let scope: Scope;
beforeEach(() => {
  scope = new Scope();
});
afterEach(() => scope.close());

/** The system's clock, and what it was asked to wait. ms */
function recordingClock() {
  const delays: number[] = [];
  const clock: Clock = {
    now: systemClock.now,
    schedule(callback, delayMs) {
      delays.push(delayMs);
      return systemClock.schedule(callback, delayMs);
    },
  };
  return { clock, delays };
}

async function embedded() {
  const store = memoryStore({ sizeBytes: 8 * MIB });
  const target = createTarget({
    clock: systemClock,
    portalGroups: [{ tag: 1, portals: ["127.0.0.1:0"] }],
    luns: [{ number: 1, store }],
  });
  const { portals } = await target.start();
  scope.defer(() => target.stop());
  const portal = target.portal(portals[0]?.address ?? "");
  const { clock, delays } = recordingClock();
  const host = new Host(scope, { clock });
  const hba = host.hba([portal.address]);
  const client = await host.path(hba);
  /** Everything that `change` does is there when the host logs in again. */
  const away = async (change: () => unknown) => {
    const failed = client.next("path-failed");
    portal.refuse();
    portal.close();
    await failed;
    await change();
    await portal.accept();
  };
  const count = (kind: string) => host.kinds().filter((one) => one === kind).length;
  return { store, target, host, hba, client, away, count, delays };
}

describe("without a scan, a path comes back", () => {
  it("when its LUN does, and tells once that it was gone", async () => {
    const { store, target, client, count, delays } = await embedded();
    await target.removeLun(1);
    expect(await client.run("flush")).toBe("not-sent");
    await until("two looks in vain", () => delays.includes(1000));
    const restored = client.next("path-restored");
    target.addLun({ number: 1, store });
    await restored;
    expect(client.log).toEqual(["path-failed lun-gone", "flush not-sent", "path-restored"]);
    expect(count("lun-gone")).toBe(1);
    expect(await client.run("flush")).toBe("good");
  });

  it("when its LUN comes a moment after the login", async () => {
    const { store, target, client, away, count } = await embedded();
    await away(() => target.removeLun(1));
    await until("the path to be gone", () => client.log.includes("path-failed lun-gone"));
    const restored = client.next("path-restored");
    target.addLun({ number: 1, store });
    await restored;
    expect(count("lun-gone")).toBe(1);
    expect(await client.run("flush")).toBe("good");
  });

  it("when another LUN in its place has given it back", async () => {
    const { store, target, client, away, count } = await embedded();
    await away(async () => {
      await target.removeLun(1);
      target.addLun({ number: 1, store, naa: "5000000000000001" });
    });
    await until("the mismatch", () => client.log.includes("path-failed identity-mismatch"));
    const restored = client.next("path-restored");
    await target.removeLun(1);
    target.addLun({ number: 1, store });
    await restored;
    expect(count("identity-mismatch")).toBe(1);
    expect(await client.run("flush")).toBe("good");
  });

  it("with a LUN that has grown, and the next scan tells its size", async () => {
    const { target, host, hba, client, away } = await embedded();
    const restored = client.next("path-restored");
    await away(() => target.resizeLun(1, 12 * MIB));
    await restored;
    expect(client.log).toEqual(["path-failed connection-lost", "path-restored"]);
    const events = host.events.filter(({ kind }) => kind === "capacity-changed");
    expect(events).toMatchObject([{ subject: "vmhba0:0:1", reason: expect.stringContaining(`${12 * MIB}`) }]);
    const { paths } = await hba.scan(ALL);
    expect(paths).toMatchObject([{ lun: { capacityBytes: 12 * MIB } }]);
    expect(paths[0]?.adapter).toBe(client.adapter);
  });

  it("but not with one that has shrunk", async () => {
    const { target, client, away } = await embedded();
    await away(() => target.resizeLun(1, 4 * MIB));
    await until("the mismatch", () => client.log.includes("path-failed identity-mismatch"));
    expect(client.adapter.up).toBe(false);
  });
});

it("a LUN that describes itself and refuses commands goes up and down ever more slowly", async () => {
  const { clock, delays } = recordingClock();
  const target = await FakeTarget.start(scope);
  const host = new Host(scope, { clock });
  const client = await host.path(host.hba([target.address]));
  target.onCommand = (connection, request) => {
    if (request.head[32] !== 0x35 && request.head[32] !== 0x91) return false;
    connection.respond(request, 2, Buffer.from("7205250000000000", "hex"));
    return true;
  };
  delays.length = 0;
  for (let round = 0; round < 3; round++) {
    const restored = client.next("path-restored");
    expect(await client.run("flush")).toBe("not-sent");
    await restored;
  }
  expect(delays.filter((delayMs) => [200, 500, 1000].includes(delayMs))).toEqual([200, 500, 1000]);
});

describe.skipIf(!peers("tgtd", "tgtadm"))("tgtd", () => {
  async function start() {
    const portal = `127.0.0.1:${await freePort()}`;
    const luns = [{ number: 1, sizeBytes: 8 * MIB }];
    const target = await Tgtd.start(scope, { portals: [portal], luns, targetId: 3 });
    const host = new Host(scope);
    const client = await host.path(host.hba([portal]));
    const failed = client.next("path-failed");
    return { luns, target, host, client, failed };
  }

  it("that starts before its LUN leaves the path down only until the LUN is there", async () => {
    const { luns, target, client, failed } = await start();
    await target.removeLun(1);
    await target.kill();
    await failed;
    await target.restart();
    await until("the path to be gone", () => client.log.includes("path-failed lun-gone"));
    const restored = client.next("path-restored");
    for (const lun of luns) await target.addLun(lun);
    await restored;
    expect(await client.run("flush")).toBe("good");
  });

  it("that starts again with a larger file has the same LUN", async () => {
    const { target, host, client, failed } = await start();
    await target.kill();
    await failed;
    await truncate(target.fileOf(1), 12 * MIB);
    const restored = client.next("path-restored");
    await target.restart();
    await restored;
    expect(client.log.filter((line) => line.startsWith("path-failed"))).not.toContain(
      "path-failed identity-mismatch",
    );
    expect(host.kinds()).toContain("capacity-changed");
  });
});
