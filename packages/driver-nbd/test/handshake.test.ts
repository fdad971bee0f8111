import { createManualClock } from "@fairlead/compliance";
import { NbdClient, Scope, until } from "@fairlead/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { infoData, optionBytes, rawClient, serve } from "./harness.js";
import { MemoryDisk } from "./memory-disk.js";

const ERR_UNSUP = 0x80000001;
const ERR_POLICY = 0x80000002;
const ERR_INVALID = 0x80000003;
const ERR_UNKNOWN = 0x80000006;
const ERR_TOO_BIG = 0x80000009;
const ACK = 1;
const SERVER = 2;
const INFO = 3;
const LIST = 3;
const STARTTLS = 5;
const INFO_OPTION = 6;
const GO = 7;

let scope: Scope;
beforeEach(() => {
  scope = new Scope();
});
afterEach(() => scope.close());

async function greeted(socket: string): Promise<NbdClient> {
  const client = await NbdClient.dial(scope, socket);
  await client.greet();
  return client;
}

async function nextReply(client: NbdClient): Promise<{ option: number; type: number; data: Buffer }> {
  const header = await client.take(20);
  expect(header.readBigUInt64BE()).toBe(0x3e889045565a9n);
  return {
    option: header.readUInt32BE(8),
    type: header.readUInt32BE(12),
    data: await client.take(header.readUInt32BE(16)),
  };
}

describe("negotiation", () => {
  it("greets as fixed newstyle without zeroes", async () => {
    const { socket } = await serve(scope, []);
    const client = await NbdClient.dial(scope, socket);
    const greeting = await client.take(18);
    expect(greeting.toString("latin1", 0, 16)).toBe("NBDMAGICIHAVEOPT");
    expect(greeting.readUInt16BE(16)).toBe(3);
  });

  it("tells size, flags, names and block sizes", async () => {
    const disks = [
      new MemoryDisk("data", 5 * 2 ** 20, { blockSizeBytes: 8192 }),
      new MemoryDisk("ro", 512, { readOnly: true }),
    ];
    const { socket } = await serve(scope, disks);
    const client = await greeted(socket);
    client.socket.write(optionBytes(INFO_OPTION, infoData("data", [1, 2, 3])));
    const replies = [];
    for (let count = 0; count < 5; count++) replies.push(await nextReply(client));
    expect(replies.map(({ type }) => type)).toEqual([INFO, INFO, INFO, INFO, ACK]);
    const main = replies[0]?.data ?? Buffer.alloc(0);
    expect(main.readUInt16BE(0)).toBe(0);
    expect(main.readBigUInt64BE(2)).toBe(5n * 2n ** 20n);
    // HAS_FLAGS, SEND_FLUSH, SEND_FUA, CAN_MULTI_CONN
    expect(main.readUInt16BE(10)).toBe(1 | 4 | 8 | 256);
    expect(replies[1]?.data.toString("latin1")).toBe("\0\x01data");
    expect(replies[2]?.data.toString("latin1")).toBe("\0\x02disk data");
    const sizes = replies[3]?.data ?? Buffer.alloc(0);
    expect([
      sizes.readUInt16BE(0),
      sizes.readUInt32BE(2),
      sizes.readUInt32BE(6),
      sizes.readUInt32BE(10),
    ]).toEqual([3, 8192, 8192, 33_554_432]);
    const readOnly = await client.option(INFO_OPTION, infoData("ro"));
    expect(readOnly.data.readUInt16BE(10) & 2).toBe(2);
  });

  it("sends 124 zeroes after EXPORT_NAME only to a client that did not decline them", async () => {
    const { socket } = await serve(scope, [new MemoryDisk("d", 4096)]);
    for (const [flags, bytes] of [
      [1, 134],
      [3, 10],
    ] as const) {
      const client = await NbdClient.dial(scope, socket);
      await client.take(18);
      client.socket.write(Buffer.concat([Buffer.from([0, 0, 0, flags]), optionBytes(1, Buffer.from("d"))]));
      const reply = await client.take(bytes);
      expect(reply.readBigUInt64BE(0)).toBe(4096n);
      expect(reply.subarray(10).every((byte) => byte === 0)).toBe(true);
      const header = Buffer.alloc(28);
      header.writeUInt32BE(0x25609513);
      header.writeUInt16BE(3, 6);
      client.socket.write(header);
      // The flush is answered right behind: there was no byte more.
      expect((await client.take(16)).readUInt32BE()).toBe(0x67446698);
    }
  });

  it("lists the exports of the moment, with names in UTF-8", async () => {
    const { socket, disks } = await serve(scope, [new MemoryDisk("a", 512), new MemoryDisk("löß", 512)]);
    const client = await greeted(socket);
    disks.set("new", new MemoryDisk("new", 512));
    client.socket.write(optionBytes(LIST, Buffer.alloc(0)));
    const names: string[] = [];
    let next = await nextReply(client);
    while (next.type === SERVER) {
      const end = 4 + next.data.readUInt32BE();
      names.push(next.data.toString("utf8", 4, end));
      expect(next.data.toString("utf8", end)).toBe(`disk ${names.at(-1)}`);
      next = await nextReply(client);
    }
    expect(next.type).toBe(ACK);
    expect(names).toEqual(["a", "löß", "new"]);
  });

  it("acknowledges ABORT and closes", async () => {
    const { socket } = await serve(scope, []);
    const client = await greeted(socket);
    expect((await client.option(2, Buffer.alloc(0))).type).toBe(ACK);
    await expect(client.take(1)).rejects.toThrow();
  });

  it("understands a handshake that comes byte by byte", async () => {
    const { socket } = await serve(scope, [new MemoryDisk("drip", 1024)]);
    const client = await NbdClient.dial(scope, socket);
    await client.take(18);
    for (const byte of Buffer.concat([Buffer.from([0, 0, 0, 3]), optionBytes(GO, infoData("drip", [3]))])) {
      await new Promise<void>((resolve) => client.socket.write(Buffer.from([byte]), () => resolve()));
    }
    expect((await nextReply(client)).data.readBigUInt64BE(2)).toBe(1024n);
  });
});

describe("bad handshakes", () => {
  const refusals: [name: string, option: number, data: Buffer, reply: number][] = [
    ["GO with a name length of 2^32-1", GO, infoData("x", [], 0xffffffff), ERR_INVALID],
    ["INFO with a name longer than the option", INFO_OPTION, infoData("abc", [], 4), ERR_INVALID],
    ["GO with data behind its end", GO, Buffer.concat([infoData("d"), Buffer.alloc(2)]), ERR_INVALID],
    ["GO without data", GO, Buffer.alloc(0), ERR_INVALID],
    ["GO with a name of 4097 bytes", GO, infoData("n".repeat(4097)), ERR_INVALID],
    ["GO with a name of 8000 bytes", GO, infoData("n".repeat(8000)), ERR_TOO_BIG],
    ["GO with a name of 3000 bytes", GO, infoData("n".repeat(3000)), ERR_UNKNOWN],
    ["GO with a traversal", GO, infoData("../../etc/passwd"), ERR_UNKNOWN],
    ["GO with __proto__", GO, infoData("__proto__"), ERR_UNKNOWN],
    ["GO with a name that is no UTF-8", GO, infoData(Buffer.from([0xff, 0xfe])), ERR_INVALID],
    ["GO with NUL in the name", GO, infoData("d\0"), ERR_INVALID],
    ["LIST with data", LIST, Buffer.from("x"), ERR_INVALID],
    ["STARTTLS", STARTTLS, Buffer.alloc(0), ERR_POLICY],
    ["STRUCTURED_REPLY", 8, Buffer.alloc(0), ERR_UNSUP],
    ["LIST_META before structured replies", 9, infoData("d"), ERR_INVALID],
    ["SET_META with 2^32-1 queries", 10, Buffer.from("0000000164ffffffff", "hex"), ERR_INVALID],
    ["an unknown option", 4711, Buffer.from("data"), ERR_UNSUP],
  ];
  it.each(refusals)("answers %s with an error and goes on", async (_name, option, data, type) => {
    const { socket } = await serve(scope, [new MemoryDisk("d", 512)]);
    const client = await greeted(socket);
    expect((await client.option(option, data)).type).toBe(type);
    expect((await client.option(GO, infoData("d"))).type).toBe(INFO);
  });

  const closes: [name: string, bytes: Buffer][] = [
    ["unknown client flags", Buffer.from("ffffffff", "hex")],
    ["a wrong option magic", Buffer.concat([Buffer.from("00000003", "hex"), Buffer.alloc(16, 0x41)])],
    [
      "LIST with 4 GiB of data",
      Buffer.concat([Buffer.from("00000003", "hex"), optionBytes(LIST, Buffer.alloc(0), 0xffffffff)]),
    ],
    [
      "EXPORT_NAME with an unknown name",
      Buffer.concat([Buffer.from("00000003", "hex"), optionBytes(1, Buffer.from("nobody"))]),
    ],
    [
      "EXPORT_NAME with NUL",
      Buffer.concat([Buffer.from("00000003", "hex"), optionBytes(1, Buffer.from("d\0"))]),
    ],
    [
      "EXPORT_NAME with 60000 bytes",
      Buffer.concat([Buffer.from("00000003", "hex"), optionBytes(1, Buffer.alloc(0), 60_000)]),
    ],
    [
      "a request before the handshake",
      Buffer.concat([Buffer.from("00000003", "hex"), Buffer.from("25609513", "hex"), Buffer.alloc(24)]),
    ],
  ];
  it.each(closes)("closes at %s", async (_name, bytes) => {
    const { socket, events } = await serve(scope, [new MemoryDisk("d", 512)]);
    const client = await NbdClient.dial(scope, socket);
    await client.take(18);
    client.socket.write(bytes);
    await expect(client.take(1)).rejects.toThrow();
    expect(events.map(({ kind }) => kind)).toEqual(["nbd-client-refused"]);
  });

  it("closes after 64 options, with one event", async () => {
    const { socket, events } = await serve(scope, []);
    const client = await greeted(socket);
    client.socket.write(Buffer.concat(Array.from({ length: 2000 }, () => optionBytes(99, Buffer.alloc(0)))));
    for (let count = 0; count < 64; count++) expect((await nextReply(client)).type).toBe(ERR_UNSUP);
    await expect(client.take(1)).rejects.toThrow();
    expect(events).toHaveLength(1);
  });

  it("writes one event per second, however many strangers there are", async () => {
    const clock = createManualClock();
    const { socket, events, server } = await serve(scope, [], { clock });
    const stranger = async () => {
      const client = await NbdClient.dial(scope, socket);
      client.socket.write(Buffer.alloc(64, 0xff));
      await until("the stranger closed", () => client.closed);
    };
    for (let count = 0; count < 10; count++) await stranger();
    expect(events).toHaveLength(1);
    clock.advance(1000);
    await stranger();
    expect(events.map(({ inputs }) => inputs)).toEqual([{ suppressed: 0 }, { suppressed: 9 }]);
    expect(server.status().handshaking).toBe(0);
  });
});

describe("idle handshakes", () => {
  it("end after the time-out, and not before", async () => {
    const clock = createManualClock();
    const { socket, server } = await serve(scope, [new MemoryDisk("d", 512)], { clock });
    const idle = await greeted(socket);
    const serving = await rawClient(scope, socket, "d");
    clock.advance(9999);
    expect(server.status().handshaking).toBe(1);
    clock.advance(1);
    await expect(idle.take(1)).rejects.toThrow();
    expect(server.status()).toMatchObject({ handshaking: 0, connections: [{ export: "d" }] });
    expect(serving.closed).toBe(false);
  });

  it("leave room for a client that knows what it wants", async () => {
    const { socket, server } = await serve(scope, [new MemoryDisk("d", 512)]);
    const idle = await Promise.all(Array.from({ length: 200 }, () => NbdClient.dial(scope, socket)));
    await until("100 greeted", () => server.status().handshaking === 100);
    const good = await NbdClient.open(scope, socket, "d");
    expect(good.sizeBytes).toBe(512);
    await until("the oldest were sent away", () => idle.filter(({ closed }) => closed).length >= 100);
    expect(server.status().handshaking).toBeLessThanOrEqual(100);
  });

  it("are refused beyond the number of connections", async () => {
    const { socket, server } = await serve(scope, [new MemoryDisk("d", 512)], { connectionsMax: 3 });
    for (let count = 0; count < 3; count++) await NbdClient.open(scope, socket, "d");
    const fourth = await NbdClient.dial(scope, socket);
    await expect(fourth.take(1)).rejects.toThrow();
    expect(server.status().connections).toHaveLength(3);
  });
});
