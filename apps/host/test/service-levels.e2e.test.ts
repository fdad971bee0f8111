import { readFile } from "node:fs/promises";
import { join } from "node:path";
import {
  Fairlead,
  type FioJob,
  type FioResult,
  figure,
  fio,
  PortalProxy,
  peers,
  San,
  Scope,
  SOAK,
  Tgtd,
} from "@fairlead/testing";
import { describe, expect, it, onTestFinished } from "vitest";

const MIB = 1024 * 1024;
const DISK_BYTES = 16 * MIB;
const LUN = "vmhba0:0:1";
const SECONDS = SOAK ? 10 : 4;

/** Level of service of one VM on the LUN, in the words of the config. */
type Level = Readonly<Record<string, string | number>>;

/** Each VM has a part of one LUN. */
async function serve(scope: Scope, portals: readonly string[], levels: readonly Level[]): Promise<Fairlead> {
  const vms = levels.map((level, index) => {
    const range = `${index * DISK_BYTES}B-${(index + 1) * DISK_BYTES}B`;
    return [`vm${index}`, { luns: { [LUN]: level }, disks: { root: { extents: [{ lun: LUN, range }] } } }];
  });
  const host = await Fairlead.start(scope, {
    hbas: Object.fromEntries(
      portals.map((portal, index) => [`vmhba${index}`, { driver: "iscsi", portals: [portal] }]),
    ),
    vms: Object.fromEntries(vms),
  });
  for (const index of levels.keys()) await host.untilServed(`vm${index}-root`);
  return host;
}

async function tgtd(scope: Scope, portals: readonly string[], vms: number): Promise<Tgtd> {
  const directory = await scope.fastDirectory(vms * DISK_BYTES);
  return Tgtd.start(scope, { directory, portals, luns: [{ number: 1, sizeBytes: vms * DISK_BYTES }] });
}

function newScope(): Scope {
  const scope = new Scope();
  onTestFinished(() => scope.close());
  return scope;
}

/** Random reads of 4 KiB, as many as the VM gets, after a second of run-in. */
function reader(host: Fairlead, vm: number, more: Partial<FioJob> = {}): FioJob {
  return {
    uri: host.uri(`vm${vm}-root`),
    rw: "randread",
    bs: "4k",
    iodepth: 32,
    size: `${DISK_BYTES}`,
    seconds: SECONDS,
    ...more,
    more: ["ramp_time=1", ...(more.more ?? [])],
  };
}

async function errorFree(scope: Scope, jobs: readonly FioJob[]): Promise<FioResult[]> {
  const results = await fio(scope, jobs);
  for (const { error } of results) expect(error).toBe(0);
  return results;
}

/** Mean commands per second in each second of the run. */
async function perSecond(log: string): Promise<number[]> {
  const lines = (await readFile(`${log}_iops.1.log`, "utf8")).trim().split("\n");
  return lines.map((line) => Number(line.split(",")[1]));
}

/** Commands per second of the first job; the first and the last second are left out, where not all jobs run. */
async function steadyIops(scope: Scope, jobs: readonly [FioJob, ...FioJob[]]): Promise<number> {
  const log = join(await scope.directory(), "steady");
  const [first, ...others] = jobs;
  const logged = { ...first, more: [...(first.more ?? []), `write_iops_log=${log}`, "log_avg_msec=1000"] };
  await errorFree(scope, [logged, ...others]);
  const middle = (await perSecond(log)).slice(1, -1);
  expect(middle.length).toBeGreaterThanOrEqual((first.seconds ?? 0) - 3);
  return middle.reduce((sum, value) => sum + value, 0) / middle.length;
}

describe.skipIf(!peers("tgtd", "tgtadm", "fio", "nbdinfo"))("limits on tgtd", () => {
  it("3000 commands/s are 3000 ± 1 % over 10 s and at most 3300 in any second", {
    timeout: 60_000,
  }, async () => {
    const scope = newScope();
    await tgtd(scope, ["127.0.0.1:14200"], 1);
    const host = await serve(scope, ["127.0.0.1:14200"], [{ limit: "3000iops" }]);
    const log = join(await scope.directory(), "limit");
    const [result] = await errorFree(scope, [
      reader(host, 0, { seconds: 10, more: [`write_iops_log=${log}`, "log_avg_msec=1000"] }),
    ]);
    const iops = result?.read.iops ?? 0;
    const seconds = await perSecond(log);
    const highest = Math.max(...seconds);
    figure("limit 3000iops: over 10 s; highest second", `${iops.toFixed(0)}; ${highest}`);
    expect(Math.abs(iops - 3000)).toBeLessThanOrEqual(30);
    expect(seconds.length).toBeGreaterThanOrEqual(9);
    expect(highest).toBeLessThanOrEqual(3300);
  });

  it("20 MiB/s hold for commands of 64 KiB, and a change holds at once", { timeout: 60_000 }, async () => {
    const scope = newScope();
    await tgtd(scope, ["127.0.0.1:14201"], 1);
    const host = await serve(scope, ["127.0.0.1:14201"], [{ limit: "20MiB/s" }]);
    // Few at a time: what is in flight at the end counts, too.
    const large = reader(host, 0, { bs: "64k", iodepth: 4 });
    const [first] = await errorFree(scope, [large]);
    await host.cli("set", "entry", "vm0", LUN, "limit=10MiB/s");
    const [second] = await errorFree(scope, [large]);
    const rates = [first, second].map((result) => (result?.read.bytesPerSecond ?? 0) / MIB);
    figure("limit 20 MiB/s, then 10 MiB/s", rates.map((rate) => rate.toFixed(2)).join("; "));
    expect(Math.abs((rates[0] ?? 0) - 20)).toBeLessThanOrEqual(0.2);
    expect(Math.abs((rates[1] ?? 0) - 10)).toBeLessThanOrEqual(0.1);
  });
});

describe.skipIf(!peers("fio", "nbdinfo"))(
  "a guarantee beside a flood, at a target of fixed service time",
  () => {
    const PARALLEL = 16;
    const flood = (host: Fairlead) => reader(host, 1, { bs: "64k", iodepth: 64, seconds: SOAK ? 10 : 6 });

    /** The target does so many commands at a time, whatever their size. */
    async function onSan(
      portal: string,
      serviceTimeMs: number,
      victim: Level,
    ): Promise<{ scope: Scope; host: Fairlead }> {
      const service = ["--service-time-ms", `${serviceTimeMs}`, "--parallel", `${PARALLEL}`];
      const scope = newScope();
      await San.start(scope, ["--portal-group", `1=${portal}`, "--lun", `1=${2 * DISK_BYTES}`, ...service]);
      return { scope, host: await serve(scope, [portal], [victim, { shares: 10_000 }]) };
    }

    it("is met to 2 %", { timeout: 60_000 }, async () => {
      const { scope, host } = await onSan("127.0.0.1:14202", 32, { shares: 10, guarantee: "200iops" });
      const seconds = SOAK ? 10 : 6;
      const iops = await steadyIops(scope, [reader(host, 0, { seconds }), flood(host)]);
      figure("guarantee 200iops beside a flood", iops.toFixed(1));
      expect(Math.abs(iops - 200)).toBeLessThanOrEqual(4);
    });

    it("keeps the p99 of a latency-critical VM within twice what it has alone", {
      timeout: 90_000,
    }, async () => {
      const { scope, host } = await onSan("127.0.0.1:14203", 8, {
        profile: "latency-critical",
        guarantee: "100iops",
      });
      const one = reader(host, 0, { iodepth: 1 });
      const [solo] = await errorFree(scope, [one]);
      const [victim, neighbour] = await errorFree(scope, [one, flood(host)]);
      const soloP99Ms = solo?.read.p99Ms ?? 0;
      const p99Ms = victim?.read.p99Ms ?? 0;
      figure(
        "latency-critical at depth 1: p99 alone; beside a flood; the flood",
        `${soloP99Ms.toFixed(2)} ms; ${p99Ms.toFixed(2)} ms; ${neighbour?.read.iops.toFixed(0)} IOPS`,
      );
      expect(p99Ms).toBeLessThanOrEqual(2 * soloP99Ms);
    });
  },
);

describe.skipIf(!peers("tgtd", "tgtadm", "fio", "nbdinfo"))(
  "one of two equal paths fails [0109]–[0112]",
  () => {
    const PACE_BYTES_PER_SECOND = 4 * MIB;
    const WANTED_BYTES_PER_SECOND = 3 * MIB;

    /** What a VM that wants three quarters of the path that is left gets alone, and beside one that takes all it can. MiB/s */
    async function afterFailure(
      firstPort: number,
      priority: number,
    ): Promise<{ alone: number; beside: number }> {
      const scope = newScope();
      const portals = [1, 2].map((host) => `127.0.0.${host}:${firstPort}`);
      await tgtd(scope, portals, 2);
      const relays = [];
      for (const portal of portals) {
        const relay = await PortalProxy.start(
          scope,
          portal.replace(`${firstPort}`, `${firstPort + 1}`),
          portal,
        );
        relay.pace(PACE_BYTES_PER_SECOND);
        relays.push(relay);
      }
      const levels = [{ priority }, { priority: 5 }];
      const host = await serve(
        scope,
        relays.map(({ address }) => address),
        levels,
      );
      const jobs: [FioJob, FioJob] = [
        reader(host, 0, { bs: "64k", rateIops: WANTED_BYTES_PER_SECOND / 65_536 }),
        reader(host, 1, { bs: "64k", iodepth: 64 }),
      ];
      await errorFree(
        scope,
        jobs.map((job) => ({ ...job, seconds: 2 })),
      );
      relays[1]?.refuse();
      relays[1]?.reset();
      const alone = await steadyIops(scope, [jobs[0]]);
      // Longer: in the first seconds the VMs have yet to find their places.
      const longer = jobs.map((job) => ({ ...job, seconds: 10 })) as typeof jobs;
      const beside = await steadyIops(scope, longer);
      return { alone: (65_536 * alone) / MIB, beside: (65_536 * beside) / MIB };
    }

    it("a VM of higher priority keeps what it needs", { timeout: 60_000 }, async () => {
      const { alone, beside } = await afterFailure(14_206, 8);
      figure(
        "MiB/s after a failure, beside a flood and alone",
        `${beside.toFixed(2)} of ${alone.toFixed(2)}`,
      );
      // By shares it would be two thirds.
      expect(beside).toBeGreaterThanOrEqual((SOAK ? 0.97 : 0.95) * alone);
    });

    if (SOAK)
      it("one of equal priority gets its share", { timeout: 60_000 }, async () => {
        const { alone, beside } = await afterFailure(14_204, 5);
        figure("MiB/s of a VM of equal priority", `${beside.toFixed(2)} of ${alone.toFixed(2)}`);
        expect(Math.abs(beside - 2)).toBeLessThanOrEqual(0.2);
      });
  },
);

if (SOAK)
  describe.skipIf(!peers("tgtd", "tgtadm", "fio", "nbdinfo"))(
    "latency beside a flood on tgtd at full speed",
    () => {
      it("is reported with the room used", { timeout: 240_000 }, async () => {
        const scope = newScope();
        await tgtd(scope, ["127.0.0.1:14208"], 2);
        const levels = [{ profile: "latency-critical", guarantee: "100iops" }, { shares: 1000 }];
        const host = await serve(scope, ["127.0.0.1:14208"], levels);
        const one = reader(host, 0, { iodepth: 1 });
        const flood = reader(host, 1, { bs: "64k", iodepth: 64 });
        const [solo] = await errorFree(scope, [one]);
        for (const depth of [1, 2, 4, 8, 16, 32]) {
          await host.cli("set", "scheduler", `latencyDepth=${depth}`);
          const [victim, neighbour] = await errorFree(scope, [one, flood]);
          figure(
            `tgtd, latencyDepth ${depth}: p99 alone; beside a flood; the flood`,
            `${solo?.read.p99Ms.toFixed(2)} ms; ${victim?.read.p99Ms.toFixed(2)} ms; ${neighbour?.read.iops.toFixed(0)} IOPS`,
          );
          expect(victim?.read.commands).toBeGreaterThan(0);
        }
      });
    },
  );
