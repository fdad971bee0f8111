import {
  At,
  chapResponse,
  Flag,
  following,
  formatBinary,
  formatText,
  getOpcode,
  getU32,
  NO_TAG,
  Opcode,
  parseBinary,
  parseText,
  Stage,
} from "@fairlead/iscsi-codec";
import { Scope } from "@fairlead/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { ChapOptions } from "../src/index.js";
import { type FakeConnection, FakeTarget, type Request } from "./fake-target.js";
import { ALL, Host } from "./harness.js";

let scope: Scope;
let target: FakeTarget;
beforeEach(async () => {
  scope = new Scope();
  target = await FakeTarget.start(scope);
});
afterEach(() => scope.close());

const flagsOf = (request: Request) => request.head[At.Flags]!;
const textOf = ({ data }: Request) => new Map(parseText(data, 0, data.length));

/** Answers a login request with this text, the flags as asked, and this status. */
function answer(
  connection: FakeConnection,
  request: Request,
  text: Uint8Array,
  flags = flagsOf(request),
  status = 0,
) {
  const fields = { [At.InitiatorTag]: 0, [At.StatusClass]: status * 0x10000 };
  connection.send(Opcode.LoginResponse, flags, fields, text);
  connection.statSn = following(connection.statSn);
  return true;
}

async function codes(host = new Host(scope)): Promise<string[]> {
  const { paths, problems } = await host.hba([target.address]).scan(ALL);
  expect(paths).toEqual([]);
  return problems.map(({ code }) => code);
}

describe("a login that a target refuses", () => {
  it.each([
    [0x0203, true],
    [0x0201, false],
    [0x0301, false],
  ])("with status 0x%s proves %s that no earlier session is left", async (status, settled) => {
    target.onLogin = (connection, request) =>
      textOf(request).get("SessionType") === "Normal" &&
      answer(connection, request, new Uint8Array(0), 0, status);
    expect((await new Host(scope).hba([target.address]).scan(ALL)).settled).toBe(settled);
  });

  it.each([
    [0x0200, "ISCSI_LOGIN_REFUSED"],
    [0x0201, "ISCSI_AUTHENTICATION_FAILED"],
    [0x0202, "ISCSI_NOT_AUTHORIZED"],
    [0x0203, "ISCSI_TARGET_NOT_FOUND"],
    [0x0204, "ISCSI_TARGET_NOT_FOUND"],
    [0x020b, "ISCSI_LOGIN_REFUSED"],
    [0x0300, "ISCSI_TARGET_UNAVAILABLE"],
    [0x0302, "ISCSI_TARGET_UNAVAILABLE"],
    [0x0500, "ISCSI_LOGIN_REFUSED"],
  ])("with status 0x%s", async (status, code) => {
    target.onLogin = (connection, request) =>
      textOf(request).get("SessionType") === "Normal" &&
      answer(connection, request, new Uint8Array(0), 0, status);
    expect(await codes()).toEqual([code]);
  });

  it("later is tried again soon at first, then only every five seconds", async () => {
    const host = new Host(scope);
    const client = await host.path(host.hba([target.address]));
    const refusedAtMs: number[] = [];
    const fourth = new Promise<void>((resolve) => {
      target.onLogin = (connection, request) => {
        if (refusedAtMs.push(performance.now()) === 4) resolve();
        return answer(connection, request, new Uint8Array(0), 0, 0x0201);
      };
    });
    target.last.socket.destroy();
    await fourth;
    const [first = 0, , third = 0, last = 0] = refusedAtMs;
    expect(third - first).toBeLessThan(4900);
    expect(last - third).toBeGreaterThan(4900);
    expect(client.log).toEqual(["path-failed connection-lost"]);
    expect(host.kinds()).toEqual(["session-failed", "login-failed"]);
  }, 20_000);
});

describe("a login that breaks the protocol", () => {
  const stageOf = (request: Request) => (flagsOf(request) >>> 2) & 3;
  const keys = (connection: FakeConnection, request: Request, ...pairs: [string, string][]) =>
    stageOf(request) === Stage.Operational && answer(connection, request, formatText(pairs));

  it.each<[string, FakeTarget["onLogin"]]>([
    [
      "text without an end",
      (c, r) => answer(c, r, formatText([["X-a", "1"]]), (flagsOf(r) & 0x0c) | Flag.Continue),
    ],
    ["a text of 16 KiB in one PDU", (c, r) => answer(c, r, Buffer.alloc(16384, "X-a=1\0"))],
    ["text without =", (c, r) => answer(c, r, Buffer.from("AuthMethod\0"))],
    ["a key of 64 bytes", (c, r) => answer(c, r, formatText([["K".repeat(64), "1"]]))],
    [
      "a key twice",
      (c, r) =>
        answer(
          c,
          r,
          formatText([
            ["X-a", "1"],
            ["X-a", "2"],
          ]),
        ),
    ],
    ["a leap over a stage", (c, r) => answer(c, r, new Uint8Array(0), Flag.Transit | Stage.FullFeature)],
    ["a step that was not asked for", (c, r) => answer(c, r, new Uint8Array(0), (flagsOf(r) & 0x80) | 0x04)],
    ["no step for ever", (c, r) => answer(c, r, new Uint8Array(0), flagsOf(r) & 0x0c)],
    [
      "another PDU",
      (c) => {
        c.send(Opcode.NopIn, Flag.Final);
        return true;
      },
    ],
    ["a burst longer than offered", (c, r) => keys(c, r, ["MaxBurstLength", "16777215"])],
    ["a first burst that is no number", (c, r) => keys(c, r, ["FirstBurstLength", "lots"])],
    ["a segment length of 0", (c, r) => keys(c, r, ["MaxRecvDataSegmentLength", "0"])],
    ["digests that were not offered", (c, r) => keys(c, r, ["HeaderDigest", "CRC32C"])],
    ["several connections", (c, r) => keys(c, r, ["MaxConnections", "8"])],
    ["error recovery", (c, r) => keys(c, r, ["ErrorRecoveryLevel", "2"])],
    ["an open question", (c, r) => keys(c, r, ["X-example.more", "1"])],
    ["one result twice", (c, r) => keys(c, r, ["ImmediateData", "Yes"], ["ImmediateData", "No"])],
    ["a redirection to nowhere", (c, r) => answer(c, r, new Uint8Array(0), 0, 0x0101)],
  ])("by %s", async (_what, onLogin) => {
    target.onLogin = (connection, request) => onLogin(connection, request);
    expect(await codes()).toEqual(["ISCSI_PROTOCOL_ERROR"]);
    expect(target.last.socket.destroyed || (await closed(target.last))).toBe(true);
  });

  it("by silence ends after its time", async () => {
    target.onLogin = () => true;
    expect(await codes(new Host(scope, { loginTimeoutMs: 150 }))).toEqual(["ISCSI_LOGIN_TIMEOUT"]);
  });

  it("by a list of targets without an end", async () => {
    target.onPdu = (connection) => {
      connection.send(
        Opcode.TextResponse,
        Flag.Continue,
        { [At.InitiatorTag]: 1, [At.TargetTag]: 1 },
        Buffer.alloc(8000, "TargetName=iqn.2026-11.a:b\0"),
      );
      connection.statSn = following(connection.statSn);
      return true;
    };
    expect(await codes()).toEqual(["ISCSI_PROTOCOL_ERROR"]);
  });
});

describe("redirection", () => {
  const to =
    (address: string): FakeTarget["onLogin"] =>
    (connection, request) =>
      textOf(request).get("SessionType") === "Normal" &&
      answer(connection, request, formatText([["TargetAddress", address]]), 0, 0x0101);

  it("is followed", async () => {
    const other = await FakeTarget.start(scope);
    target.onLogin = to(`${other.address},1`);
    const host = new Host(scope);
    const client = await host.path(host.hba([target.address]));
    expect(await client.run("flush")).toBe("good");
    expect(other.logins).toBe(1);
  });

  it("in a circle ends", async () => {
    const other = await FakeTarget.start(scope);
    target.onLogin = to(other.address);
    other.onLogin = to(target.address);
    expect(await codes()).toEqual(["ISCSI_REDIRECT_LIMIT"]);
    expect(target.connections.length + other.connections.length).toBe(4);
  });
});

it("an earlier session is not ended by a login in another group", async () => {
  const silent = "127.0.0.1:1";
  const list = formatText([
    ["TargetName", "iqn.2026-11.test.fairlead:fake"],
    ["TargetAddress", `${target.address},1`],
    ["TargetAddress", `${silent},1`],
  ]);
  const isids = new Set<string>();
  let groupTag = "2";
  target.onPdu = (connection, request) => {
    if (getOpcode(request.head, 0) !== Opcode.TextRequest) return false;
    const fields = { [At.InitiatorTag]: getU32(request.head, At.InitiatorTag), [At.TargetTag]: NO_TAG };
    connection.send(Opcode.TextResponse, Flag.Final, fields, list);
    connection.statSn = following(connection.statSn);
    return true;
  };
  target.onLogin = (connection, request) => {
    if (textOf(request).get("SessionType") !== "Normal") return false;
    isids.add(Buffer.from(request.head.subarray(At.Isid, At.Isid + 6)).toString("hex"));
    // The first is the session of the portal that answers.
    if (isids.size < 2 || ((flagsOf(request) >>> 2) & 3) !== Stage.Security) return false;
    const text = formatText([
      ["TargetPortalGroupTag", groupTag],
      ["AuthMethod", "None"],
    ]);
    return answer(connection, request, text);
  };
  const hba = new Host(scope).hba([target.address, silent]);
  expect((await hba.scan(ALL)).settled).toBe(false);
  expect(isids.size).toBe(2);
  groupTag = "1";
  expect((await hba.scan(ALL)).settled).toBe(true);
});

describe("CHAP", () => {
  const chap: ChapOptions = {
    user: "host-a",
    secret: "secret of the host",
    mutual: { user: "target", secret: "secret of the target" },
  };

  /** The target's side. `reply` makes its last answer out of the request's keys. */
  function ask(
    challenge: (own: Map<string, string>) => Uint8Array,
    reply: (keys: Map<string, string>) => [string, string][],
  ) {
    const seen: Map<string, string>[] = [];
    target.onLogin = (connection, request) => {
      const own = textOf(request);
      if (((flagsOf(request) >>> 2) & 3) !== Stage.Security) return false;
      seen.push(own);
      if (own.has("AuthMethod")) return answer(connection, request, formatText([["AuthMethod", "CHAP"]]));
      if (own.has("CHAP_A"))
        return answer(
          connection,
          request,
          formatText([
            ["CHAP_A", "5"],
            ["CHAP_I", "7"],
            ["CHAP_C", formatBinary(challenge(own))],
          ]),
        );
      return answer(connection, request, formatText(reply(own)));
    };
    return seen;
  }

  const proof = (keys: Map<string, string>, secret: string): [string, string][] => {
    const own = parseBinary(keys.get("CHAP_C") ?? "", 1024) ?? new Uint8Array(0);
    const response = chapResponse(5, Number(keys.get("CHAP_I")), secret, own) ?? new Uint8Array(0);
    return [
      ["CHAP_N", "target"],
      ["CHAP_R", formatBinary(response)],
    ];
  };

  it("proves the host to the target, and the target to the host", async () => {
    const challenge = Buffer.from("sixteen bytes...");
    const seen = ask(
      () => challenge,
      (keys) => proof(keys, "secret of the target"),
    );
    const host = new Host(scope);
    const client = await host.path(host.hba([target.address], { chap }));
    expect(await client.run("flush")).toBe("good");
    const answered = seen.find((keys) => keys.has("CHAP_R"));
    expect(answered?.get("CHAP_N")).toBe("host-a");
    expect(answered?.get("CHAP_R")).toBe(
      formatBinary(chapResponse(5, 7, chap.secret, challenge) ?? new Uint8Array(0)),
    );
    const challenges = seen.filter((keys) => keys.has("CHAP_C")).map((keys) => keys.get("CHAP_C"));
    expect(challenges.length).toBe(2);
    expect(new Set(challenges).size).toBe(2);
    expect(challenges[0]?.length).toBe(2 + 2 * 16);
  });

  it.each<[string, (keys: Map<string, string>) => [string, string][]]>([
    ["a wrong proof", (keys) => proof(keys, "another secret ...")],
    ["no proof", () => []],
    ["another's name", (keys) => [["CHAP_N", "other"], proof(keys, "secret of the target")[1]!]],
    ["a proof with the host's own secret", (keys) => proof(keys, "secret of the host")],
  ])("turns away a target with %s", async (_what, reply) => {
    ask(() => Buffer.from("sixteen bytes..."), reply);
    const host = new Host(scope);
    const { problems } = await host.hba([target.address], { chap }).scan(ALL);
    expect(problems.map(({ code }) => code)).toEqual(["ISCSI_AUTHENTICATION_FAILED"]);
    expect(JSON.stringify([problems, host.events])).not.toContain("secret");
  });

  it("never answers a challenge of its own that comes back over another login", async () => {
    let stolen: Uint8Array | undefined;
    const answers: string[] = [];
    let release: () => void = () => {};
    const reflected = new Promise<void>((resolve) => {
      release = resolve;
    });
    const other = await FakeTarget.start(scope);
    ask(
      () => Buffer.from("sixteen bytes..."),
      (keys) => proof(keys, "secret of the target"),
    );
    const first = target.onLogin;
    // The first login is left hanging with the host's challenge open, which the second portal then sends as its own.
    target.onLogin = (connection, request) => {
      const own = textOf(request).get("CHAP_C");
      if (own === undefined) return first(connection, request);
      stolen = parseBinary(own, 1024);
      return true;
    };
    other.onLogin = (connection, request) => {
      const own = textOf(request);
      if (own.has("AuthMethod")) return answer(connection, request, formatText([["AuthMethod", "CHAP"]]));
      if (own.has("CHAP_R")) answers.push("answered");
      const send = () =>
        answer(
          connection,
          request,
          formatText([
            ["CHAP_A", "5"],
            ["CHAP_I", "7"],
            ["CHAP_C", formatBinary(stolen ?? new Uint8Array(1))],
          ]),
        );
      const wait = () => (stolen === undefined ? setImmediate(wait) : send());
      wait();
      connection.socket.once("close", release);
      return true;
    };
    const host = new Host(scope, { loginTimeoutMs: 1000 });
    const scan = host.hba([target.address, other.address], { chap }).scan(ALL);
    await reflected;
    expect(answers).toEqual([]);
    const { problems } = await scan;
    expect(problems.map(({ code }) => code).sort()).toEqual([
      "ISCSI_AUTHENTICATION_FAILED",
      "ISCSI_LOGIN_TIMEOUT",
    ]);
  });

  it("turns away a target that does without it", async () => {
    const host = new Host(scope);
    const { problems } = await host.hba([target.address], { chap }).scan(ALL);
    expect(problems.map(({ code }) => code)).toEqual(["ISCSI_AUTHENTICATION_FAILED"]);
  });
});

describe("identity", () => {
  it("of the host's session stays, and differs from session to session", async () => {
    const isids: string[] = [];
    target.onLogin = (_connection, request) => {
      if (textOf(request).get("SessionType") === "Normal")
        isids.push(Buffer.from(request.head.subarray(At.Isid, At.Tsih + 2)).toString("hex"));
      return false;
    };
    const host = new Host(scope);
    const client = await host.path(host.hba([target.address]));
    const restored = client.next("path-restored");
    target.last.socket.destroy();
    await restored;
    await host.hba([target.address], { name: "vmhba1" }).scan(ALL);
    const again = new Host(scope);
    await again.hba([target.address]).scan(ALL);
    const [first, relogin, other, nextRun] = isids;
    expect(first).toMatch(/^80[0-9a-f]{10}0000$/);
    expect(relogin).toBe(first);
    expect(nextRun).toBe(first);
    expect(other).not.toBe(first);
  });

  it("of a LUN is checked at each login: another one stays out", async () => {
    const host = new Host(scope);
    const client = await host.path(host.hba([target.address]));
    target.eui = "00112233445566ff";
    const failed = client.next("path-failed");
    target.last.socket.destroy();
    await failed;
    await client.next("path-failed");
    expect(client.log).toEqual(["path-failed connection-lost", "path-failed identity-mismatch"]);
  });

  it("of a LUN that is not ready is asked for until it is", async () => {
    const host = new Host(scope);
    const client = await host.path(host.hba([target.address]));
    let refusals = 2;
    target.onCommand = (connection, request) => {
      if (request.head[At.Cdb] !== 0x9e || refusals-- <= 0) return false;
      connection.respond(request, 2, Buffer.from("7202040100000000", "hex"));
      return true;
    };
    const restored = client.next("path-restored");
    target.last.socket.destroy();
    await restored;
    expect(refusals).toBeLessThan(0);
    expect(client.log).toEqual(["path-failed connection-lost", "path-restored"]);
    expect(host.kinds()).toContain("path-unverified");
  });

  it("of a LUN that has grown shows at the next scan", async () => {
    const host = new Host(scope);
    const hba = host.hba([target.address]);
    const client = await host.path(hba);
    target.capacityBlocks = 4096;
    const { paths } = await hba.scan(ALL);
    expect(paths[0]?.adapter).toBe(client.adapter);
    expect(paths[0]?.lun.capacityBytes).toBe(4096 * 512);
    expect(client.notices).toEqual([]);
  });

  it("of LUNs is probed one by one where the target has no list of them", async () => {
    target.onCommand = (connection, request) => {
      const op = request.head[At.Cdb];
      if (op === 0xa0) connection.respond(request, 2, Buffer.from("7205200000000000", "hex"));
      else if (op === 0x12 && request.head[At.Lun + 1] !== 5)
        connection.answer(request, Buffer.from([0x7f, 0, 0, 0]));
      else return false;
      return true;
    };
    const host = new Host(scope);
    const { paths, problems } = await host.hba([target.address]).scan({ first: 0, last: 40 });
    expect(problems).toEqual([]);
    expect(paths.map(({ adapter }) => adapter.id)).toEqual(["vmhba0:0:5"]);
  });
});

it("a logout that gets no answer holds the host up for two seconds", async () => {
  const host = new Host(scope);
  const hba = host.hba([target.address]);
  await hba.scan(ALL);
  target.onPdu = () => true;
  const startMs = performance.now();
  await hba.close();
  expect(performance.now() - startMs).toBeGreaterThan(1900);
  expect(performance.now() - startMs).toBeLessThan(3000);
});

function closed(connection: FakeConnection): Promise<boolean> {
  return new Promise((resolve) => connection.socket.once("close", () => resolve(true)));
}
