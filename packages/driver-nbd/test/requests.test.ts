import { NbdClient, Scope, seededBytes, until } from "@fairlead/testing";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ask, type Command, commandBytes, rawClient, reply, serve } from "./harness.js";
import { HeldDisk, LateDisk } from "./held-disk.js";
import { MemoryDisk } from "./memory-disk.js";

const EPERM = 1;
const EINVAL = 22;
const ENOSPC = 28;
const READ = 0;
const WRITE = 1;
const DISC = 2;
const FLUSH = 3;
const FUA = 1;
const MIB = 2 ** 20;
const DISK_BYTES = 4 * MIB;

let scope: Scope;
beforeEach(() => {
  scope = new Scope();
});
afterEach(() => scope.close());

/** The connection still does what it should. */
async function expectUsable(client: NbdClient, disk: MemoryDisk): Promise<void> {
  disk.content.fill(0x5a, 512, 1024);
  client.socket.write(commandBytes({ type: READ, cookie: 99n, offset: 512n, length: 512 }));
  const { cookie, errno, data } = await reply(client, 512);
  expect({ cookie, errno, ok: data.equals(Buffer.alloc(512, 0x5a)) }).toEqual({
    cookie: 99n,
    errno: 0,
    ok: true,
  });
}

describe("refused requests leave the connection usable", () => {
  const cases: [name: string, command: Command, errno: number][] = [
    ["READ at 2^64-256", { type: READ, offset: 2n ** 64n - 256n, length: 4096 }, EINVAL],
    [
      "READ at 2^64-4096 that would wrap around",
      { type: READ, offset: 2n ** 64n - 4096n, length: 8192 },
      EINVAL,
    ],
    ["READ at 2^53", { type: READ, offset: 2n ** 53n, length: 512 }, EINVAL],
    ["READ at 2^53-512", { type: READ, offset: 2n ** 53n - 512n, length: 512 }, EINVAL],
    ["READ at 2^32, the lower half in range", { type: READ, offset: 2n ** 32n, length: 512 }, EINVAL],
    [
      "READ of the end and one block more",
      { type: READ, offset: BigInt(DISK_BYTES) - 512n, length: 1024 },
      EINVAL,
    ],
    ["READ at the end", { type: READ, offset: BigInt(DISK_BYTES), length: 512 }, EINVAL],
    ["READ of 2 GiB", { type: READ, length: 2 ** 31 }, EINVAL],
    ["READ of 4 GiB-1", { type: READ, length: 2 ** 32 - 1 }, EINVAL],
    ["READ of nothing", { type: READ, length: 0 }, EINVAL],
    ["READ at an odd offset", { type: READ, offset: 1n, length: 512 }, EINVAL],
    ["READ of an odd length", { type: READ, length: 513 }, EINVAL],
    ["READ with an unknown flag", { type: READ, flags: 4, length: 512 }, EINVAL],
    [
      "WRITE past the end",
      { type: WRITE, offset: BigInt(DISK_BYTES) - 512n, payload: Buffer.alloc(1024, 1) },
      ENOSPC,
    ],
    ["WRITE at 2^64-512", { type: WRITE, offset: 2n ** 64n - 512n, payload: Buffer.alloc(512, 1) }, ENOSPC],
    ["WRITE of 1 MiB at an odd offset", { type: WRITE, offset: 7n, payload: Buffer.alloc(MIB, 1) }, EINVAL],
    ["WRITE of nothing", { type: WRITE }, EINVAL],
    ["WRITE with an unknown flag", { type: WRITE, flags: 2, payload: Buffer.alloc(512, 1) }, EINVAL],
    ["FLUSH with an offset", { type: FLUSH, offset: 512n }, EINVAL],
    ["FLUSH with a length", { type: FLUSH, length: 512 }, EINVAL],
    ["TRIM", { type: 4, length: 512 }, EINVAL],
    ["CACHE", { type: 5, length: 512 }, EINVAL],
    ["WRITE_ZEROES past the end", { type: 6, offset: BigInt(DISK_BYTES), length: 512 }, EINVAL],
    ["BLOCK_STATUS", { type: 7, length: 512 }, EINVAL],
    ["an unknown command", { type: 4711 }, EINVAL],
  ];
  it.each(cases)("%s", async (_name, command, errno) => {
    const disk = new HeldDisk("d", DISK_BYTES);
    disk.open();
    const { socket } = await serve(scope, [disk]);
    const client = await rawClient(scope, socket, "d");
    expect(await ask(client, command)).toBe(errno);
    expect(disk.submitted).toBe(0);
    expect(disk.content.every((byte) => byte === 0)).toBe(true);
    await expectUsable(client, disk);
  });

  it("WRITE on a read-only export", async () => {
    const disk = new MemoryDisk("ro", DISK_BYTES, { readOnly: true });
    const { socket } = await serve(scope, [disk]);
    const client = await rawClient(scope, socket, "ro");
    expect(await ask(client, { type: WRITE, payload: Buffer.alloc(100_000, 1) })).toBe(EPERM);
    expect(disk.content.every((byte) => byte === 0)).toBe(true);
    await expectUsable(client, disk);
  });
});

describe("requests that end the connection", () => {
  it.each([
    ["a wrong magic", Buffer.alloc(28, 0x11)],
    ["a WRITE of 4 GiB-1", commandBytes({ type: WRITE, length: 2 ** 32 - 1 })],
    ["a WRITE of 32 MiB and one block", commandBytes({ type: WRITE, length: 32 * MIB + 512 })],
  ])("%s", async (_name, bytes) => {
    const { socket, events } = await serve(scope, [new MemoryDisk("d", DISK_BYTES)]);
    const client = await rawClient(scope, socket, "d");
    const other = await NbdClient.open(scope, socket, "d");
    client.socket.write(bytes);
    await expect(client.take(1)).rejects.toThrow();
    expect(events.map(({ kind }) => kind)).toContain("nbd-client-refused");
    expect(await other.read(0, 512)).toHaveLength(512);
  });
});

describe("transmission", () => {
  it("carries FUA and FLUSH to the disk", async () => {
    const disk = new MemoryDisk("d", DISK_BYTES);
    const { socket } = await serve(scope, [disk]);
    const client = await rawClient(scope, socket, "d");
    expect(await ask(client, { type: WRITE, payload: Buffer.alloc(512) })).toBe(0);
    expect(disk.fuaWrites).toBe(0);
    expect(await ask(client, { type: WRITE, flags: FUA, payload: Buffer.alloc(512) })).toBe(0);
    expect(await ask(client, { type: FLUSH })).toBe(0);
    expect(disk).toMatchObject({ fuaWrites: 1, flushes: 1 });
  });

  it.each([
    ["no-space", 28],
    ["write-protected", 1],
    ["invalid", 22],
    ["conflict", 5],
    ["medium-error", 5],
    ["target-error", 5],
    ["no-path", 5],
    ["in-doubt", 5],
    ["not-sent", 5],
    ["busy", 5],
    ["cancelled", 108],
  ] as const)("tells %s as errno %i, without a payload", async (outcome, errno) => {
    const disk = new MemoryDisk("d", DISK_BYTES);
    disk.run = () => outcome;
    const { socket, server } = await serve(scope, [disk]);
    const client = await rawClient(scope, socket, "d");
    expect(await ask(client, { type: READ, length: 65_536 })).toBe(errno);
    expect(await ask(client, { type: FLUSH })).toBe(errno);
    expect(server.status().exports).toMatchObject([{ failures: 2, inFlight: 0 }]);
  });

  it("reads and writes at offsets above 2^32", async () => {
    const disk = new MemoryDisk("big", 512);
    const offsets: number[] = [];
    Object.defineProperty(disk, "sizeBytes", { value: Number.MAX_SAFE_INTEGER - 511 });
    disk.run = (request) => {
      offsets.push(request.offsetBytes);
      return "good";
    };
    const { socket } = await serve(scope, [disk]);
    const client = await rawClient(scope, socket, "big");
    const last = 2 ** 53 - 1024;
    for (const offset of [2 ** 32, 2 ** 40 + 512, last]) {
      expect(await ask(client, { type: READ, offset: BigInt(offset), length: 512 })).toBe(0);
    }
    expect(offsets).toEqual([2 ** 32, 2 ** 40 + 512, last]);
    expect(await ask(client, { type: READ, offset: BigInt(last) + 512n, length: 512 })).toBe(EINVAL);
  });

  it("answers each of 10,000 requests in one segment, the same cookie twice included", async () => {
    const { socket } = await serve(scope, [new LateDisk("d", DISK_BYTES)]);
    const client = await rawClient(scope, socket, "d");
    const count = 10_000;
    const cookie = (index: number) => BigInt(index === 1 ? 0 : index);
    const bytes = Array.from({ length: count }, (_, index) =>
      commandBytes({ type: READ, cookie: cookie(index), offset: BigInt((index % 100) * 512), length: 512 }),
    );
    client.socket.write(Buffer.concat(bytes));
    const seen = new Map<bigint, number>();
    for (let index = 0; index < count; index++) {
      const answer = await reply(client, 512);
      expect(answer.errno).toBe(0);
      seen.set(answer.cookie, (seen.get(answer.cookie) ?? 0) + 1);
    }
    expect(seen.size).toBe(count - 1);
    expect(seen.get(0n)).toBe(2);
  });

  it("answers everything in flight at DISC, then closes", async () => {
    const disk = new HeldDisk("d", DISK_BYTES);
    const { socket, server } = await serve(scope, [disk]);
    const client = await rawClient(scope, socket, "d");
    const requests = Array.from({ length: 64 }, (_, index) =>
      commandBytes({ type: READ, cookie: BigInt(index), offset: BigInt(index * 512), length: 65_536 }),
    );
    client.socket.write(
      Buffer.concat([...requests, commandBytes({ type: DISC }), commandBytes({ type: FLUSH })]),
    );
    await until("64 requests at the disk", () => disk.submitted === 64);
    disk.open();
    const cookies = new Set<bigint>();
    for (let count = 0; count < 64; count++) cookies.add((await reply(client, 65_536)).cookie);
    expect(cookies.size).toBe(64);
    await expect(client.take(1)).rejects.toThrow();
    expect(disk.submitted).toBe(64);
    await until("no connection is left", () => server.status().connections.length === 0);
  });

  it("still answers a client that has closed its own side after DISC", async () => {
    const disk = new HeldDisk("d", DISK_BYTES);
    const { socket } = await serve(scope, [disk]);
    const client = await rawClient(scope, socket, "d");
    client.socket.end(
      Buffer.concat([commandBytes({ type: READ, cookie: 7n, length: 512 }), commandBytes({ type: DISC })]),
    );
    await until("it is at the disk", () => disk.held.length === 1);
    // A turn of the event loop later the server has seen the end as well: another client gets its answer.
    const other = await rawClient(scope, socket, "d");
    expect(await ask(other, { type: FLUSH, offset: 1n })).toBe(EINVAL);
    disk.open();
    expect(await reply(client, 512)).toMatchObject({ cookie: 7n, errno: 0 });
    await expect(client.take(1)).rejects.toThrow();
  });

  it("counts requests and bytes by export and connection", async () => {
    const disk = new HeldDisk("d", DISK_BYTES);
    disk.open();
    const { socket, server } = await serve(scope, [disk]);
    const [first, second] = [await rawClient(scope, socket, "d"), await rawClient(scope, socket, "d")];
    await ask(first, { type: WRITE, payload: Buffer.alloc(1024) });
    await ask(second, { type: READ, length: 4096 });
    await ask(second, { type: FLUSH });
    disk.holding = true;
    second.socket.write(commandBytes({ type: READ, length: 512 }));
    await until("one in flight", () => disk.held.length === 1);
    const status = server.status();
    expect(status.exports).toEqual([
      {
        name: "d",
        connections: 2,
        reads: 2,
        writes: 1,
        flushes: 1,
        readBytes: 4608,
        writtenBytes: 1024,
        failures: 0,
        inFlight: 1,
      },
    ]);
    expect(status.connections).toMatchObject([
      {
        export: "d",
        requests: 1,
        readBytes: 0,
        writtenBytes: 1024,
        inFlight: 0,
        heldBytes: 0,
        paused: false,
      },
      {
        export: "d",
        requests: 3,
        readBytes: 4608,
        writtenBytes: 0,
        inFlight: 1,
        heldBytes: 512,
        paused: false,
      },
    ]);
    disk.open();
  });
});

describe("half a request", () => {
  it.each([
    ["half a header", commandBytes({ type: WRITE, payload: Buffer.alloc(512, 1) }).subarray(0, 13)],
    ["half a short payload", commandBytes({ type: WRITE, payload: Buffer.alloc(4096, 1) }).subarray(0, 1000)],
    [
      "half a long payload",
      commandBytes({ type: WRITE, payload: Buffer.alloc(2 * MIB, 1) }).subarray(0, MIB),
    ],
  ])("%s writes nothing and gives everything back", async (_name, bytes) => {
    const disk = new MemoryDisk("d", DISK_BYTES);
    const { socket, server } = await serve(scope, [disk]);
    const client = await rawClient(scope, socket, "d");
    await new Promise<void>((resolve) => client.socket.write(bytes, () => resolve()));
    client.socket.destroy();
    await until("the connection is gone", () => server.status().connections.length === 0);
    expect(server.status()).toMatchObject({
      heldBytes: 0,
      exports: [{ inFlight: 0, writes: expect.any(Number) }],
    });
    expect(disk.content.every((byte) => byte === 0)).toBe(true);
  });
});

/** Lengths below, at and above each border of the paths that bytes can take. */
const lengths = fc.constantFrom(512, 1024, 4096, 16_384, 16_896, 65_536, 66_048, 262_144, 524_288);
const step = fc.record({
  type: fc.constantFrom(READ, WRITE, WRITE, FLUSH),
  block: fc.nat(2048),
  length: lengths,
  fits: fc.boolean(),
});

describe("any cut of the stream", () => {
  it.each([
    ["answered at once", MemoryDisk],
    ["answered late", LateDisk],
  ] as const)("gives the same answers and the same disk: %s", async (_name, Disk) => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 6, maxLength: 20 }),
        fc.array(fc.integer({ min: 1, max: 300_000 }), { minLength: 7 }),
        async (steps, cuts) => {
          const local = new Scope();
          try {
            const disk = new Disk("d", 2 * MIB);
            const { socket } = await serve(local, [disk]);
            const client = await rawClient(local, socket, "d");
            const model = Buffer.alloc(2 * MIB);
            for (const [index, { type, block, length, fits }] of steps.entries()) {
              const lengthBytes = type === FLUSH ? 0 : length;
              const offsetBytes =
                type === FLUSH
                  ? 0
                  : fits
                    ? Math.min(block * 512, 2 * MIB - length)
                    : 2 * MIB - 512 * (block % 1);
              const payload = type === WRITE ? seededBytes(index, lengthBytes) : undefined;
              const command = {
                type,
                cookie: BigInt(index),
                offset: BigInt(offsetBytes),
                length: lengthBytes,
              };
              await writeInPieces(
                client,
                commandBytes(payload === undefined ? command : { ...command, payload }),
                cuts,
                index,
              );
              const inRange = type === FLUSH || fits;
              if (payload !== undefined && inRange) payload.copy(model, offsetBytes);
              const answer = await reply(client, type === READ && inRange ? lengthBytes : 0);
              expect(answer.cookie).toBe(BigInt(index));
              expect(answer.errno).toBe(inRange ? 0 : type === READ ? EINVAL : ENOSPC);
              if (type === READ && inRange) {
                expect(answer.data.equals(model.subarray(offsetBytes, offsetBytes + lengthBytes))).toBe(true);
              }
            }
            expect(disk.content.equals(model)).toBe(true);
          } finally {
            await local.close();
          }
        },
      ),
      { numRuns: 12, seed: 7 },
    );
  });
});

async function writeInPieces(
  client: NbdClient,
  bytes: Buffer,
  cuts: readonly number[],
  start: number,
): Promise<void> {
  let at = 0;
  for (let turn = start; at < bytes.length; turn++) {
    const end = at + (cuts[turn % cuts.length] ?? bytes.length);
    await new Promise<void>((resolve) => client.socket.write(bytes.subarray(at, end), () => resolve()));
    at = end;
  }
}
