import {
  Fairlead,
  type FioResult,
  fio,
  peers,
  San,
  Scope,
  Tgtd,
  until,
  untilSessions,
} from "@fairlead/testing";
import { describe, expect, it, onTestFinished } from "vitest";

const MIB = 1024 * 1024;
const SECONDS = 8;
const JOB = { rw: "randwrite", bs: "4k", iodepth: 16, size: "32m", verify: true } as const;
/** The driver notices silence after 1 s and gives up on it 2 s later; a guest must not wait for much longer. */
const PAUSE_MS_MAX = 8_000;

interface Load {
  readonly target: Tgtd;
  readonly host: Fairlead;
  /** fio writing and verifying, under way. */
  readonly verified: Promise<FioResult[]>;
  /** Waits until so many more commands have run. */
  readonly untilMore: (commands: number) => Promise<void>;
}

async function loaded(portals: readonly string[]): Promise<Load> {
  const scope = new Scope();
  onTestFinished(() => scope.close());
  const target = await Tgtd.start(scope, { portals, luns: [{ number: 1, sizeBytes: 64 * MIB }] });
  const hbas = portals.map((portal, index) => [`vmhba${index}`, { driver: "iscsi", portals: [portal] }]);
  const host = await Fairlead.start(scope, {
    hbas: Object.fromEntries(hbas),
    vms: { db: { disks: { root: { extents: [{ lun: target.lunId(1) }] } } } },
  });
  await host.untilServed("db-root");
  await untilSessions(target, portals.length);
  const verified = fio(scope, [{ uri: host.uri("db-root"), ...JOB, seconds: SECONDS }], 90_000);
  const untilMore = async (commands: number) => {
    const { writeCommands } = await target.statistics(1);
    await until(
      "more commands",
      async () => (await target.statistics(1)).writeCommands >= writeCommands + commands,
    );
  };
  await untilMore(100);
  return { target, host, verified, untilMore };
}

async function expectClean({ target, verified }: Load, sessions: number): Promise<void> {
  const [result] = await verified;
  expect(result).toMatchObject({ error: 0, failedCommands: 0 });
  expect(result?.write.commands).toBeGreaterThan(200);
  await untilSessions(target, sessions, 30_000);
}

/** Of all portals of the target together. */
async function counted(san: San, counter: "commands" | "failed"): Promise<number> {
  const counters = (await san.command({ query: "counters" })) as Record<typeof counter, number>[];
  return counters.reduce((sum, one) => sum + one[counter], 0);
}

describe.skipIf(!peers("tgtd", "tgtadm", "fio", "nbdinfo"))("a target that fails, under fio verify", () => {
  it("kill -9 and restart of the only target: requests wait, none fails", { timeout: 90_000 }, async () => {
    const load = await loaded(["127.0.0.1:13691", "127.0.0.2:13691"]);
    await load.target.kill();
    await load.target.restart();
    await expectClean(load, 2);
  });

  it("silence of all portals: no request waits longer than detection and login take", {
    timeout: 90_000,
  }, async () => {
    const load = await loaded(["127.0.0.1:13692", "127.0.0.2:13692"]);
    load.target.pause();
    await until("the paths are given up", async () =>
      (await load.host.get("paths")).every(({ state }) => state !== "active"),
    );
    load.target.resume();
    await expectClean(load, 2);
    const [result] = await load.verified;
    expect(result?.write.maxMs).toBeLessThan(PAUSE_MS_MAX);
  });
});

describe.skipIf(!peers("fio", "nbdinfo"))("a LUN that is not ready for a while, under fio verify", () => {
  it("requests wait, none fails, and no path is blamed", { timeout: 60_000 }, async () => {
    const scope = new Scope();
    onTestFinished(() => scope.close());
    const portals = ["127.0.0.1:13696", "127.0.0.2:13696"];
    const san = await San.start(scope, ["--portal-group", `1=${portals.join()}`, "--lun", "1=64MiB"]);
    const host = await Fairlead.start(scope, {
      hbas: { vmhba0: { driver: "iscsi", portals } },
      vms: { db: { disks: { root: { extents: [{ lun: "vmhba0:0:1" }] } } } },
    });
    await host.untilServed("db-root");
    const verified = fio(scope, [{ uri: host.uri("db-root"), ...JOB, seconds: 5 }]);
    await until("busy", async () => (await counted(san, "commands")) > 1000);

    await san.command({ lun: 1, fault: "offline" });
    const before = await counted(san, "failed");
    await until("refusals", async () => (await counted(san, "failed")) > before + 20);
    expect((await host.get("paths")).map(({ state }) => state)).toEqual(["active", "active"]);
    await san.command({ lun: 1, fault: "online" });
    const [result] = await verified;
    expect(result).toMatchObject({ error: 0, failedCommands: 0 });
  });
});
