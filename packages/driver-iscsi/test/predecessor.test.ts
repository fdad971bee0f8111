import type { Clock } from "@fairlead/core";
import { createTarget, memoryStore } from "@fairlead/iscsi-target";
import { PortalProxy, peers, run, Scope, seededBytes, Tgtd, until, untilSessions } from "@fairlead/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { freePort } from "./free-port.js";
import { ALL, Client, Host, systemClock } from "./harness.js";

const MIB = 1024 * 1024;
const OLD = seededBytes(1, 4096);
const NEWER = seededBytes(2, 4096);

let scope: Scope;
beforeEach(() => {
  scope = new Scope();
});
afterEach(() => scope.close());

/** A host that can be stopped as a kill does it: it logs in nowhere again, and what its sockets have is on its way. */
class MortalHost extends Host {
  readonly die: () => void;

  constructor(scope: Scope) {
    let dead = false;
    const clock: Clock = {
      now: systemClock.now,
      schedule: (callback, delayMs) => systemClock.schedule(() => dead || callback(), delayMs),
    };
    super(scope, { clock });
    this.die = () => {
      dead = true;
    };
  }
}

const newHost = () => new Host(scope, { loginTimeoutMs: 300 });

async function embedded() {
  /** Sessions that end and writes that take effect, in their order. */
  const log: string[] = [];
  const target = createTarget({
    clock: systemClock,
    portalGroups: [
      { tag: 1, portals: ["127.0.0.1:0", "127.0.0.1:0"] },
      { tag: 2, portals: ["127.0.0.1:0"] },
    ],
    luns: [{ number: 1, store: memoryStore({ sizeBytes: MIB }) }],
    onEvent: ({ kind, subject }) => log.push(`${kind} ${subject}`),
  });
  const { portals } = await target.start();
  scope.defer(() => target.stop());
  target.lun(1).trace = ({ op, portal }) => log.push(`${op} ${portal}`);
  const [own, sameGroup, otherGroup] = portals.map(({ address }) => target.portal(address));
  if (own === undefined || sameGroup === undefined || otherGroup === undefined)
    throw new Error("three portals");
  return { target, own, sameGroup, otherGroup, log };
}

describe("what an earlier process left behind a portal that is silent", () => {
  it("is ended through another portal of its group, before anything is written", async () => {
    const { target, own, sameGroup, log } = await embedded();
    const portals = [own.address, sameGroup.address];
    const last = new MortalHost(scope);
    const old = await last.path(last.hba(portals));
    own.stall();
    const failed = old.next("path-failed");
    const write = old.run("write", 0, OLD);
    await new Promise(setImmediate);
    last.die();

    const host = newHost();
    const hba = host.hba(portals);
    const { paths, problems, settled } = await hba.scan(ALL);
    expect(settled).toBe(true);
    expect(problems).toMatchObject([{ where: `portal ${own.address}`, code: "ISCSI_LOGIN_TIMEOUT" }]);
    expect(target.sessions().map(({ portal }) => portal)).toEqual([sameGroup.address]);
    expect(host.events.find(({ kind }) => kind === "predecessor-fenced")).toMatchObject({
      subject: "vmhba0",
      inputs: { target: target.iqn, portal: own.address, through: sameGroup.address, groupTag: 1 },
    });
    const client = new Client(paths[0]!.adapter);
    expect(await client.run("write", 0, NEWER)).toBe("good");
    expect(log.indexOf(`session-ended ${own.address}`)).toBeGreaterThanOrEqual(0);
    expect(log.indexOf(`session-ended ${own.address}`)).toBeLessThan(
      log.indexOf(`write ${sameGroup.address}`),
    );

    own.resume();
    await failed;
    expect(await write).toBe("in-doubt");
    const again = await hba.scan(ALL);
    expect(again.problems).toEqual([]);
    expect(log.filter((entry) => entry.startsWith("write"))).toEqual([`write ${sameGroup.address}`]);
    expect(Buffer.from(await client.read(0, 4096)).equals(NEWER)).toBe(true);
  });

  it("is ended in every known group where nobody lists the portal's address, though that proves nothing", async () => {
    const { target, own, sameGroup } = await embedded();
    const relay = await PortalProxy.start(scope, `127.0.0.1:${await freePort()}`, own.address);
    const portals = [relay.address, sameGroup.address];
    const last = new MortalHost(scope);
    await last.path(last.hba(portals));
    relay.hold({ direction: "to-target" });
    last.die();

    const hba = newHost().hba(portals);
    expect((await hba.scan(ALL)).settled).toBe(false);
    expect(target.sessions().map(({ portal }) => portal)).toEqual([sameGroup.address]);
  });

  it("is ended once, not at each scan", async () => {
    const { own, sameGroup } = await embedded();
    own.stall();
    const host = newHost();
    const hba = host.hba([own.address, sameGroup.address]);
    for (let scan = 0; scan < 3; scan++) expect((await hba.scan(ALL)).settled).toBe(true);
    expect(host.kinds().filter((kind) => kind === "predecessor-fenced")).toHaveLength(1);
  });

  it("is ended through a portal of another HBA, even one that takes its time", async () => {
    const { own, sameGroup } = await embedded();
    own.stall();
    sameGroup.delay(100);
    const host = new Host(scope);
    const hbas = [
      host.hba([own.address], { name: "vmhba0" }),
      host.hba([sameGroup.address], { name: "vmhba1" }),
    ];
    const scans = hbas.map((hba) => hba.scan(ALL));
    await until("a connection", () => own.counters.connections === 1);
    own.close(); // So that the HBA that needs the other one is done first.
    expect((await Promise.all(scans)).map(({ settled }) => settled)).toEqual([true, true]);
  });

  it("is not known to be ended while nobody of its group answers", async () => {
    const { own, otherGroup } = await embedded();
    own.stall();
    const host = newHost();
    const hba = host.hba([own.address, otherGroup.address]);
    expect((await hba.scan(ALL)).settled).toBe(false);
    expect(otherGroup.counters.sessions).toBe(1);
    own.resume();
    expect((await hba.scan(ALL)).settled).toBe(true);
    expect(host.kinds()).not.toContain("predecessor-fenced");
  });

  it("is ended, but not known to be, where nobody lists the portal, since its old connections stand", async () => {
    const { target, own, sameGroup } = await embedded();
    const last = new MortalHost(scope);
    await last.hba([own.address]).scan(ALL);
    own.refuse();
    last.die();
    expect(target.sessions().map(({ portal }) => portal)).toEqual([own.address]);
    const host = newHost();
    const hba = host.hba([own.address, sameGroup.address]);
    expect((await hba.scan(ALL)).settled).toBe(false);
    expect(target.sessions().map(({ portal }) => portal)).toEqual([sameGroup.address]);
    await own.accept();
    expect((await hba.scan(ALL)).settled).toBe(true);
  });

  it.each([
    ["all of them are known", [], true],
    ["one of them is not", ["iqn.2026-11.test.fairlead:other"], false],
  ])("with names of targets in the options, where %s", async (_, more, expected) => {
    const { target, own, sameGroup } = await embedded();
    own.stall();
    const host = newHost();
    const hba = host.hba([own.address, sameGroup.address], { targets: [target.iqn, ...more] });
    expect((await hba.scan(ALL)).settled).toBe(expected);
  });

  it("is left alone where the HBA closes meanwhile", async () => {
    const { own, sameGroup } = await embedded();
    own.stall();
    const host = new Host(scope);
    const hba = host.hba([own.address]);
    expect((await host.hba([sameGroup.address], { name: "vmhba1" }).scan(ALL)).settled).toBe(true);
    const scan = hba.scan(ALL);
    await until("a connection", () => own.counters.connections === 1);
    await hba.close();
    own.close();
    expect((await scan).settled).toBe(false);
    expect(host.kinds()).not.toContain("predecessor-fenced");
  });
});

const isRoot = process.getuid?.() === 0;

it.skipIf(!isRoot || !peers("nft"))("bytes that come out of a black hole afterwards do nothing", async () => {
  const { target, own, sameGroup } = await embedded();
  const portals = [own.address, sameGroup.address];
  const last = new MortalHost(scope);
  const old = await last.path(last.hba(portals));
  const closeHole = await blackHole(own.address);
  const failed = old.next("path-failed");
  const write = old.run("write", 0, OLD);
  await new Promise(setImmediate);
  last.die();

  const host = newHost();
  const hba = host.hba(portals);
  const { paths, settled } = await hba.scan(ALL);
  expect(settled).toBe(true);
  expect(target.sessions().map(({ portal }) => portal)).toEqual([sameGroup.address]);
  const client = new Client(paths[0]!.adapter);
  expect(await client.run("write", 0, NEWER)).toBe("good");
  await closeHole();
  await failed; // The old socket's bytes have come to their end.
  expect(await write).toBe("in-doubt");
  expect((await hba.scan(ALL)).problems).toEqual([]);
  expect(Buffer.from(await client.read(0, 4096)).equals(NEWER)).toBe(true);
});

/** Drops everything to and from there, without a word to either side, until the returned function is called. */
async function blackHole(address: string): Promise<() => Promise<void>> {
  const [host, port] = address.split(":");
  const table = `fairlead_test_${port}`;
  const rules = [
    `table inet ${table} { chain input { type filter hook input priority 0; policy accept`,
    `ip daddr ${host} tcp dport ${port} drop`,
    `ip saddr ${host} tcp sport ${port} drop`,
    "}; }",
  ];
  await run("nft", [rules.join("; ")]);
  let open = true;
  const close = async () => {
    if (open) await run("nft", ["delete", "table", "inet", table]);
    open = false;
  };
  scope.defer(close);
  return close;
}

describe.skipIf(!peers("tgtd", "tgtadm"))("tgtd, which lists no portal but the one that is asked,", () => {
  it("keeps the sessions of a portal that it has closed until a login through another one ends them", async () => {
    const port = await freePort();
    const portals = [`127.0.0.1:${port}`, `127.0.0.2:${port}`] as const;
    const luns = [{ number: 1, sizeBytes: MIB }];
    const target = await Tgtd.start(scope, { portals, luns, targetId: 5 });
    const last = new MortalHost(scope);
    await last.hba(portals).scan(ALL);
    await untilSessions(target, 2);
    await target.removePortal(portals[0]);
    last.die();
    expect(await target.connections()).toHaveLength(2);
    const host = newHost();
    const hba = host.hba(portals);
    expect(await hba.scan(ALL)).toMatchObject({ settled: false, paths: [{ lun: { id: target.lunId(1) } }] });
    await untilSessions(target, 1);
    await target.addPortal(portals[0]);
    expect(await hba.scan(ALL)).toMatchObject({ settled: true, problems: [] });
    expect(await target.connections()).toHaveLength(2);
  });
});
