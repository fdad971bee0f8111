import {
  Fairlead,
  type FioJob,
  figure,
  fio,
  PortalProxy,
  peers,
  Scope,
  SOAK,
  Tgtd,
  untilSessions,
} from "@fairlead/testing";
import { describe, expect, it, onTestFinished } from "vitest";

const MIB = 1024 * 1024;
const VMS = 4;
const DISK_BYTES = 16 * MIB;
/** What the relay in front of each portal lets pass, in each direction; the last path is four times slower. */
const PACES_BYTES_PER_SECOND = [8 * MIB, 8 * MIB, 8 * MIB, 2 * MIB];
/** Parts that keep all four paths busy for the same time: 4 : 4 : 4 : 1. */
const IDEAL = PACES_BYTES_PER_SECOND.map((pace, _, all) => pace / all.reduce((sum, each) => sum + each));
/** Until a strategy that measures has measured. */
const RAMP_SECONDS = SOAK ? 2 : 1;
const SECONDS = SOAK ? 8 : 3;

interface San {
  readonly scope: Scope;
  readonly host: Fairlead;
}

/** One LUN of tgtd behind four portals, each behind a relay; each VM has a part of it. */
async function fourPaths(firstPort: number, hbas: readonly object[] = [{}, {}, {}, {}]): Promise<San> {
  const scope = new Scope();
  onTestFinished(() => scope.close());
  const portals = [1, 2, 3, 4].map((host) => `127.0.0.${host}:${firstPort}`);
  const directory = await scope.fastDirectory(VMS * DISK_BYTES);
  const target = await Tgtd.start(scope, {
    directory,
    portals,
    luns: [{ number: 1, sizeBytes: VMS * DISK_BYTES }],
  });
  const relays = portals.map((portal) => portal.replace(`${firstPort}`, `${firstPort + 1}`));
  for (const [index, relay] of relays.entries()) {
    const proxy = await PortalProxy.start(scope, relay, portals[index] ?? "");
    proxy.pace(PACES_BYTES_PER_SECOND[index] ?? Number.NaN);
  }
  const host = await Fairlead.start(scope, {
    hbas: Object.fromEntries(
      relays.map((relay, index) => [`vmhba${index}`, { driver: "iscsi", portals: [relay], ...hbas[index] }]),
    ),
    luns: { scheduler: { queueDepth: 64 } },
    vms: Object.fromEntries(
      Array.from({ length: VMS }, (_, index) => {
        const range = `${index * DISK_BYTES}B-${(index + 1) * DISK_BYTES}B`;
        return [`vm${index}`, { disks: { root: { extents: [{ lun: target.lunId(1), range }] } } }];
      }),
    ),
  });
  for (let vm = 0; vm < VMS; vm++) await host.untilServed(`vm${vm}-root`);
  await untilSessions(target, portals.length);
  return { scope, host };
}

interface PathCounts {
  readonly name: string;
  readonly completedCommands: number;
  readonly completedBytes: number;
}

async function pathCounts(host: Fairlead): Promise<PathCounts[]> {
  const paths = (await host.get("paths")) as unknown as PathCounts[];
  return [...paths].sort((a, b) => (a.name < b.name ? -1 : 1));
}

function job(host: Fairlead, vm: number, iodepth: number, more: Partial<FioJob> = {}): FioJob {
  return {
    uri: host.uri(`vm${vm}-root`),
    rw: "randread",
    bs: "64k",
    size: `${DISK_BYTES}`,
    iodepth,
    seconds: SECONDS,
    ...more,
  };
}

/** Part of the commands and of the bytes that each path carried while the jobs ran, after a run-in with the same jobs. */
async function parts(
  { scope, host }: San,
  jobs: readonly FioJob[],
): Promise<Record<"commands" | "bytes", number[]>> {
  await errorFree(
    scope,
    jobs.map((one) => ({ ...one, seconds: RAMP_SECONDS })),
  );
  const before = await pathCounts(host);
  await errorFree(scope, jobs);
  const after = await pathCounts(host);
  const grown = (key: "completedCommands" | "completedBytes") => {
    const counts = after.map((path, index) => path[key] - (before[index]?.[key] ?? Number.NaN));
    const total = counts.reduce((sum, count) => sum + count);
    return counts.map((count) => count / total);
  };
  return { commands: grown("completedCommands"), bytes: grown("completedBytes") };
}

async function errorFree(scope: Scope, jobs: readonly FioJob[]) {
  const results = await fio(scope, jobs);
  for (const { error } of results) expect(error).toBe(0);
  return results;
}

/** Half the sum of differences: the part of the load that lies where it should not. */
function totalVariation(measured: readonly number[], ideal: readonly number[]): number {
  return measured.reduce((sum, part, index) => sum + Math.abs(part - (ideal[index] ?? 0)), 0) / 2;
}

function shown(name: string, measured: readonly number[], ideal: readonly number[]): number {
  const distance = totalVariation(measured, ideal);
  const text = measured.map((part) => part.toFixed(3)).join(" : ");
  figure(name, `${text}, distance ${distance.toFixed(3)}`);
  return distance;
}

describe.skipIf(!peers("tgtd", "tgtadm", "fio", "nbdinfo"))(
  "four paths of tgtd, one four times slower",
  () => {
    it("round-robin gives each the same number of commands", { timeout: 90_000 }, async () => {
      const san = await fourPaths(14_100);
      await san.host.cli("set", "strategy", "round-robin");
      const { commands } = await parts(san, [job(san.host, 0, 16)]);
      expect(shown("round-robin, depth 16", commands, [0.25, 0.25, 0.25, 0.25])).toBeLessThanOrEqual(0.01);
    });

    it("least-pending and speed follow what the paths can do, swapped while the host runs", {
      timeout: 180_000,
    }, async () => {
      const san = await fourPaths(14_102);
      await san.host.cli("set", "strategy", "least-pending");
      const least = await parts(san, [job(san.host, 0, 64)]);
      expect(shown("least-pending, depth 64", least.bytes, IDEAL)).toBeLessThanOrEqual(0.03);

      await san.host.cli("set", "strategy", "speed");
      const shallow = await parts(san, [job(san.host, 0, 1, { seconds: 2 * SECONDS })]);
      expect(shown("speed, depth 1", shallow.bytes, IDEAL)).toBeLessThanOrEqual(0.035);
      const deep = await parts(san, [job(san.host, 0, 64)]);
      expect(shown("speed, depth 64", deep.bytes, IDEAL)).toBeLessThanOrEqual(0.03);
    });

    it("quota gives each its share of the data", { timeout: 90_000 }, async () => {
      const shares = [4, 2, 1, 1];
      const san = await fourPaths(
        14_104,
        shares.map((share) => ({ share })),
      );
      await san.host.cli("set", "strategy", "quota");
      const { bytes } = await parts(san, [job(san.host, 0, 8), job(san.host, 1, 8)]);
      const ideal = shares.map((share) => share / 8);
      expect(shown("quota, shares 4:2:1:1", bytes, ideal)).toBeLessThanOrEqual(0.01);
    });

    it("vm-affinity keeps each VM on its path, so that the slow one hurts one VM", {
      timeout: 120_000,
    }, async () => {
      const san = await fourPaths(14_106);
      const { host, scope } = san;
      await host.cli("set", "strategy", "vm-affinity");
      const jobs = Array.from({ length: VMS }, (_, vm) => job(host, vm, 4));
      await errorFree(
        scope,
        jobs.map((one) => ({ ...one, seconds: 1 })),
      );
      const before = await pathCounts(host);
      const results = await errorFree(scope, jobs);
      const after = await pathCounts(host);
      const perPath = after.map(
        (path, index) => path.completedCommands - (before[index]?.completedCommands ?? 0),
      );
      const perVm = results.map(({ read }) => read.commands);
      figure("vm-affinity, commands per path; per VM", `${perPath.join(" ")}; ${perVm.join(" ")}`);
      // The reads of fio's own start are not in its result.
      for (const [index, commands] of sorted(perVm).entries()) {
        expect(Math.abs((sorted(perPath)[index] ?? 0) - commands)).toBeLessThanOrEqual(0.01 * commands + 8);
      }
      const [slow = 0, ...fast] = sorted(perVm);
      expect(fast[0]).toBeGreaterThan(3 * slow);

      const lost = after[0]?.name ?? "";
      await host.cli("path", "disable", lost);
      const crossed = await parts(san, jobs);
      expect(crossed.commands[0]).toBe(0);
      await host.cli("path", "enable", lost);
      const home = await parts(san, jobs);
      figure(
        "vm-affinity, after fail-back, part of each path",
        home.commands.map((part) => part.toFixed(3)).join(" : "),
      );
      expect(totalVariation(home.commands, IDEAL)).toBeLessThanOrEqual(0.03);
    });
  },
);

function sorted(values: readonly number[]): number[] {
  return [...values].sort((a, b) => a - b);
}
