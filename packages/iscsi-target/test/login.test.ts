import { ChapAlgorithm, chapResponse, formatBinary, parseBinary, type TextPair } from "@fairlead/iscsi-codec";
import { describe, expect, test } from "vitest";
import { createTarget } from "../src/index.js";
import { Login, type LoginAnswer } from "../src/login.js";
import { realClock, startTarget } from "./fixture.js";
import { INITIATOR, RawInitiator, TARGET } from "./raw-initiator.js";

const NAMES: TextPair[] = [
  ["InitiatorName", INITIATOR],
  ["TargetName", TARGET],
];
const chap = { user: "host-a", secret: "correct horse battery" };
const mutual = { user: "san", secret: "another secret here" };

function values(answer: LoginAnswer): Record<string, string> {
  return Object.fromEntries(answer.pairs);
}

function security(login: Login, pairs: TextPair[], transit = false): LoginAnswer {
  return login.step({ currentStage: 0, nextStage: 1, transit, pairs });
}

describe("operational keys", () => {
  test("each follows its own rule, and what isn't known is said to be so", () => {
    const login = new Login(TARGET, 3, undefined);
    const offers: TextPair[] = [
      ["HeaderDigest", "CRC32C,None"],
      ["DataDigest", "CRC32C"],
      ["InitialR2T", "No"],
      ["ImmediateData", "No"],
      ["MaxRecvDataSegmentLength", "4096"],
      ["MaxBurstLength", "16384"],
      ["FirstBurstLength", "262144"],
      ["MaxOutstandingR2T", "8"],
      ["ErrorRecoveryLevel", "2"],
      ["DefaultTime2Wait", "9"],
      ["MaxConnections", "0"],
      ["X-com.example", "1"],
    ];
    const answer = login.step({ currentStage: 1, nextStage: 3, transit: true, pairs: [...NAMES, ...offers] });
    expect(values(answer)).toEqual({
      TargetPortalGroupTag: "3",
      HeaderDigest: "None",
      DataDigest: "Reject",
      InitialR2T: "No",
      ImmediateData: "No",
      MaxRecvDataSegmentLength: "262144",
      MaxBurstLength: "16384",
      FirstBurstLength: "262144",
      MaxOutstandingR2T: "1",
      ErrorRecoveryLevel: "0",
      DefaultTime2Wait: "9",
      MaxConnections: "Reject",
      "X-com.example": "NotUnderstood",
    });
    expect(login.parameters).toEqual({
      initiatorSegmentBytes: 4096,
      maxBurstBytes: 16384,
      // Never above a burst.
      firstBurstBytes: 16384,
      initialR2t: false,
      immediateData: false,
    });
  });

  test("a stage that was left can't be gone back to", () => {
    const login = new Login(TARGET, 1, undefined);
    expect(security(login, NAMES, true).status).toBe(0);
    expect(security(login, []).status).toBe(0x0200);
  });
});

describe("CHAP", () => {
  /** Runs the exchange; what isn't changed is right. */
  function exchange(
    change: { user?: string; secret?: string; algorithms?: string; reflect?: boolean; proof?: boolean } = {},
  ) {
    const login = new Login(TARGET, 1, { ...chap, mutual });
    expect(values(security(login, [...NAMES, ["AuthMethod", "CHAP,None"]], true))).toMatchObject({
      AuthMethod: "CHAP",
    });
    const challenge = security(login, [["CHAP_A", change.algorithms ?? "5,7"]]);
    const { CHAP_A = "", CHAP_I = "", CHAP_C = "" } = values(challenge);
    if (challenge.status !== 0) return { challenge, answer: challenge };
    const theirs = parseBinary(CHAP_C, 1024) ?? new Uint8Array();
    const response = chapResponse(Number(CHAP_A), Number(CHAP_I), change.secret ?? chap.secret, theirs);
    const pairs: TextPair[] = [
      ["CHAP_N", change.user ?? chap.user],
      ["CHAP_R", formatBinary(response ?? new Uint8Array())],
    ];
    const own = change.reflect === true ? theirs : new Uint8Array(16).fill(9);
    if (change.proof !== false) pairs.push(["CHAP_I", "77"], ["CHAP_C", formatBinary(own)]);
    return { challenge, answer: security(login, pairs, true), own };
  }

  test("the initiator proves itself, then the target does", () => {
    const { challenge, answer, own = new Uint8Array() } = exchange();
    expect(values(challenge).CHAP_A).toBe(String(ChapAlgorithm.Sha256));
    expect(answer).toMatchObject({ status: 0, transit: true });
    const expected = chapResponse(ChapAlgorithm.Sha256, 77, mutual.secret, own) ?? new Uint8Array();
    expect(values(answer)).toEqual({ CHAP_N: mutual.user, CHAP_R: formatBinary(expected) });
  });

  test("MD5 where there is nothing better, and without a proof of the target's", () => {
    const { challenge, answer } = exchange({ algorithms: "5", proof: false });
    expect(values(challenge).CHAP_A).toBe(String(ChapAlgorithm.Md5));
    expect(answer).toEqual({ status: 0, transit: true, pairs: [] });
  });

  test.each([
    ["another secret", { secret: "wrong horse battery!!" }],
    ["another user", { user: "host-b" }],
    ["no algorithm that is known", { algorithms: "6,8" }],
    ["the target's own challenge sent back", { reflect: true }],
  ])("%s fails", (_name, change) => {
    expect(exchange(change).answer.status).toBe(0x0201);
  });

  test.each([
    ["offering none", 0, [["AuthMethod", "None"]]],
    ["skipping the stage", 1, []],
  ] as [string, number, TextPair[]][])("there is no way around it: %s", (_name, currentStage, pairs) => {
    const login = new Login(TARGET, 1, chap);
    const answer = login.step({ currentStage, nextStage: 3, transit: true, pairs: [...NAMES, ...pairs] });
    expect(answer.status).toBe(0x0201);
  });

  test("not offering a method at all leads nowhere", () => {
    const login = new Login(TARGET, 1, chap);
    const answer = login.step({ currentStage: 0, nextStage: 3, transit: true, pairs: NAMES });
    expect(answer).toMatchObject({ status: 0, transit: false });
  });

  test("weak or equal secrets are refused before anything listens", () => {
    const make = (options: object) => () =>
      createTarget({ clock: realClock, portalGroups: [], chap: { ...chap, ...options } });
    expect(make({ secret: "short" })).toThrow("chap.secret must be at least 12 bytes long");
    expect(make({ mutual: { user: "san", secret: chap.secret } })).toThrow("chap.mutual.secret");
  });
});

test("text in several parts is one text", async () => {
  const { portals } = await startTarget();
  const initiator = await RawInitiator.connect(portals[0]);
  const text = Buffer.from(`InitiatorName=${INITIATOR}\0TargetName=${TARGET}\0`);
  initiator.send(initiator.loginHeader(0x40 | (1 << 2)), text.subarray(0, 30));
  const first = await initiator.expect(0x23);
  expect([first.data.length, first.header[1]! & 0x80]).toEqual([0, 0]);
  initiator.send(initiator.loginHeader(0x80 | (1 << 2) | 3), text.subarray(30));
  const last = await initiator.expect(0x23);
  expect([last.header.readUInt16BE(36), last.header[1]! & 0x83]).toEqual([0, 0x83]);
});

test("discovery tells every portal with its group", async () => {
  const { portals } = await startTarget();
  const initiator = await RawInitiator.login(portals[2], { discovery: true });
  const text = await initiator.targets();
  const [a, b, c] = portals;
  expect(text).toBe(`TargetName=${TARGET} TargetAddress=${a},1 TargetAddress=${b},1 TargetAddress=${c},2`);
});
