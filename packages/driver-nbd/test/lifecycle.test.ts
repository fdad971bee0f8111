import { createManualClock } from "@fairlead/compliance";
import { NbdClient, Scope, until } from "@fairlead/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ask, commandBytes, rawClient, reply, serve } from "./harness.js";
import { HeldDisk } from "./held-disk.js";
import { MemoryDisk } from "./memory-disk.js";

const READ = 0;
const WRITE = 1;
const FLUSH = 3;
const ESHUTDOWN = 108;

let scope: Scope;
beforeEach(() => {
  scope = new Scope();
});
afterEach(() => scope.close());

describe("close", () => {
  it("answers what is in flight, refuses what comes, and ends", async () => {
    const disk = new HeldDisk("d", 65_536);
    const { server, socket } = await serve(scope, [disk], { clock: createManualClock() });
    const busy = await rawClient(scope, socket, "d");
    const idle = await rawClient(scope, socket, "d");
    const choosing = await NbdClient.dial(scope, socket);
    await choosing.greet();
    busy.socket.write(commandBytes({ type: READ, cookie: 1n, length: 512 }));
    await until("one in flight", () => disk.held.length === 1);
    const closed = server.close();
    await expect(idle.take(1)).rejects.toThrow();
    await expect(choosing.take(1)).rejects.toThrow();
    expect(await ask(busy, { type: WRITE, cookie: 2n, payload: Buffer.alloc(4096) })).toBe(ESHUTDOWN);
    expect(await ask(busy, { type: FLUSH, cookie: 3n })).toBe(ESHUTDOWN);
    disk.open();
    expect(await reply(busy, 512)).toMatchObject({ cookie: 1n, errno: 0 });
    await expect(busy.take(1)).rejects.toThrow();
    await closed;
    expect(server.status()).toMatchObject({ connections: [], heldBytes: 0 });
    await expect(NbdClient.dial(scope, socket)).rejects.toThrow();
    await expect(server.listen({ socket })).rejects.toMatchObject({ code: "NBD_SERVER_CLOSED" });
  });

  it("answers late requests with ESHUTDOWN and takes them back from the disk", async () => {
    const clock = createManualClock();
    const disk = new HeldDisk("d", 65_536);
    disk.cancellable = true;
    const { server, socket } = await serve(scope, [disk], { clock, closeTimeoutMs: 300 });
    const client = await rawClient(scope, socket, "d");
    client.socket.write(
      Buffer.concat([1n, 2n, 3n].map((cookie) => commandBytes({ type: READ, cookie, length: 512 }))),
    );
    await until("three in flight", () => disk.held.length === 3);
    const closed = server.close();
    clock.advance(299);
    expect(client.closed).toBe(false);
    clock.advance(1);
    const answers = [await reply(client), await reply(client), await reply(client)];
    expect(answers.map(({ errno }) => errno)).toEqual([ESHUTDOWN, ESHUTDOWN, ESHUTDOWN]);
    expect(new Set(answers.map(({ cookie }) => cookie)).size).toBe(3);
    await expect(client.take(1)).rejects.toThrow();
    await closed;
    expect(disk.cancels).toBe(3);
    expect(server.status().heldBytes).toBe(0);
  });

  it("answers each late request once, also to a client that reads slowly", async () => {
    const clock = createManualClock();
    const disk = new HeldDisk("d", 8 * 2 ** 20);
    const { server, socket } = await serve(scope, [disk], { clock });
    const client = await rawClient(scope, socket, "d");
    client.socket.pause();
    client.socket.write(
      Buffer.concat([
        commandBytes({ type: READ, cookie: 1n, length: 8 * 2 ** 20 }),
        commandBytes({ type: READ, cookie: 2n, length: 512 }),
      ]),
    );
    await until("two in flight", () => disk.held.length === 2);
    disk.release(1);
    const closed = server.close();
    clock.advance(100);
    disk.open();
    client.socket.resume();
    expect(await reply(client, 8 * 2 ** 20)).toMatchObject({ cookie: 1n, errno: 0 });
    expect(await reply(client)).toMatchObject({ cookie: 2n, errno: ESHUTDOWN });
    await expect(client.take(1)).rejects.toThrow();
    await closed;
    expect(server.status().heldBytes).toBe(0);
  });

  it("does not wait for a client that reads nothing", async () => {
    const clock = createManualClock();
    const disk = new MemoryDisk("d", 8 * 2 ** 20);
    const { server, socket } = await serve(scope, [disk], { clock });
    const client = await rawClient(scope, socket, "d");
    client.socket.pause();
    client.socket.write(commandBytes({ type: READ, length: 8 * 2 ** 20 }));
    await until("the reply is stuck", () => server.status().heldBytes > 0);
    const closed = server.close();
    clock.advance(100);
    clock.advance(1000);
    await closed;
    expect(server.status().heldBytes).toBe(0);
  });
});

describe("exports that change", () => {
  it("appear by themselves, and end their connections when they go", async () => {
    const first = new HeldDisk("first", 65_536);
    const { server, socket, disks, events } = await serve(scope, [first]);
    disks.set("second", new MemoryDisk("second", 4096));
    server.exportsChanged();
    const other = await NbdClient.open(scope, socket, "second");
    const client = await NbdClient.open(scope, socket, "first");
    const pending = client.read(0, 512);
    pending.catch(() => undefined);
    await until("one in flight", () => first.held.length === 1);

    disks.delete("first");
    server.exportsChanged();
    await expect(pending).rejects.toThrow("closed");
    await expect(NbdClient.open(scope, socket, "first")).rejects.toThrow("refused");
    expect(events).toContainEqual(expect.objectContaining({ kind: "nbd-export-removed", subject: "first" }));
    expect(await other.read(0, 512)).toHaveLength(512);
    expect(server.status().exports.map(({ name }) => name)).toEqual(["second"]);
    first.open();
    expect(server.status().heldBytes).toBe(0);
  });

  it("end the connections of a disk that another has replaced under its name", async () => {
    const { server, socket, disks } = await serve(scope, [new MemoryDisk("d", 4096)]);
    const client = await NbdClient.open(scope, socket, "d");
    disks.set("d", new MemoryDisk("d", 8192));
    server.exportsChanged();
    await until("the old client is gone", () => client.closed);
    expect((await NbdClient.open(scope, socket, "d")).sizeBytes).toBe(8192);
  });
});

describe("a fault in one connection", () => {
  it("ends that connection and leaves the others alone", async () => {
    const bad = new MemoryDisk("bad", 65_536);
    bad.submit = () => {
      throw new Error("broken disk");
    };
    const { server, socket, events } = await serve(scope, [bad, new MemoryDisk("good", 65_536)]);
    const good = await NbdClient.open(scope, socket, "good");
    const victim = await NbdClient.open(scope, socket, "bad");
    await expect(victim.write(0, Buffer.alloc(512))).rejects.toThrow("closed");
    expect(events).toContainEqual(
      expect.objectContaining({
        kind: "nbd-connection-failed",
        subject: "bad",
        severity: "error",
        reason: expect.stringContaining("broken disk"),
      }),
    );
    expect(await good.read(0, 512)).toHaveLength(512);
    expect(server.status()).toMatchObject({ heldBytes: 0, connections: [{ export: "good" }] });
    // The next client of the broken disk meets the same, not a request held for ever.
    const next = await NbdClient.open(scope, socket, "bad");
    await expect(next.read(0, 512)).rejects.toThrow("closed");
  });

  it("survives a disk that throws when a request is taken back", async () => {
    const disk = new HeldDisk("d", 65_536);
    disk.cancel = () => {
      throw new Error("can't cancel");
    };
    const { server, socket } = await serve(scope, [disk]);
    const client = await rawClient(scope, socket, "d");
    client.socket.write(commandBytes({ type: WRITE, payload: Buffer.alloc(512) }));
    await until("one in flight", () => disk.held.length === 1);
    client.socket.destroy();
    await until("the connection is gone", () => server.status().connections.length === 0);
    const next = await NbdClient.open(scope, socket, "d");
    disk.open();
    expect(await next.read(0, 512)).toHaveLength(512);
    expect(server.status().heldBytes).toBe(0);
  });
});
