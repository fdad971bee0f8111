import {
  At,
  BHS_BYTES,
  Flag,
  following,
  getOpcode,
  NO_TAG,
  Opcode,
  padded,
  setDataLength,
  setU32,
  startHeader,
} from "@fairlead/iscsi-codec";
import { Scope } from "@fairlead/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type FakeConnection, FakeTarget, type Request } from "./fake-target.js";
import { Host } from "./harness.js";

const READ = 0x28;
const WRITE = 0x2a;

let scope: Scope;
beforeEach(() => {
  scope = new Scope();
});
afterEach(() => scope.close());

const start = () => FakeTarget.start(scope);

/** Once, for the first command with this operation code. */
function once(
  target: FakeTarget,
  op: number,
  act: (connection: FakeConnection, request: Request) => void,
): void {
  let done = false;
  target.onCommand = (connection, request) => {
    if (done || request.head[At.Cdb] !== op) return false;
    done = true;
    act(connection, request);
    return true;
  };
}

function rawHeader(opcode: number, dataBytes: number, ahsWords = 0): Uint8Array {
  const head = new Uint8Array(BHS_BYTES);
  startHeader(head, 0, opcode, Flag.Final);
  setDataLength(head, 0, dataBytes);
  head[At.AhsLength] = ahsWords;
  setU32(head, At.InitiatorTag, NO_TAG);
  return head;
}

const onRead: [string, (connection: FakeConnection, request: Request) => void][] = [
  ["data past the end of a read", (c, r) => c.part(r, 0, 0, new Uint8Array(8192))],
  ["data for a place behind a read", (c, r) => c.part(r, 0, 4096, new Uint8Array(512))],
  ["data for a place near 2^32", (c, r) => c.part(r, 0, 0xfffffe00, new Uint8Array(512))],
  ["data that leaves a gap", (c, r) => c.part(r, 0, 512, new Uint8Array(512))],
  ["data out of order", (c, r) => c.part(r, 1, 0, new Uint8Array(512))],
  ["data for a task that is not outstanding", (c, r) => c.part(r, 0, 0, new Uint8Array(512), 0x7f000003)],
  ["data for a task that can't be", (c, r) => c.part(r, 0, 0, new Uint8Array(512), 0xfffffffe)],
  ["a segment of 16 MiB", (c) => c.socket.write(rawHeader(Opcode.DataIn, 0xffffff))],
  ["a ping of 16 MiB", (c) => c.socket.write(rawHeader(Opcode.NopIn, 0xffffff))],
  ["an additional header", (c) => c.socket.write(rawHeader(Opcode.NopIn, 0, 255))],
  ["an unknown opcode", (c) => c.socket.write(rawHeader(0x3e, 0))],
  ["a login response", (c) => c.socket.write(rawHeader(Opcode.LoginResponse, 0))],
  ["a request for the data of a read", (c, r) => c.readyToTransfer(r, 0, 0, 512)],
  ["a reject", (c) => c.send(Opcode.Reject, Flag.Final, {}, new Uint8Array(BHS_BYTES))],
  [
    "a status whose number jumps",
    (c, r) => {
      c.statSn += 5;
      c.respond(r, 0);
    },
  ],
  [
    "two answers to one command",
    (c, r) => {
      c.answer(r, new Uint8Array(4096));
      c.answer(r, new Uint8Array(4096));
    },
  ],
  [
    "an answer to a ping that was not sent",
    (c) => c.send(Opcode.NopIn, Flag.Final, { [At.InitiatorTag]: 0x00020001 }),
  ],
  [
    "a flood of pings",
    (c) => {
      const ping = rawHeader(Opcode.NopIn, 0);
      setU32(ping, At.TargetTag, 7);
      c.socket.write(Buffer.concat(Array.from({ length: 100_000 }, () => ping)));
    },
  ],
];

const onWrite: [string, (connection: FakeConnection, request: Request) => void][] = [
  ["an R2T past the end of a write", (c, r) => c.readyToTransfer(r, 0, 4096, 8192)],
  ["an R2T for nothing", (c, r) => c.readyToTransfer(r, 0, 0, 0)],
  ["an R2T beyond the longest burst", (c, r) => c.readyToTransfer(r, 0, 0, 0x200000)],
  ["R2Ts out of order", (c, r) => c.readyToTransfer(r, 1, 0, 512)],
  [
    "two R2Ts at once",
    (c, r) => {
      c.socket.cork();
      c.readyToTransfer(r, 0, 0, 512);
      c.readyToTransfer(r, 1, 512, 512);
      c.socket.uncork();
    },
  ],
  ["data for a write", (c, r) => c.part(r, 0, 0, new Uint8Array(512))],
];

describe("a target that breaks the protocol", () => {
  const cases = [
    ...onRead.map(([what, act]) => ({ what, op: "read" as const, code: READ, act })),
    ...onWrite.map(([what, act]) => ({ what, op: "write" as const, code: WRITE, act })),
  ];

  it.each(cases)("loses its session by $what", async ({ op, code, act }) => {
    const target = await start();
    const host = new Host(scope);
    const client = await host.path(host.hba([target.address]));
    once(target, code, act);
    const before = process.memoryUsage().arrayBuffers;
    const outcome = await client.run(op, 0, new Uint8Array(4096));
    expect(["in-doubt", "good"]).toContain(outcome);
    if (client.notices.length === 0) await client.next("path-failed");
    expect(client.log[outcome === "good" ? 1 : 0]).toBe("path-failed protocol-error");
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(12 * 1024 * 1024);
    await client.next("path-restored");
    expect(await client.run(op, 0, new Uint8Array(4096))).toBe("good");
  });

  it("writes nothing outside of a read's buffer, and nothing after its end", async () => {
    const target = await start();
    const host = new Host(scope);
    const client = await host.path(host.hba([target.address]));
    const memory = new Uint8Array(3 * 4096).fill(0xee);
    once(target, READ, (connection, request) => {
      connection.part(request, 0, 0, new Uint8Array(2048).fill(1));
      connection.part(request, 1, 2048, new Uint8Array(4096).fill(2));
    });
    expect(await client.run("read", 0, memory.subarray(4096, 8192))).toBe("in-doubt");
    expect(memory.subarray(0, 4096).every((byte) => byte === 0xee)).toBe(true);
    expect(memory.subarray(4096, 6144).every((byte) => byte === 1)).toBe(true);
    expect(memory.subarray(6144).every((byte) => byte === 0xee)).toBe(true);
  });

  it("answers pings while they come one by one", async () => {
    const target = await start();
    const host = new Host(scope);
    const client = await host.path(host.hba([target.address]));
    const tags: string[] = [];
    const answered = new Promise<void>((resolve) => {
      target.onPdu = (_connection, { head }) => {
        if (getOpcode(head, 0) !== Opcode.NopOut) return false;
        tags.push(Buffer.from(head.subarray(At.InitiatorTag, At.TargetTag + 4)).toString("hex"));
        if (tags.length === 3) resolve();
        return true;
      };
    });
    for (const tag of [7, 8, 9])
      target.last.send(Opcode.NopIn, Flag.Final, { [At.InitiatorTag]: NO_TAG, [At.TargetTag]: tag });
    await answered;
    expect(tags).toEqual(["ffffffff00000007", "ffffffff00000008", "ffffffff00000009"]);
    expect(await client.run("flush")).toBe("good");
  });

  it("is noticed when it stops in the middle of a PDU", async () => {
    const target = await start();
    const host = new Host(scope, { pingAfterMs: 100, pingTimeoutMs: 100 });
    const client = await host.path(host.hba([target.address]));
    once(target, READ, (connection, request) => {
      connection.part(request, 0, 0, new Uint8Array(512));
      connection.socket.write(rawHeader(Opcode.DataIn, 512).subarray(0, 20));
      connection.target.onPdu = () => true;
    });
    expect(await client.run("read", 0, new Uint8Array(4096))).toBe("in-doubt");
    expect(client.log).toEqual(["path-failed keepalive-timeout", "read in-doubt"]);
  });

  it("is noticed when it answers pings, but not a command", async () => {
    const target = await start();
    const host = new Host(scope, { pingAfterMs: 40, commandTimeoutMs: 200 });
    const client = await host.path(host.hba([target.address]));
    once(target, READ, () => {});
    expect(await client.run("read", 0, new Uint8Array(4096))).toBe("in-doubt");
    expect(client.log).toEqual(["path-failed command-timeout", "read in-doubt"]);
  });

  it.each([1, 2, 3, 4, 5])("may end the session by asynchronous event %i", async (event) => {
    const target = await start();
    const host = new Host(scope);
    const client = await host.path(host.hba([target.address]));
    once(target, READ, (connection) => {
      connection.send(Opcode.AsyncMessage, Flag.Final, {
        [At.InitiatorTag]: NO_TAG,
        [At.AsyncEvent]: event << 24,
      });
    });
    expect(await client.run("read", 0, new Uint8Array(4096))).toBe("in-doubt");
    expect(client.log[0]).toBe("path-failed connection-lost");
    await client.next("path-restored");
  });

  it("sends the same data, in whatever pieces it comes", async () => {
    const target = await start();
    const host = new Host(scope);
    const client = await host.path(host.hba([target.address]));
    for (const [index] of target.medium.entries()) target.medium[index] = (index * 31) ^ (index >>> 8);
    once(target, READ, (connection, request) => {
      connection.socket.setNoDelay(true);
      for (let sn = 0; sn < 4; sn++) {
        const data = target.medium.subarray(sn * 1024, (sn + 1) * 1024);
        const status = sn === 3;
        const pdu = new Uint8Array(BHS_BYTES + padded(data.length));
        startHeader(pdu, 0, Opcode.DataIn, status ? Flag.Final | Flag.Status : 0);
        setDataLength(pdu, 0, data.length);
        pdu.set(request.head.subarray(At.InitiatorTag, At.InitiatorTag + 4), At.InitiatorTag);
        if (status) setU32(pdu, At.StatSn, connection.statSn);
        setU32(pdu, At.DataSn, sn);
        setU32(pdu, At.BufferOffset, sn * 1024);
        pdu.set(data, BHS_BYTES);
        for (let at = 0; at < pdu.length; at += 7) connection.socket.write(pdu.slice(at, at + 7));
      }
      connection.statSn = following(connection.statSn);
    });
    expect(Buffer.from(await client.read(0, 4096)).equals(target.medium.subarray(0, 4096))).toBe(true);
  });
});
