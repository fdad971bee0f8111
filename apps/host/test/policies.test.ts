import { symlink } from "node:fs/promises";
import { join } from "node:path";
import { NbdClient, seededBytes, until } from "@fairlead/testing";
import { describe, expect, it } from "vitest";
import { plugin } from "./plugin.js";
import { type Answer, ask, type RunningHost, runHost } from "./running-host.js";

/** Holds up plugins that are being loaded. */
class Gate {
  begun = 0;
  open = (): void => {};
  readonly #opened = new Promise<void>((resolve) => {
    this.open = resolve;
  });

  wait(): Promise<void> {
    this.begun++;
    return this.#opened;
  }
}

const GATE = Symbol.for("gate of a plugin that loads slowly");
const waits = `await globalThis[Symbol.for(${JSON.stringify(GATE.description)})].wait();\n`;
const FILES = {
  "slow.ts": `${waits}${plugin("slow", "return paths.length > 0 ? 0 : -1;")}`,
  "slow-admission.ts": `${waits}
import { defineAdmissionPolicy } from "@fairlead/core";
import { strictPriority } from "@fairlead/disk-scheduler";
export default defineAdmissionPolicy({ name: "slow-admission", create: () => strictPriority() });
`,
};

/** Two LUNs; the first gets a second path, local:2:0, where `secondPath` is called. */
async function ready(byName: object = {}) {
  const gate = new Gate();
  Reflect.set(globalThis, GATE, gate);
  const files = ["lun0", "lun1"].map((path) => ({ path, size: "8MiB" }));
  const live: RunningHost = await runHost(
    {
      hbas: { local: { driver: "file", files: [...files, { path: "link" }] } },
      luns: { byName },
    },
    FILES,
  );
  const { spm } = live.host;
  await until("two LUNs", () => spm.luns().length === 2);
  return {
    ...live,
    gate,
    loading: (count: number) => until("plugins that are being loaded", () => gate.begun === count),
    put: (path: string, body: object): Promise<Answer> => ask(live, "PUT", path, body),
    strategies: () => spm.luns().map(({ strategy }) => strategy),
    admission: () => spm.luns().map(({ admissionPolicy }) => admissionPolicy),
    events: (kind: string) => live.journal.since(0, 10_000).filter((event) => event.kind === kind),
    scopes: () => live.host.policies.plugins(spm.luns()).flatMap(({ scope }) => scope ?? []),
    async secondPath() {
      await symlink(join(live.directory, "lun0"), join(live.directory, "link"));
      await spm.rescan();
      expect(spm.luns()[0]?.paths.map(({ name }) => name)).toEqual(["local:0:0", "local:2:0"]);
    },
  };
}

const of = (lun: string) => `/v1/luns/${encodeURIComponent(lun)}`;
const strategy = (name: string) => ({ strategy: [{ name }] });

describe("strategies by the name of a LUN", () => {
  it("are in force when the name is found, and an event says why", async () => {
    const { strategies, secondPath, events, scopes } = await ready({ "local:2:0": strategy("quota") });
    expect(strategies()).toEqual(["round-robin", "round-robin"]);
    expect(scopes()).toContain("local:2:0");
    await secondPath();
    expect(strategies()).toEqual(["quota", "round-robin"]);
    expect(events("strategy-set").map(({ reason }) => reason)).toEqual([
      "quota, as luns.byName.local:2:0 of the config says",
    ]);
    expect(scopes()).not.toContain("local:2:0");
  });

  it("leave an administrator's word for that LUN in force, whichever name it was given by", async () => {
    const { strategies, secondPath, events, put, scopes } = await ready({ "local:2:0": strategy("quota") });
    await put(`${of("local:1:0")}/strategy`, strategy("least-pending"));
    await put(`${of("local:0:0")}/strategy`, strategy("speed"));
    await secondPath();
    expect(strategies()).toEqual(["speed", "least-pending"]);
    expect(events("strategy-kept").map(({ reason }) => reason)).toEqual([
      "luns.byName.local:2:0 is passed over: an administrator has set another one",
    ]);
    expect(scopes()).not.toContain("local:2:0");
  });

  it.each([
    ["that is found first", ["local:0:0", "local:2:0"], ["speed", "speed"]],
    ["that is found later", ["local:2:0", "local:0:0"], ["speed", "quota"]],
  ])("hold by the first of two names of a LUN, one %s", async (_, names, [before, after]) => {
    const lists = { "local:0:0": strategy("speed"), "local:2:0": strategy("quota") };
    const byName = Object.fromEntries(names.map((name) => [name, Reflect.get(lists, name)]));
    const { strategies, secondPath, events } = await ready(byName);
    expect(strategies()[0]).toBe(before);
    await secondPath();
    expect(strategies()[0]).toBe(after);
    const [first, second] = names;
    expect(events("lun-named-twice")).toMatchObject([
      {
        severity: "warning",
        reason: `luns.byName has this LUN as ${first} and as ${second}; ${first} holds, which comes first`,
      },
    ]);
  });
});

describe("a policy that is still being loaded", () => {
  const slow = { strategy: [{ file: "slow.ts" }] };
  const LATE = { status: 409, json: { code: "POLICY_SUPERSEDED" } };

  it("keeps nobody from setting another one at once, which it then does not replace", async () => {
    const { put, strategies, admission, gate, events, loading } = await ready();
    const late = put("/v1/strategy", slow);
    const lateAdmission = put("/v1/admission", { admission: [{ file: "slow-admission.ts" }] });
    await loading(2);
    await put("/v1/strategy", strategy("speed"));
    await put("/v1/admission", { admission: [{ name: "strict-priority" }] });
    expect(strategies()).toEqual(["speed", "speed"]);
    gate.open();
    expect(await late).toMatchObject(LATE);
    expect(await lateAdmission).toMatchObject(LATE);
    expect(strategies()).toEqual(["speed", "speed"]);
    expect(admission()).toEqual(["strict-priority", "strict-priority"]);
    expect(events("strategy-set")).toHaveLength(1);
    expect(events("admission-set")).toHaveLength(1);
  });

  it("comes to the LUNs of which nothing was said meanwhile", async () => {
    const { put, strategies, admission, gate, loading } = await ready();
    await put(`${of("local:1:0")}/strategy`, strategy("quota"));
    await put(`${of("local:1:0")}/admission`, { admission: [{ name: "strict-priority" }] });
    const all = put("/v1/strategy", slow);
    const allAdmission = put("/v1/admission", { admission: [{ file: "slow-admission.ts" }] });
    await loading(2);
    await put(`${of("local:0:0")}/strategy`, strategy("speed"));
    await put(`${of("local:0:0")}/admission`, { admission: [{ name: "strict-priority" }] });
    gate.open();
    expect(await all).toMatchObject({ status: 200 });
    expect(await allAdmission).toMatchObject({ status: 200 });
    expect(strategies()).toEqual(["speed", "slow"]);
    expect(admission()).toEqual(["strict-priority", "slow-admission"]);
  });

  it("for one LUN is too late where another was set for that LUN or for all, not for another LUN", async () => {
    const { put, strategies, gate, loading } = await ready();
    const first = put(`${of("local:0:0")}/strategy`, slow);
    const second = put(`${of("local:1:0")}/strategy`, slow);
    await loading(2);
    await put(`${of("local:1:0")}/strategy`, strategy("quota"));
    gate.open();
    expect(await first).toMatchObject({ status: 200 });
    expect(await second).toMatchObject(LATE);
    expect(strategies()).toEqual(["slow", "quota"]);
  });

  it("for one LUN is too late where another was set for all", async () => {
    const { put, strategies, gate, loading } = await ready();
    const late = put(`${of("local:0:0")}/strategy`, slow);
    await loading(1);
    await put("/v1/strategy", strategy("quota"));
    gate.open();
    expect(await late).toMatchObject(LATE);
    expect(strategies()).toEqual(["quota", "quota"]);
  });

  it("holds over the config's word for a LUN that is found meanwhile", async () => {
    const { put, strategies, gate, loading, secondPath } = await ready({ "local:2:0": strategy("quota") });
    const late = put("/v1/strategy", slow);
    await loading(1);
    await secondPath();
    expect(strategies()).toEqual(["quota", "round-robin"]);
    gate.open();
    expect(await late).toMatchObject({ status: 200 });
    expect(strategies()).toEqual(["slow", "slow"]);
  });
});

describe("an admission policy of a stranger that fails", () => {
  const breaks = `import { defineAdmissionPolicy } from "@fairlead/core";
import { strictPriority } from "@fairlead/disk-scheduler";
export default defineAdmissionPolicy({
  name: "breaks",
  create() {
    const policy = strictPriority();
    let calls = 0;
    const next = policy.next.bind(policy);
    return Object.defineProperty(policy, "next", {
      value(nowMs) {
        if (++calls === 7) throw new Error("seventh");
        return next(nowMs);
      },
    });
  },
});
`;

  it.each([
    ["the next that can be used", [{ name: "nope" }, { name: "fixed-partitions", unitsPerSecond: 50_000 }]],
    ["the built-in scheduler where none is left", []],
  ])("is followed by %s; nothing is lost, and it is told", async (_, fallBacks) => {
    const live = await runHost(
      { luns: { admission: [{ file: "breaks.ts" }, ...fallBacks] } },
      { "breaks.ts": breaks },
    );
    const { spm, policies, nbdSocket } = live.host;
    await until("both disks", () => spm.disks().every(({ state }) => state === "ready"));
    const views = () =>
      policies
        .plugins(spm.luns())
        .filter(({ kind, scope }) => kind === "admission-policy" && scope !== undefined)
        .map(({ name, state, reason }) => `${name} ${state} ${reason}`.trim());
    const last = fallBacks.length > 0 ? "fixed-partitions" : "disk-scheduler";
    expect(views()[0]).toBe("breaks used");
    const client = await NbdClient.open(live.scope, nbdSocket, "db-root");
    const blocks = Array.from({ length: 24 }, (_, index) => seededBytes(index, 4096));
    await Promise.all(blocks.map((block, index) => client.write(index * 4096, block)));
    for (const [index, block] of blocks.entries()) {
      expect((await client.read(index * 4096, 4096)).equals(block)).toBe(true);
    }
    expect(spm.luns()[0]?.admissionPolicy).toBe(last);
    expect(views()).toEqual([
      `breaks replaced ${last} on ${spm.luns()[0]?.id} after a fault`,
      ...(fallBacks.length > 0
        ? [expect.stringMatching(/^nope refused PLUGIN_NOT_FOUND: /), "fixed-partitions fall-back"]
        : []),
    ]);
  });

  it("is shown as used while it works", async () => {
    const live = await runHost({ luns: { admission: [{ name: "strict-priority" }] } });
    const { spm, policies } = live.host;
    await until("a LUN", () => spm.luns().length === 1);
    const view = policies.plugins(spm.luns()).find(({ name }) => name === "strict-priority");
    expect(view).toMatchObject({ state: "used", reason: "" });
  });
});
