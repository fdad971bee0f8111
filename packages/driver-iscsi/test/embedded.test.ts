import { hbaSuite } from "@fairlead/compliance";
import { createTarget, memoryStore, type TargetOptions } from "@fairlead/iscsi-target";
import { Scope, seededBytes, until } from "@fairlead/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ALL, Host, systemClock } from "./harness.js";

const SIZE = 8 * 1024 * 1024;

let scope: Scope;
beforeEach(() => {
  scope = new Scope();
});
afterEach(() => scope.close());

async function start(options: Partial<TargetOptions> = {}) {
  const target = createTarget({
    clock: systemClock,
    portalGroups: [
      { tag: 1, portals: ["127.0.0.1:0", "127.0.0.1:0"] },
      { tag: 2, portals: ["127.0.0.1:0"] },
    ],
    luns: [{ number: 1, store: memoryStore({ sizeBytes: SIZE }) }],
    ...options,
  });
  const { portals } = await target.start();
  scope.defer(() => target.stop());
  const [own, sameGroup, otherGroup] = portals.map(({ address }) => target.portal(address));
  if (own === undefined || sameGroup === undefined || otherGroup === undefined)
    throw new Error("three portals");
  return { target, own, sameGroup, otherGroup };
}

hbaSuite({ describe, it }, async () => {
  const { own, sameGroup } = await start();
  const host = new Host(scope);
  return {
    hba: host.driver.hba({ name: "vmhba5", portals: [own.address, sameGroup.address] }),
    range: ALL,
    cleanup: () => {},
    breakPath() {
      own.refuse();
      own.close();
    },
    restorePath: () => own.accept(),
  };
});

describe("a fence", () => {
  it("comes only when the target has ended the old session's writes", async () => {
    const { target, own, sameGroup } = await start();
    const host = new Host(scope);
    const first = await host.path(host.hba([own.address]));
    const second = await host.path(host.hba([sameGroup.address], { name: "vmhba1" }));
    const old = seededBytes(1, 4096);
    const newer = seededBytes(2, 4096);
    target.lun(1).holdWrites(1);

    const write = first.run("write", 0, old);
    await second.run("flush");
    own.refuse();
    own.close();
    expect(await write).toBe("in-doubt");
    let fenced = false;
    const fence = first.fence().then((result) => {
      fenced = true;
      return result;
    });
    await second.read(4096, 512);
    expect(fenced).toBe(false);
    expect(target.lun(1).releaseWrites()).toBe(1);
    expect(await fence).toBe("fenced");
    expect(await second.run("write", 0, newer)).toBe("good");
    expect(Buffer.from(await second.read(0, 4096)).equals(newer)).toBe(true);
    await own.accept();
  });

  it("never comes through another group", async () => {
    const { own, otherGroup } = await start();
    const host = new Host(scope);
    const hba = host.hba([own.address]);
    const first = await host.path(hba);
    const second = await host.path(host.hba([otherGroup.address], { name: "vmhba1" }));
    const failed = first.next("path-failed");
    own.refuse();
    own.close();
    await failed;
    let fenced = false;
    void first.fence().then((result) => {
      fenced = result === "fenced";
    });
    // From here on the others of the group have their turn at once.
    await until("a refusal", () => host.kinds().includes("login-failed"));
    for (let turns = 0; turns < 20; turns++) await second.run("flush");
    expect(fenced).toBe(false);
    expect(otherGroup.counters.sessions).toBe(1);
    await own.accept();
    await first.next("path-restored");
    expect(fenced).toBe(true);
    const event = host.events.find(({ kind }) => kind === "session-fenced");
    expect(event?.inputs).toMatchObject({ portal: own.address });
  });
});

describe("mutual CHAP", () => {
  it("agrees with the embedded target", async () => {
    const chap = {
      user: "host-a",
      secret: "secret of the host",
      mutual: { user: "san", secret: "secret of the san" },
    };
    const { own } = await start({ chap });
    const host = new Host(scope);
    const client = await host.path(host.hba([own.address], { chap }));
    expect(await client.run("flush")).toBe("good");
  });
});
