import { statSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { until } from "@fairlead/testing";
import { describe, expect, it } from "vitest";
import { type Answer, ask, askRaw, type RunningHost, runHost } from "./running-host.js";

async function ready(): Promise<RunningHost & { lun: string }> {
  const running = await runHost();
  await until("both disks", async () => {
    const { json } = await ask(running, "GET", "/v1/disks");
    return json.disks.every(({ state }: { state: string }) => state === "ready");
  });
  const { json } = await ask(running, "GET", "/v1/luns");
  return { ...running, lun: json.luns[0].id };
}

function expectProblem(answer: Answer, status: number, code: string): void {
  expect(answer, answer.text).toMatchObject({ status, json: { status, code } });
  expect(answer.type).toMatch(/^application\/problem\+json/);
  expect(answer.json.type).toBe(`urn:fairlead:error:${code}`);
}

const SHARES = (lun: string) => `/v1/vms/db/luns/${encodeURIComponent(lun)}/entry`;

describe("the API", () => {
  it("is nobody else's", async () => {
    const { host } = await ready();
    for (const socket of [host.apiSocket, host.nbdSocket]) expect(statSync(socket).mode & 0o777).toBe(0o600);
    expect(statSync(host.runDir).mode & 0o777).toBe(0o700);
  });

  it("shows paths, LUNs, disks and VMs", async () => {
    const running = await ready();
    const { lun } = running;
    const answers = async (path: string) => (await ask(running, "GET", path)).json;
    expect(await answers("/livez")).toEqual({ status: "ok" });
    expect((await answers("/v1/paths")).paths).toMatchObject([
      { name: "local:0:0", state: "active", lunId: lun },
    ]);
    expect((await answers("/v1/luns")).luns).toMatchObject([
      { id: lun, canonicalName: "local:0:0", strategy: "round-robin", masked: false },
    ]);
    const disks = [
      { name: "db-root", vm: "db", sizeBytes: 4 * 1024 * 1024, extents: [{ lunId: lun, startBytes: 0 }] },
      { name: "web-root", vm: "web", extents: [{ startBytes: 4 * 1024 * 1024 }] },
    ];
    expect((await answers("/v1/disks")).disks).toMatchObject(disks);
    expect((await answers("/v1/disks")).disks[0].uri).toBe(
      `nbd+unix:///db-root?socket=${running.host.nbdSocket}`,
    );
    expect((await answers("/v1/vms")).vms).toMatchObject([
      { name: "db", id: 1, priority: 5, luns: [{ lun, shares: 3000, received: 0 }] },
      { name: "web", id: 2 },
    ]);
  });

  it("sets shares by any name of the LUN, from the next decision on, and records it", async () => {
    const running = await ready();
    expect(await ask(running, "PUT", SHARES("local:0:0"), { shares: 500 })).toMatchObject({
      status: 200,
      json: { vm: "db", lun: running.lun, shares: 500 },
    });
    expect(running.host.spm.entry(1, running.lun)?.shares).toBe(500);
    const { json } = await ask(running, "GET", "/v1/events");
    expect(json.events.at(-1)).toMatchObject({ kind: "entry-set", subject: "db", inputs: { shares: 500 } });
  });

  it("takes a path out of use and back", async () => {
    const running = await ready();
    const put = (enabled: boolean) => ask(running, "PUT", "/v1/paths/local:0:0", { enabled });
    expect((await put(false)).json).toMatchObject({ path: { name: "local:0:0", state: "disabled" } });
    expect((await put(true)).json).toMatchObject({ path: { state: "active" } });
  });

  it("rescans on command", async () => {
    const running = await ready();
    expect((await ask(running, "POST", "/v1/rescan")).json).toEqual({
      addedPaths: [],
      addedLuns: [],
      grownLuns: [],
      problems: [],
    });
  });
});

describe("events over the API", () => {
  it("come after a number, and as many as asked for", async () => {
    const running = await ready();
    const { events, lastSequence } = (await ask(running, "GET", "/v1/events")).json;
    expect(events.length).toBe(lastSequence);
    const some = (await ask(running, "GET", "/v1/events?since=2&limit=2")).json;
    expect(some.events).toEqual(events.slice(2, 4));
  });

  it("are waited for, and a number from before a restart is no reason to wait", async () => {
    const running = await ready();
    const { lastSequence } = running.journal;
    const waiting = ask(running, "GET", `/v1/events?since=${lastSequence}&wait=20`);
    await ask(running, "PUT", SHARES("local:0:0"), { shares: 7 });
    expect((await waiting).json.events).toMatchObject([{ sequence: lastSequence + 1, kind: "entry-set" }]);
    const restarted = await ask(running, "GET", "/v1/events?since=999999&wait=20");
    expect(restarted.json.events[0].sequence).toBe(1);
  });

  it("do not hold up the end of the host", async () => {
    const running = await ready();
    const waiting = ask(running, "GET", `/v1/events?since=${running.journal.lastSequence}&wait=30`).catch(
      () => {},
    );
    await ask(running, "GET", "/livez");
    const startedMs = performance.now();
    await running.host.close();
    await waiting;
    expect(performance.now() - startedMs).toBeLessThan(5000);
  });
});

describe("bad input to the API", () => {
  it("is refused with a code and changes nothing", async () => {
    const running = await ready();
    const { lun } = running;
    const put = (body: string | object, path = SHARES(lun)) => ask(running, "PUT", path, body);
    for (const body of [
      {},
      { shares: "5" },
      { shares: -1 },
      { shares: 1e10 },
      { shares: null },
      [],
      "null",
      "5",
    ])
      expectProblem(await put(body), 400, "API_BODY_INVALID");
    expectProblem(await put({ shares: 5, guarantee: 1 }), 400, "API_BODY_INVALID");
    expectProblem(await put({ shares: 2_000_000 }), 400, "OPTION_INVALID");
    for (const body of ["{", "", '{"shares":NaN}', '{"__proto__":{"shares":1},"shares":5}'])
      expectProblem(await put(body), 400, "API_REQUEST_REFUSED");
    expectProblem(await put({ shares: 5 }, "/v1/vms/nope/luns/x/entry"), 404, "VM_UNKNOWN");
    expectProblem(await put({ shares: 5 }, "/v1/vms/__proto__/luns/x/entry"), 404, "VM_UNKNOWN");
    expectProblem(await put({ shares: 5 }, SHARES("naa.0")), 404, "LUN_UNKNOWN");
    expectProblem(await put({ enabled: true }, "/v1/paths/vmhba9:9:9"), 404, "PATH_UNKNOWN");
    expectProblem(await put({ enabled: 1 }, "/v1/paths/local:0:0"), 400, "API_BODY_INVALID");
    expectProblem(await put({ masked: true }, "/v1/luns/naa.9"), 404, "LUN_UNKNOWN");
    expectProblem(await put({ masked: "yes" }, "/v1/luns/local:0:0"), 400, "API_BODY_INVALID");
    expect(running.host.spm.entry(1, lun)?.shares).toBe(3000);
    expect(running.host.spm.paths()[0]?.state).toBe("active");
  });

  it("has no way in by the query, the type, or the address", async () => {
    const running = await ready();
    for (const query of [
      "since=-1",
      "since=x",
      "wait=31",
      "limit=1001",
      "limit=1e9",
      "foo=1",
      "since=1&since=2",
    ])
      expectProblem(await ask(running, "GET", `/v1/events?${query}`), 400, "API_QUERY_INVALID");
    expectProblem(await ask(running, "GET", "/v1/paths?all=1"), 400, "API_QUERY_INVALID");
    for (const path of ["/", "/v2/paths", "/v1/../etc/passwd", "/v1/%2e%2e/x", "/v1/vms/db"])
      expectProblem(await ask(running, "GET", path), 404, "API_ROUTE_UNKNOWN");
    expectProblem(await ask(running, "DELETE", "/v1/paths"), 404, "API_ROUTE_UNKNOWN");
    const xml = await ask(running, "PUT", SHARES("local:0:0"), "<shares>5</shares>", "text/xml");
    expectProblem(xml, 415, "API_REQUEST_REFUSED");
    expectProblem(await ask(running, "POST", "/v1/rescan", { hard: true }), 400, "API_BODY_INVALID");
    expectProblem(await ask(running, "GET", "/v1/san/portals"), 404, "SAN_NONE");
    const long = await ask(running, "PUT", `/v1/paths/${"x".repeat(600)}`, { enabled: true });
    expectProblem(long, 414, "API_REQUEST_REFUSED");
    expectProblem(await ask(running, "PUT", "/v1/paths/%zz", { enabled: true }), 400, "API_REQUEST_REFUSED");
  });

  it("is bounded", async () => {
    const running = await ready();
    const large = JSON.stringify({ shares: 5, more: "x".repeat(20_000) });
    expectProblem(await ask(running, "PUT", SHARES("local:0:0"), large), 413, "API_REQUEST_REFUSED");
    const head = `GET /livez HTTP/1.1\r\nhost: x\r\nx: ${"y".repeat(20_000)}\r\n\r\n`;
    expect(await askRaw(running, head)).toMatch(/^HTTP\/1\.1 431 /);
    expect(await askRaw(running, "\u0000\u0001 nonsense\r\n\r\n")).toMatch(/^HTTP\/1\.1 400 /);
    expect((await ask(running, "GET", "/livez")).status).toBe(200);
  });

  it("comes over few connections at a time", async () => {
    const running = await ready();
    const sockets = Array.from({ length: 70 }, () => connect({ path: running.host.apiSocket }));
    const closed = new Set<Socket>();
    for (const socket of sockets) socket.once("close", () => closed.add(socket)).on("error", () => {});
    // Of the 64 that may be open, some can be those over which this test has asked before.
    await until("the surplus closed", () => closed.size >= 6);
    expect(closed.size).toBeLessThan(10);
    for (const socket of sockets) socket.destroy();
    await until(
      "room",
      async () => (await ask(running, "GET", "/livez").catch(() => undefined))?.status === 200,
    );
  });
});
