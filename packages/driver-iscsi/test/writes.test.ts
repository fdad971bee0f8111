import { At, Flag, getOpcode, getU32, isBefore, NO_TAG, Opcode, ScsiOp } from "@fairlead/iscsi-codec";
import { Scope, seededBytes } from "@fairlead/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type FakeConnection, FakeTarget, type Request } from "./fake-target.js";
import { Client, Host } from "./harness.js";

let scope: Scope;
let target: FakeTarget;
beforeEach(async () => {
  scope = new Scope();
  target = await FakeTarget.start(scope);
});
afterEach(() => scope.close());

interface Terms {
  readonly immediate: boolean;
  readonly initialR2t: boolean;
  readonly segment: number;
  readonly firstBurst: number;
  readonly maxBurst: number;
}

/** Takes one write by the book and checks each PDU on the way. */
class Writer {
  readonly received: Uint8Array;
  readonly #connection: FakeConnection;
  readonly #request: Request;
  readonly #terms: Terms;
  #at = 0;
  #sn = 0;
  #r2tSn = 0;
  /** End of the sequence that is under way. */
  #end: number;

  constructor(connection: FakeConnection, request: Request, terms: Terms) {
    this.#connection = connection;
    this.#request = request;
    this.#terms = terms;
    const length = getU32(request.head, At.ExpectedBytes);
    this.received = new Uint8Array(length);
    const firstBurst = Math.min(length, terms.firstBurst);
    const immediate = request.data.length;
    expect(immediate).toBe(terms.immediate ? Math.min(firstBurst, terms.segment) : 0);
    this.received.set(request.data);
    this.#at = immediate;
    this.#end = terms.initialR2t ? immediate : firstBurst;
    const final = (request.head[At.Flags]! & Flag.Final) !== 0;
    expect(final).toBe(this.#end === this.#at);
    if (final) this.#go();
  }

  take({ head, data }: Request): void {
    const final = this.#at + data.length === this.#end;
    expect(getU32(head, At.TargetTag)).toBe(this.#r2tSn === 0 ? NO_TAG : 0x77 + this.#r2tSn - 1);
    expect(getU32(head, At.DataSn)).toBe(this.#sn++);
    expect(getU32(head, At.BufferOffset)).toBe(this.#at);
    expect(data.length).toBeLessThanOrEqual(this.#terms.segment);
    expect((head[At.Flags]! & Flag.Final) !== 0).toBe(final);
    this.received.set(data, this.#at);
    this.#at += data.length;
    if (final) this.#go();
  }

  #go(): void {
    const left = this.received.length - this.#at;
    if (left === 0) {
      this.#connection.respond(this.#request, 0);
      return;
    }
    const bytes = Math.min(left, this.#terms.maxBurst);
    this.#sn = 0;
    this.#end = this.#at + bytes;
    this.#connection.readyToTransfer(this.#request, this.#r2tSn++, this.#at, bytes);
  }
}

describe("writes", () => {
  const terms: Terms[] = [];
  for (const immediate of [true, false])
    for (const initialR2t of [true, false]) {
      terms.push({ immediate, initialR2t, segment: 8192, firstBurst: 65536, maxBurst: 262144 });
      terms.push({ immediate, initialR2t, segment: 512, firstBurst: 1536, maxBurst: 4096 });
      terms.push({ immediate, initialR2t, segment: 65536, firstBurst: 4096, maxBurst: 131072 });
      terms.push({ immediate, initialR2t, segment: 1000, firstBurst: 2500, maxBurst: 9999 });
    }

  it.each(terms)(
    "keep to immediate $immediate, initial R2T $initialR2t, segments of $segment, bursts of $firstBurst and $maxBurst",
    async (terms) => {
      target.operationalKeys = [
        ["ImmediateData", terms.immediate ? "Yes" : "No"],
        ["InitialR2T", terms.initialR2t ? "Yes" : "No"],
        ["MaxRecvDataSegmentLength", `${terms.segment}`],
        ["FirstBurstLength", `${terms.firstBurst}`],
        ["MaxBurstLength", `${terms.maxBurst}`],
      ];
      const host = new Host(scope);
      const client = await host.path(host.hba([target.address]));
      const writers = new Map<number, Writer>();
      target.onCommand = (connection, request) => {
        if (request.head[At.Cdb] !== ScsiOp.Write10) return false;
        writers.set(getU32(request.head, At.Cdb + 2), new Writer(connection, request, terms));
        byTag.set(getU32(request.head, At.InitiatorTag), getU32(request.head, At.Cdb + 2));
        return true;
      };
      const byTag = new Map<number, number>();
      target.onPdu = (_connection, request) => {
        if (getOpcode(request.head, 0) !== Opcode.DataOut) return false;
        const block = byTag.get(getU32(request.head, At.InitiatorTag));
        if (block !== undefined) writers.get(block)?.take(request);
        return true;
      };
      const lengths = [512, 1024, 8192, 8704, 65536, 66048, 262144, 300 * 512];
      const data = lengths.map((length, index) => seededBytes(index, length));
      const outcomes = data.map((bytes, block) => client.run("write", block * 512, bytes));
      expect(new Set(await Promise.all(outcomes))).toEqual(new Set(["good"]));
      for (const [block, bytes] of data.entries())
        expect(Buffer.compare(writers.get(block)?.received ?? new Uint8Array(0), bytes)).toBe(0);
      expect(client.notices).toEqual([]);
    },
  );

  it("carry FUA where it is asked for", async () => {
    const host = new Host(scope);
    const client = await host.path(host.hba([target.address]));
    target.commands = [];
    await client.run("write", 0, new Uint8Array(512), true);
    await client.run("write", 0, new Uint8Array(512), false);
    await client.run("read", 0, new Uint8Array(512), true);
    expect(target.commands.map(({ head }) => head[At.Cdb + 1])).toEqual([8, 0, 0]);
  });
});

describe("the command window", () => {
  it("is never overrun, and what waits goes in the order of its coming", async () => {
    target.window = 4;
    const host = new Host(scope);
    const client = await host.path(host.hba([target.address]));
    const waiting: Request[] = [];
    const blocks: number[] = [];
    let overrun = 0;
    target.onCommand = (connection, request) => {
      if (isBefore(connection.maxCmdSn, getU32(request.head, At.CmdSn))) overrun++;
      blocks.push(getU32(request.head, At.Cdb + 2));
      waiting.push(request);
      setImmediate(() => {
        const next = waiting.shift();
        connection.window = 4 - waiting.length;
        if (next !== undefined) connection.respond(next, 0);
      });
      return true;
    };
    const all = Array.from({ length: 40 }, (_, block) =>
      client.run("write", block * 512, new Uint8Array(512)),
    );
    expect(new Set(await Promise.all(all))).toEqual(new Set(["good"]));
    expect(blocks).toEqual(Array.from({ length: 40 }, (_, block) => block));
    expect(overrun).toBe(0);
  });

  it("that opens by a ping lets go what waited", async () => {
    target.window = 4;
    const host = new Host(scope, { pingAfterMs: 60 });
    const client = await host.path(host.hba([target.address]));
    target.commands = [];
    target.onCommand = (connection, request) => {
      connection.window = 0;
      connection.respond(request, 0);
      return true;
    };
    const all = Array.from({ length: 10 }, () => client.run("write", 0, new Uint8Array(512)));
    let seenBefore = 0;
    target.onPdu = (connection) => {
      seenBefore = target.commands.length;
      target.onCommand = () => false;
      connection.window = 64;
      return false;
    };
    expect(new Set(await Promise.all(all))).toEqual(new Set(["good"]));
    expect(seenBefore).toBe(4);
  });
});

describe("commands that are not sent", () => {
  it("when their path fails say so; those that are sent are in doubt", async () => {
    const host = new Host(scope);
    const client = await host.path(host.hba([target.address]));
    const seen = new Promise<void>((resolve) => {
      target.onCommand = () => {
        resolve();
        return true;
      };
    });
    const sent = client.run("write", 0, new Uint8Array(512));
    await seen;
    const queued = [
      client.run("write", 512, new Uint8Array(512)),
      client.run("read", 0, new Uint8Array(512)),
    ];
    // Both are submitted, and nothing of them has been written: that happens at the end of this turn of the loop.
    target.last.socket.resetAndDestroy();
    const failed = client.next("path-failed");
    await failed;
    expect(await sent).toBe("in-doubt");
    for (const outcome of await Promise.all(queued)) expect(["in-doubt", "not-sent"]).toContain(outcome);
    expect(client.log[0]).toBe("path-failed connection-lost");
  });

  it("on a path that is down end at once, but not from within submit", async () => {
    const host = new Host(scope);
    const hba = host.hba([target.address]);
    const client = await host.path(hba);
    await hba.close();
    const path = new Client(client.adapter);
    const all = Array.from({ length: 5 }, () => path.run("read", 0, new Uint8Array(512)));
    expect(path.log).toEqual([]);
    expect(await Promise.all(all)).toEqual(Array(5).fill("not-sent"));
    expect(await path.fence()).toBe("unfenceable");
    expect(await path.resetLun()).toBe(false);
  });
});
