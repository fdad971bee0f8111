import { Fairlead, figure, fio, peers, run, San, Scope, SOAK, Tgtd } from "@fairlead/testing";
import { describe, expect, it, onTestFinished } from "vitest";

const UNITS_PER_SECOND = 2000;
const DISK_BYTES = 16 * 1024 * 1024;
const SHARES = [2000, 2000, 1000];
const SECONDS = 10;
const RAMP_SECONDS = 1;
const POINT = 1;
/** So many that a client which gets no processor for some ms still has requests waiting: shares divide what is asked for. */
const IODEPTH = 128;
const RUNS_ON_TGTD = 5;
/** Student's t for a two-sided interval of 95 % with 4 degrees of freedom. */
const T_95 = 2.776;

interface Client {
  /** Index of its VM. */
  readonly vm: number;
  /** Requests per second; as many as it gets where left out. */
  readonly rateIops?: number;
}

/** Three VMs with a third of one LUN each. */
function config(portal: string) {
  const vms = SHARES.map((shares, index) => {
    const range = `${index * DISK_BYTES}B-${(index + 1) * DISK_BYTES}B`;
    const lun = "vmhba0:0:1";
    return [`vm${index}`, { luns: { [lun]: { shares } }, disks: { root: { extents: [{ lun, range }] } } }];
  });
  return { hbas: { vmhba0: { driver: "iscsi", portals: [portal] } }, vms: Object.fromEntries(vms) };
}

async function serve(scope: Scope, portal: string): Promise<Fairlead> {
  const host = await Fairlead.start(scope, config(portal));
  for (const index of SHARES.keys()) await host.untilServed(`vm${index}-root`);
  return host;
}

/** What each client got of all commands, percent. */
async function parts(
  scope: Scope,
  host: Fairlead,
  clients: readonly Client[],
  more: readonly string[] = [],
): Promise<number[]> {
  const jobs = clients.map(({ vm, ...rate }) => ({
    uri: host.uri(`vm${vm}-root`),
    rw: "randread" as const,
    bs: "4k",
    iodepth: IODEPTH,
    size: `${DISK_BYTES}`,
    seconds: SECONDS,
    more: [`ramp_time=${RAMP_SECONDS}`, ...more],
    ...rate,
  }));
  const results = await fio(scope, jobs);
  for (const { error } of results) expect(error).toBe(0);
  const total = results.reduce((sum, { read }) => sum + read.commands, 0);
  return results.map(({ read }) => (100 * read.commands) / total);
}

function expectWithin(measured: readonly number[], wanted: readonly number[], points: number): void {
  const text = measured.map((percent) => percent.toFixed(2)).join(" : ");
  for (const [index, percent] of wanted.entries()) {
    expect(Math.abs((measured[index] ?? Number.NaN) - percent), text).toBeLessThanOrEqual(points);
  }
}

describe.skipIf(!peers("fio", "nbdinfo"))("shares 2000 : 2000 : 1000 at a target of a fixed rate", () => {
  async function onSan(portal: string): Promise<{ scope: Scope; host: Fairlead }> {
    const scope = new Scope();
    onTestFinished(() => scope.close());
    const lun = `1=${SHARES.length * DISK_BYTES}`;
    await San.start(scope, [
      "--portal-group",
      `1=${portal}`,
      "--lun",
      lun,
      "--units-per-second",
      `${UNITS_PER_SECOND}`,
    ]);
    return { scope, host: await serve(scope, portal) };
  }

  it("give 40 : 40 : 20, and 66.7 : 33.3 without the first", { timeout: 120_000 }, async () => {
    const { scope, host } = await onSan("127.0.0.1:13660");
    const three = await parts(scope, host, [{ vm: 0 }, { vm: 1 }, { vm: 2 }]);
    figure("shares 2000:2000:1000, %", three.map((percent) => percent.toFixed(2)).join(" : "));
    expectWithin(three, [40, 40, 20], POINT);
    const two = await parts(scope, host, [{ vm: 1 }, { vm: 2 }]);
    figure("shares 2000:1000, the first VM stopped, %", two.map((percent) => percent.toFixed(2)).join(" : "));
    expectWithin(two, [200 / 3, 100 / 3], POINT);
  });

  it("give 53.3 : 26.7 to the others where the first takes only 20 %", { timeout: 60_000 }, async () => {
    const { scope, host } = await onSan("127.0.0.1:13661");
    const paced = { vm: 0, rateIops: UNITS_PER_SECOND / 5 };
    const measured = await parts(scope, host, [paced, { vm: 1 }, { vm: 2 }]);
    figure("the first VM paced at 20 %, %", measured.map((percent) => percent.toFixed(2)).join(" : "));
    expectWithin(measured, [20, 160 / 3, 80 / 3], POINT);
  });
});

if (SOAK)
  describe.skipIf(!peers("tgtd", "tgtadm", "fio", "nbdinfo", "taskset"))(
    "shares on tgtd at full speed",
    () => {
      it("the mean of five runs is within a point of 40 : 40 : 20", { timeout: 600_000 }, async () => {
        const scope = new Scope();
        onTestFinished(() => scope.close());
        const portal = "127.0.0.1:13662";
        const directory = await scope.fastDirectory(SHARES.length * DISK_BYTES);
        const luns = [{ number: 1, sizeBytes: SHARES.length * DISK_BYTES }];
        const target = await Tgtd.start(scope, { directory, portals: [portal], luns });
        const host = await serve(scope, portal);
        const runs: number[][] = [];
        // Shares divide what the LUN gives: the clients have a processor to themselves, so that they always ask for more.
        for (const pid of [host.process.pid, target.pid]) await run("taskset", ["-apc", "0", `${pid}`]);
        const pinned = ["cpus_allowed=1"];
        while (runs.length < RUNS_ON_TGTD) {
          runs.push(await parts(scope, host, [{ vm: 0 }, { vm: 1 }, { vm: 2 }], pinned));
        }
        const means = SHARES.map((_, vm) => {
          const values = runs.map((run) => run[vm] ?? Number.NaN);
          const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
          const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1);
          const half = T_95 * Math.sqrt(variance / values.length);
          figure(
            `shares on tgtd, VM ${vm}, mean of ${values.length} runs, %`,
            `${mean.toFixed(2)} ± ${half.toFixed(2)}`,
          );
          return mean;
        });
        expectWithin(means, [40, 40, 20], POINT);
      });
    },
  );
