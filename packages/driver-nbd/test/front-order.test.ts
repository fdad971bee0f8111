import { NbdClient, Scope, until } from "@fairlead/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { commandBytes, rawClient, serve } from "./harness.js";
import { HeldDisk } from "./held-disk.js";

const WRITE = 1;
const DISC = 2;
const BLOCK = 4096;
const OLD = Buffer.alloc(BLOCK, 0x0d);
const NEW = Buffer.alloc(BLOCK, 0x4e);

let scope: Scope;
beforeEach(() => {
  scope = new Scope();
});
afterEach(() => scope.close());

function write(cookie: number, block: number, payload: Buffer): Buffer {
  return commandBytes({ type: WRITE, cookie: BigInt(cookie), offset: BigInt(block * BLOCK), payload });
}

/** Closed by the client's own side before the promise resolves. */
async function kill(client: NbdClient): Promise<void> {
  client.socket.destroy();
  await until("the client closed", () => client.closed);
}

describe("a write of a connection that ended", () => {
  it("holds back what overlaps it, and nothing else, until it has ended", async () => {
    const disk = new HeldDisk("d", 64 * BLOCK);
    const { socket, server } = await serve(scope, [disk]);
    const dying = await rawClient(scope, socket, "d");
    dying.socket.write(write(1, 4, OLD));
    await until("the old write is at the disk", () => disk.held.length === 1);
    await kill(dying);
    await until("its end is noticed", () => server.status().connections.length === 0);

    const client = await NbdClient.open(scope, socket, "d");
    const newer = client.write(4 * BLOCK, NEW);
    const across = client.read(3 * BLOCK, 2 * BLOCK);
    const beside = [client.write(3 * BLOCK, NEW), client.write(5 * BLOCK, NEW)];
    await until("what lies beside it is at the disk", () => disk.submitted === 3);
    expect(disk.held.map(({ offsetBytes }) => offsetBytes / BLOCK)).toEqual([4, 3, 5]);
    expect(server.status().exports).toMatchObject([{ inFlight: 5 }]);

    disk.open();
    await Promise.all([newer, across, ...beside]);
    expect(disk.content.subarray(4 * BLOCK, 5 * BLOCK).equals(NEW)).toBe(true);
    expect(server.status().exports).toMatchObject([{ inFlight: 0 }]);
  });

  it("is taken back where it had not been sent", async () => {
    const disk = new HeldDisk("d", 64 * BLOCK);
    disk.cancellable = true;
    const { socket, server } = await serve(scope, [disk]);
    const dying = await rawClient(scope, socket, "d");
    dying.socket.write(Buffer.concat([write(1, 1, OLD), write(2, 2, OLD)]));
    await until("both are at the disk", () => disk.held.length === 2);
    await kill(dying);
    await until("both are taken back", () => disk.held.length === 0);
    expect(server.status()).toMatchObject({ heldBytes: 0, exports: [{ inFlight: 0 }] });
    disk.open();
    expect(disk.content.every((byte) => byte === 0)).toBe(true);
  });

  it("also holds back requests when its client said DISC", async () => {
    const disk = new HeldDisk("d", 64 * BLOCK);
    const { socket } = await serve(scope, [disk]);
    const leaving = await rawClient(scope, socket, "d");
    leaving.socket.write(Buffer.concat([write(1, 0, OLD), commandBytes({ type: DISC })]));
    await until("it is at the disk", () => disk.held.length === 1);
    const client = await NbdClient.open(scope, socket, "d");
    const newer = client.write(0, NEW);
    const beside = client.write(BLOCK, NEW);
    await until("the one beside it is at the disk", () => disk.submitted === 2);
    expect(disk.held.map(({ offsetBytes }) => offsetBytes)).toEqual([0, BLOCK]);
    disk.open();
    await Promise.all([newer, beside]);
    expect(disk.content.subarray(0, BLOCK).equals(NEW)).toBe(true);
  });

  it("drops a held request whose own client goes away", async () => {
    const disk = new HeldDisk("d", 64 * BLOCK);
    const { socket, server } = await serve(scope, [disk]);
    const first = await rawClient(scope, socket, "d");
    first.socket.write(write(1, 0, OLD));
    await until("it is at the disk", () => disk.held.length === 1);
    await kill(first);
    await until("its end is noticed", () => server.status().connections.length === 0);
    const second = await rawClient(scope, socket, "d");
    second.socket.write(write(2, 0, Buffer.alloc(BLOCK, 0x22)));
    await until("the second waits", () => server.status().exports[0]?.inFlight === 2);
    await kill(second);
    await until("the second is forgotten", () => server.status().exports[0]?.inFlight === 1);
    disk.open();
    expect(disk.submitted).toBe(1);
    expect(disk.content.subarray(0, BLOCK).equals(OLD)).toBe(true);
    expect(server.status().heldBytes).toBe(0);
  });
});

describe("requests that a dead client left unread", () => {
  /** Four requests fit; the fifth and later ones stay in the kernel. */
  const limits = { connectionRequestsMax: 4 };

  it.each([
    ["a connection made afterwards", false],
    ["a connection that existed before", true],
  ])("never run after those of %s", async (_name, sibling) => {
    for (let round = 0; round < 25; round++) {
      const disk = new HeldDisk("d", 64 * BLOCK);
      disk.cancellable = round % 2 === 0;
      const { socket, server } = await serve(scope, [disk], limits);
      const old = sibling ? await NbdClient.open(scope, socket, "d") : undefined;
      // It has served before, so that nothing about it is new.
      await old?.read(0, 0).catch(() => undefined);
      const dying = await rawClient(scope, socket, "d");
      // Far more than one read takes, so that most of it stays in the kernel.
      const ghosts = Array.from({ length: 8 }, (_, index) => write(index, 8 + index, OLD));
      await new Promise<void>((resolve) => dying.socket.write(Buffer.concat(ghosts), () => resolve()));
      await until("the connection is paused", () => server.status().connections.some(({ paused }) => paused));
      await kill(dying);

      const client = old ?? (await NbdClient.open(scope, socket, "d"));
      const newer = Array.from({ length: 4 }, (_, index) => client.write((8 + index) * BLOCK, NEW));
      await until("the newer writes are known", () => server.status().exports[0]?.writes === 8);
      disk.open();
      await Promise.all(newer);
      for (let index = 0; index < 4; index++) {
        expect(disk.content.subarray((8 + index) * BLOCK, (9 + index) * BLOCK).equals(NEW)).toBe(true);
      }
      // What was beyond the bound never ran.
      expect(disk.content.subarray(12 * BLOCK).every((byte) => byte === 0)).toBe(true);
    }
  });

  it("are noticed without any other connection's help", async () => {
    const disk = new HeldDisk("d", 64 * BLOCK);
    disk.cancellable = true;
    const { socket, server } = await serve(scope, [disk], limits);
    const dying = await rawClient(scope, socket, "d");
    dying.socket.write(Buffer.concat(Array.from({ length: 8 }, (_, index) => write(index, index, OLD))));
    await until("the connection is paused", () => server.status().connections.some(({ paused }) => paused));
    await kill(dying);
    await until("its requests are taken back", () => disk.held.length === 0);
    expect(server.status()).toMatchObject({ heldBytes: 0, connections: [] });
  });
});
