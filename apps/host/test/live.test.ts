import { join } from "node:path";
import { NbdClient, seededBytes, until } from "@fairlead/testing";
import { describe, expect, it } from "vitest";
import { plugin } from "./plugin.js";
import { type Answer, ask, type RunningHost, runHost } from "./running-host.js";

const KIB = 1024;
const LUN = "local:0:0";
const PATH = encodeURIComponent(LUN);

interface Live extends RunningHost {
  readonly lun: string;
  put(path: string, body: object): Promise<Answer>;
  status(): ReturnType<RunningHost["host"]["spm"]["luns"]>[number] | undefined;
}

async function ready(more: object = {}, files: Readonly<Record<string, string>> = {}): Promise<Live> {
  const running = await runHost(more, files);
  await until("both disks", () => running.host.spm.disks().every(({ state }) => state === "ready"));
  const status = () => running.host.spm.luns()[0];
  return {
    ...running,
    lun: status()?.id ?? "",
    put: (path, body) => ask(running, "PUT", path, body),
    status,
  };
}

const kinds = ({ journal }: RunningHost) => journal.since(0, 10_000).map(({ kind }) => kind);

describe("strategies while I/O runs", () => {
  it("are changed for all LUNs or one, with fall-backs, and what can't be used is told", async () => {
    const live = await ready(
      {},
      { "mine.ts": plugin("mine", "return paths.length - 1;"), "bad.ts": "throw new Error('x');" },
    );
    const { scope, host, put, status } = live;
    const client = await NbdClient.open(scope, host.nbdSocket, "db-root");
    const writing = Promise.all(
      Array.from({ length: 64 }, (_, index) => client.write(index * 4 * KIB, seededBytes(index, 4 * KIB))),
    );
    const file = join(live.directory, "mine.ts");
    const answer = await put("/v1/strategy", {
      strategy: [{ file }, { file: "bad.ts" }, { name: "least-pending", by: "commands" }],
    });
    expect(answer).toMatchObject({
      status: 200,
      json: {
        used: [file, "least-pending"],
        skipped: [
          { name: "bad.ts", code: "PLUGIN_LOAD_FAILED", reason: expect.stringContaining("x (line 1)") },
        ],
      },
    });
    await writing;
    expect(status()).toMatchObject({
      strategy: "mine",
      strategies: ["mine", "least-pending"],
      strategyFaults: 0,
    });
    for (let index = 0; index < 64; index++)
      expect((await client.read(index * 4 * KIB, 4 * KIB)).equals(seededBytes(index, 4 * KIB))).toBe(true);
    expect((await put(`/v1/luns/${PATH}/strategy`, { strategy: [{ name: "round-robin" }] })).status).toBe(
      200,
    );
    expect(status()?.strategies).toEqual(["round-robin"]);
    const events = live.journal.since(0, 1000);
    expect(events.find(({ kind }) => kind === "strategy-skipped")).toMatchObject({
      severity: "warning",
      subject: "bad.ts",
      reason: expect.stringMatching(/^PLUGIN_LOAD_FAILED: /),
    });
    expect(events.filter(({ kind }) => kind === "strategy-set").map(({ subject }) => subject)).toEqual([
      "all LUNs",
      live.lun,
    ]);
  });

  it("stay where none of the list can be used", async () => {
    const { put, status } = await ready();
    const before = status()?.strategies;
    const nothing = await put("/v1/strategy", { strategy: [{ name: "nope" }, { file: "/none.ts" }] });
    expect(nothing).toMatchObject({ status: 400, json: { code: "POLICY_NONE_USABLE" } });
    expect(nothing.json.detail).toMatch(/"nope".*; there is no plugin file \/none\.ts$/);
    expect(await put(`/v1/luns/naa.9/strategy`, { strategy: [{ name: "quota" }] })).toMatchObject({
      status: 404,
      json: { code: "LUN_UNKNOWN" },
    });
    for (const body of [
      {},
      { strategy: [] },
      { strategy: "quota" },
      { strategy: [{}] },
      { strategy: [{ name: "a", file: "b" }] },
    ])
      expect(await put("/v1/strategy", body)).toMatchObject({
        status: 400,
        json: { code: "API_BODY_INVALID" },
      });
    expect(status()?.strategies).toEqual(before);
  });

  it("of single LUNs come from the config, by the name of a path", async () => {
    const live = await ready({
      luns: { byName: { [LUN]: { strategy: [{ name: "quota" }, { name: "nope" }] } } },
    });
    expect(live.status()?.strategies).toEqual(["quota"]);
    await live.put("/v1/strategy", { strategy: [{ name: "speed" }] });
    expect(live.status()?.strategies).toEqual(["speed"]);
  });

  it("that fail are replaced, and the list of plugins says so", async () => {
    const files = { "bad.ts": plugin("bad", "throw new Error('never');") };
    const live = await ready(
      { luns: { strategy: [{ file: "bad.ts" }, { name: "quota" }, { name: "nope" }] } },
      files,
    );
    const { scope, host } = live;
    const states = async () => {
      const { json } = await ask(live, "GET", "/v1/plugins");
      const listed: { name: string; state: string; kind: string; scope?: string }[] = json.plugins;
      return listed
        .filter(({ kind, scope }) => kind === "strategy" && scope !== undefined)
        .map(({ name, state }) => `${name} ${state}`);
    };
    expect(await states()).toEqual(["bad used", "quota fall-back", "nope refused"]);
    const client = await NbdClient.open(scope, host.nbdSocket, "db-root");
    for (let index = 0; index < 16; index++) await client.write(index * 4 * KIB, seededBytes(index, 4 * KIB));
    expect((await client.read(15 * 4 * KIB, 4 * KIB)).equals(seededBytes(15, 4 * KIB))).toBe(true);
    expect(await states()).toEqual(["bad replaced", "quota fall-back", "nope refused"]);
    expect(live.status()).toMatchObject({ strategy: "quota" });
    const { json } = await ask(live, "GET", "/v1/plugins");
    expect(json.plugins[0]).toMatchObject({
      from: `file ${join(live.directory, "bad.ts")}`,
      contract: 1,
      reason: expect.stringMatching(/^quota on file:\S+ after \d+ faults$/),
    });
    expect(json.plugins.at(-1)).toMatchObject({ name: "fixed-partitions", state: "available" });
  });

  it("that could be made once and no more do not keep a LUN from being served", async () => {
    const once = `import { defineStrategy } from "@fairlead/core";
export default defineStrategy({ name: "once", create({}, { team }) {
  if (team !== "trial") throw new Error("once only");
  return { name: "once", select: () => 0 };
} });`.replace("{},", "_,");
    const live = await ready({ luns: { strategy: [{ file: "once.ts" }] } }, { "once.ts": once });
    expect(live.status()?.strategies).toEqual(["round-robin"]);
    expect(live.journal.since(0, 100).find(({ kind }) => kind === "strategy-skipped")).toMatchObject({
      severity: "error",
      reason: `for ${live.lun}: once only`,
    });
  });
});

describe("admission while I/O runs", () => {
  it("is another policy's with what the VMs were given", async () => {
    const live = await ready();
    const { put, status, host, lun } = live;
    const list = { admission: [{ name: "nope" }, { name: "strict-priority", floor: 0.1 }] };
    expect(await put("/v1/admission", list)).toMatchObject({
      status: 200,
      json: { used: ["strict-priority"] },
    });
    expect(status()?.admissionPolicy).toBe("strict-priority");
    expect(host.spm.entry(1, lun)?.shares).toBe(3000);
    expect(kinds(live)).toContain("admission-skipped");
    const refused = await put("/v1/vms/db/luns/local:0:0/entry", { limit: "5MiB/s" });
    expect(refused).toMatchObject({ status: 400, json: { code: "OPTION_INVALID" } });
    const partitions = { name: "fixed-partitions", unitsPerSecond: 1000, sharesTotal: 2999 };
    expect(await put(`/v1/luns/${PATH}/admission`, { admission: [partitions] })).toMatchObject({
      status: 400,
    });
    expect(status()?.admissionPolicy).toBe("strict-priority");
    const roomy = { ...partitions, sharesTotal: 3000 };
    expect(await put(`/v1/luns/${PATH}/admission`, { admission: [roomy] })).toMatchObject({ status: 200 });
    expect(status()?.admissionPolicy).toBe("fixed-partitions");
  });

  it("takes options of the scheduler in the config's words, for all LUNs or one", async () => {
    const live = await ready();
    const { put, host, lun } = live;
    expect(
      await put("/v1/scheduler", { sharesMax: 4000, interval: "500ms", factors: { read: 2 } }),
    ).toMatchObject({
      status: 200,
      json: { luns: "all" },
    });
    const entry = (body: object) => put("/v1/vms/db/luns/local:0:0/entry", body);
    expect((await entry({ shares: 4001 })).status).toBe(400);
    expect((await entry({ shares: 4000 })).status).toBe(200);
    expect((await put(`/v1/luns/${PATH}/scheduler`, { sharesMax: 5000 })).json).toEqual({ luns: lun });
    expect((await entry({ shares: 5000 })).status).toBe(200);
    // Right for what the LUN was told before, though not for all LUNs.
    expect((await put(`/v1/luns/${PATH}/scheduler`, { sharesDefault: 4500 })).status).toBe(200);
    expect((await put("/v1/scheduler", { sharesDefault: 4500 })).status).toBe(400);
    for (const body of [{}, { quantum: 0 }, { interval: 5 }, { queueDepth: 0 }, { nonsense: 1 }])
      expect(await put("/v1/scheduler", body), JSON.stringify(body)).toMatchObject({
        json: { code: "API_BODY_INVALID" },
      });
    expect(await put("/v1/scheduler", { sharesMin: 9000 })).toMatchObject({
      json: { code: "OPTION_INVALID" },
    });
    expect(host.spm.entry(1, lun)?.shares).toBe(5000);
    expect((await put("/v1/scheduler", { queueDepth: 3 })).status).toBe(200);
    expect(host.spm.luns()).toMatchObject([{ queueDepth: 3 }]);
    expect(kinds(live).filter((kind) => kind === "scheduler-set")).toHaveLength(4);
  });
});

describe("entries while I/O runs", () => {
  it("take every word of the config, keep what is left out, and are shown", async () => {
    const live = await ready();
    const { put, lun } = live;
    const entry = (body: object) => put("/v1/vms/web/luns/local:0:0/entry", body);
    expect((await entry({ profile: "backup", guarantee: "1MiB/s", limit: "3000iops" })).json).toEqual({
      vm: "web",
      lun,
      shares: 500,
      priority: 1,
      guarantee: "1MiB/s",
      limit: "3000iops",
      quantum: 2,
      latencyCritical: false,
    });
    expect((await entry({ limit: "none", quantum: "default", shares: "high" })).json).toMatchObject({
      shares: 2000,
      priority: 1,
      guarantee: "1MiB/s",
      limit: "none",
      quantum: "default",
    });
    const { json } = await ask(live, "GET", "/v1/vms");
    expect(json.vms[1]).toMatchObject({
      name: "web",
      priority: 5,
      luns: [{ lun, priority: 1, guarantee: "1MiB/s", limit: "none", state: "idle", unmetMs: 0 }],
    });
    expect(live.journal.since(0, 1000).at(-1)).toMatchObject({
      kind: "entry-set",
      subject: "web",
      reason: `2000 shares, priority 1, guarantee 1MiB/s on ${lun}, an administrator's word; until the host ends`,
    });
    expect(kinds(live)).not.toContain("entry-changed");
  });

  it("are those of the config from the beginning, with the VM's priority where nothing else is said", async () => {
    const extents = (range: string) => ({ root: { extents: [{ lun: LUN, range }] } });
    const { host, lun } = await ready({
      vms: {
        db: { priority: 8, disks: extents("0-1MiB") },
        web: { priority: 8, disks: extents("1-2MiB"), luns: { [LUN]: { priority: 3, guarantee: "10iops" } } },
        batch: { disks: extents("2-3MiB"), luns: { [LUN]: { profile: "backup" } } },
      },
    });
    const entries = [1, 2, 3].map((vm) => host.spm.entry(vm, lun));
    expect(entries.map((entry) => entry?.priority)).toEqual([8, 3, 1]);
    expect(entries[1]?.guarantee).toEqual({ commandsPerSecond: 10 });
  });
});
