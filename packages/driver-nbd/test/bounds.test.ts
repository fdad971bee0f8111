import net from "node:net";
import { fileURLToPath } from "node:url";
import { createManualClock } from "@fairlead/compliance";
import { NbdClient, residentBytes, Scope, start, until } from "@fairlead/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ask, commandBytes, optionBytes, rawClient, reply, serve } from "./harness.js";
import { HeldDisk } from "./held-disk.js";
import { MemoryDisk } from "./memory-disk.js";

const READ = 0;
const WRITE = 1;
const FLUSH = 3;
const MIB = 2 ** 20;
const SERVE = fileURLToPath(new URL("../bench/serve.ts", import.meta.url));

let scope: Scope;
beforeEach(() => {
  scope = new Scope();
});
afterEach(() => scope.close());

/** A client past its handshake that never looks at its socket again, whatever comes. */
async function deafClient(socket: string, exportName: string): Promise<net.Socket> {
  const client = net.connect({ path: socket });
  scope.defer(() => {
    client.destroy();
  });
  await new Promise((resolve) => client.once("connect", resolve));
  client.on("error", () => client.destroy());
  client.write(Buffer.concat([Buffer.from([0, 0, 0, 3]), optionBytes(1, Buffer.from(exportName))]));
  return client;
}

function reads(count: number, length: number): Buffer {
  return Buffer.concat(
    Array.from({ length: count }, (_, index) => commandBytes({ type: READ, cookie: BigInt(index), length })),
  );
}

describe("memory", () => {
  it("stays within 32 MiB for 4096 reads of 1 MiB that nobody reads, and goes with their client", async () => {
    const { server, socket } = await serve(scope, [new MemoryDisk("d", 4 * MIB)]);
    const deaf = await deafClient(socket, "d");
    deaf.write(reads(4096, MIB));
    await until("the bound is reached", () => server.status().connections[0]?.paused);
    const good = await NbdClient.open(scope, socket, "d");
    for (let count = 0; count < 20; count++) expect(await good.read(0, MIB)).toHaveLength(MIB);
    const held = server.status();
    expect(held.heldBytes).toBeGreaterThan(8 * MIB);
    expect(held.heldBytes).toBeLessThanOrEqual(17 * MIB);
    deaf.destroy();
    await until("everything is given back", () => server.status().heldBytes === 0);
    expect(await good.read(0, MIB)).toHaveLength(MIB);
  });

  it("is not taken for what a client only announces", async () => {
    const path = `${await scope.directory()}/s`;
    const server = await start(
      scope,
      process.execPath,
      ["--conditions=@fairlead/source", "--import", "tsx", SERVE, path, "64"],
      {
        ready: ({ stdout }) => stdout.includes("listening"),
      },
    );
    const good = await NbdClient.open(scope, path, "");
    for (let count = 0; count < 50; count++) await good.read(0, MIB);
    const beforeBytes = await residentBytes(server.pid);
    for (const rude of [
      optionBytes(3, Buffer.alloc(0), 0xffffffff),
      optionBytes(7, Buffer.from("ffffffff", "hex")),
      optionBytes(1, Buffer.alloc(0), 0x7fffffff),
    ]) {
      const client = await NbdClient.dial(scope, path);
      await client.greet();
      client.socket.write(rude);
      if (rude.readUInt32BE(8) !== 7) await until("closed", () => client.closed);
    }
    const client = await rawClient(scope, path, "");
    expect(await ask(client, { type: READ, length: 2 ** 31 })).toBe(22);
    client.socket.write(commandBytes({ type: WRITE, length: 2 ** 32 - 1 }));
    await until("closed", () => client.closed);
    expect((await residentBytes(server.pid)) - beforeBytes).toBeLessThan(4 * MIB);
    for (let count = 0; count < 3; count++) {
      const deaf = await deafClient(path, "");
      deaf.write(reads(4096, MIB));
      await good.read(0, MIB);
      deaf.destroy();
    }
    await good.read(0, MIB);
    expect((await residentBytes(server.pid)) - beforeBytes).toBeLessThan(40 * MIB);
  });

  it("of an idle connection is none of the pool's", async () => {
    const { server, socket } = await serve(scope, [new MemoryDisk("d", 4 * MIB)]);
    const client = await NbdClient.open(scope, socket, "d");
    await client.write(0, Buffer.alloc(2 * MIB, 1));
    await client.read(0, MIB);
    await until("the last reply is sent", () => server.status().heldBytes === 0);
  });
});

describe("a connection at its bound", () => {
  it("stops reading at its number of requests and goes on when they are answered", async () => {
    const disk = new HeldDisk("d", MIB);
    const { server, socket } = await serve(scope, [disk], { connectionRequestsMax: 8 });
    const client = await rawClient(scope, socket, "d");
    client.socket.write(reads(100, 512));
    await until("it is paused", () => server.status().connections[0]?.paused);
    expect(disk.submitted).toBe(8);
    expect(server.status().exports).toMatchObject([{ inFlight: 8 }]);
    const other = await rawClient(scope, socket, "d");
    other.socket.write(commandBytes({ type: FLUSH }));
    await until("the other is served", () => disk.submitted === 9);
    disk.open();
    const cookies = new Set<bigint>();
    for (let count = 0; count < 100; count++) cookies.add((await reply(client, 512)).cookie);
    expect(cookies.size).toBe(100);
  });

  it("stops reading at its number of bytes, and takes a single request that is larger", async () => {
    const disk = new HeldDisk("d", 4 * MIB);
    const { server, socket } = await serve(scope, [disk], { connectionBytesMax: MIB });
    const client = await rawClient(scope, socket, "d");
    client.socket.write(Buffer.concat([reads(6, 256 * 1024), reads(1, 4 * MIB)]));
    await until("it is paused", () => server.status().connections[0]?.paused);
    expect(disk.submitted).toBe(4);
    expect(server.status().heldBytes).toBe(MIB);
    disk.open();
    for (let count = 0; count < 6; count++) expect((await reply(client, 256 * 1024)).errno).toBe(0);
    expect((await reply(client, 4 * MIB)).errno).toBe(0);
  });

  it("counts replies to refused requests", async () => {
    const { server, socket } = await serve(scope, [new MemoryDisk("d", MIB)], { connectionRequestsMax: 64 });
    const deaf = await deafClient(socket, "d");
    const refused = Buffer.concat(Array.from({ length: 20_000 }, () => commandBytes({ type: 4711 })));
    let sent = 0;
    const pump = () => {
      while (sent < 50 && deaf.write(refused)) sent++;
    };
    deaf.on("drain", pump);
    pump();
    await until("it is paused", () => server.status().connections[0]?.paused);
    expect(server.status().heldBytes).toBeLessThanOrEqual(128 * 1024);
  });
});

describe("the bound of all connections to one disk", () => {
  const diskBytesMax = 64 * MIB;

  it("lets the next one in when memory comes back", async () => {
    const disk = new HeldDisk("d", 32 * MIB);
    const { server, socket } = await serve(scope, [disk], { diskBytesMax, connectionBytesMax: 32 * MIB });
    const clients = [];
    for (let count = 0; count < 3; count++) {
      const client = await deafClient(socket, "d");
      client.write(reads(1, 32 * MIB));
      clients.push(client);
      await until("its request arrived", () => disk.submitted === Math.min(count + 1, 2));
    }
    await until("the third waits", () => server.status().connections[2]?.paused);
    expect(server.status().heldBytes).toBe(64 * MIB);
    const drained = clients.map(countBytes);
    disk.release(1);
    await until("the third is at the disk", () => disk.submitted === 3);
    disk.open();
    // 10 bytes of handshake behind the greeting's 18, then header and payload.
    await until("all have everything", () => drained.every((bytes) => bytes() === 28 + 16 + 32 * MIB));
  });

  it("counts small requests too", async () => {
    const disk = new HeldDisk("d", 32 * MIB);
    const { server, socket } = await serve(scope, [disk], { diskBytesMax });
    for (let count = 0; count < 6; count++) (await deafClient(socket, "d")).write(reads(1000, 512));
    const paused = () => server.status().connections.filter((connection) => connection.paused).length;
    await until("the last two wait", () => paused() === 2);
    expect(disk.submitted).toBe(diskBytesMax / (16 * 1024));
  });

  it("leaves the clients of other disks alone", async () => {
    const disks = [new HeldDisk("greedy", 32 * MIB), new MemoryDisk("good", 32 * MIB)];
    const { server, socket } = await serve(scope, disks, { diskBytesMax, connectionBytesMax: 32 * MIB });
    for (let count = 1; count <= 8; count++) (await deafClient(socket, "greedy")).write(reads(1, 32 * MIB));
    const paused = () => server.status().connections.filter((connection) => connection.paused).length;
    await until("all but two wait", () => paused() === 6);
    const good = await deafClient(socket, "good");
    const bytes = countBytes(good);
    good.write(reads(1, 32 * MIB));
    await until("the good one has everything", () => bytes() === 28 + 16 + 32 * MIB);
    expect(server.status().heldBytes).toBeLessThan(65 * MIB);
  });

  it("costs a client its connection that keeps memory and does nothing, and only while others wait", async () => {
    const clock = createManualClock();
    const limits = { clock, diskBytesMax, stallTimeoutMs: 5000 };
    const { server, socket, events } = await serve(scope, [new MemoryDisk("d", 32 * MIB)], limits);
    const paused = () => server.status().connections.filter((connection) => connection.paused).length;
    for (let count = 1; count <= 3; count++) {
      const deaf = await deafClient(socket, "d");
      deaf.write(reads(2, 16 * MIB));
      await until("it holds all it may", () => paused() === count);
    }
    clock.advance(60_000);
    expect(server.status().connections).toHaveLength(3);

    const good = await deafClient(socket, "d");
    good.write(reads(1, 16 * MIB));
    await until("the good one waits", () => paused() === 4);
    const bytes = countBytes(good);
    clock.advance(4000);
    expect(server.status().connections).toHaveLength(4);
    clock.advance(3000);
    await until("the good one has everything", () => bytes() === 28 + 16 + 16 * MIB);
    expect(events).toContainEqual(expect.objectContaining({ kind: "nbd-client-stalled" }));
  });
});

/** Begins to read and forgets what comes. */
function countBytes(client: net.Socket): () => number {
  let bytes = 0;
  client.on("data", (chunk) => {
    bytes += chunk.length;
  });
  return () => bytes;
}
