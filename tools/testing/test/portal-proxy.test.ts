import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { afterEach, beforeEach, expect, it } from "vitest";
import { PortalProxy, Scope, seededBytes, until } from "../src/index.js";

const ADDRESS = "127.0.0.1:13990";
const scope = new Scope();
let arrived = Buffer.alloc(0);
let serverSockets: Socket[] = [];
let proxy: PortalProxy;

/** An echo server that remembers what arrived. */
beforeEach(async () => {
  arrived = Buffer.alloc(0);
  serverSockets = [];
  const server = createServer((socket) => {
    serverSockets.push(socket);
    socket.on("error", () => socket.destroy());
    socket.on("data", (bytes: Buffer) => {
      arrived = Buffer.concat([arrived, bytes]);
      socket.write(bytes);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  scope.defer(() => {
    for (const socket of serverSockets) socket.destroy();
    server.close();
  });
  proxy = await PortalProxy.start(scope, ADDRESS, `127.0.0.1:${(server.address() as AddressInfo).port}`);
});
afterEach(() => scope.close());

async function client(): Promise<{ socket: Socket; received: () => string }> {
  const socket = connect(13990, "127.0.0.1");
  scope.defer(() => void socket.destroy());
  await once(socket, "connect");
  let text = "";
  socket.on("data", (bytes: Buffer) => {
    text += bytes.toString("latin1");
  });
  return { socket, received: () => text };
}

it("passes, holds after so many bytes, and releases in order", async () => {
  const { socket, received } = await client();
  socket.write("one");
  await until("echo", () => received() === "one");
  proxy.hold({ direction: "to-target", afterBytes: 4 });
  socket.write("twothree");
  await until("half", () => received() === "onetwot");
  expect(proxy.heldBytes("to-target")).toBe(4);
  proxy.release();
  await until("rest", () => received() === "onetwothree");
  expect(arrived.toString()).toBe("onetwothree");
});

it("delivers late what a client sent before it went away", async () => {
  const { socket } = await client();
  await until("accepted", () => serverSockets.length === 1);
  proxy.hold();
  socket.write("ghost");
  await until("held", () => proxy.heldBytes("to-target") === 5);
  socket.resetAndDestroy();
  const other = await client(); // Its connection makes sure that the reset was seen; held as well.
  other.socket.write("later");
  await until("held too", () => proxy.heldBytes("to-target") === 10);
  expect(serverSockets[0]?.readableEnded).toBe(false);
  expect(arrived.length).toBe(0);
  proxy.release();
  await until("delivered", () => arrived.includes("ghost"));
  await until("end passed on", () => serverSockets[0]?.readableEnded);
});

it("holds what stands and lets new connections pass", async () => {
  const old = await client();
  await until("accepted", () => serverSockets.length === 1);
  proxy.hold({ existingOnly: true });
  old.socket.write("old");
  const fresh = await client();
  fresh.socket.write("new");
  await until("echo", () => fresh.received() === "new");
  expect(old.received()).toBe("");
});

it("takes no more than its bound while it holds, and loses nothing", async () => {
  const { socket, received } = await client();
  await until("accepted", () => serverSockets.length === 1);
  proxy.hold({ direction: "to-target" });
  const bytes = seededBytes(1, 8 * 1024 * 1024);
  socket.write(bytes);
  await until("full", () => proxy.heldBytes("to-target") >= 4 * 1024 * 1024);
  expect(proxy.heldBytes("to-target")).toBeLessThan(5 * 1024 * 1024);
  proxy.release();
  await until("all back", () => received().length === bytes.length);
  expect(Buffer.from(received(), "latin1").equals(bytes)).toBe(true);
});

it("resets, refuses and listens again", async () => {
  const { socket } = await client();
  proxy.reset();
  await expect(once(socket, "close")).rejects.toThrow("ECONNRESET");
  proxy.refuse();
  await expect(client()).rejects.toThrow("ECONNREFUSED");
  await proxy.listen();
  const again = await client();
  again.socket.write("x");
  await until("echo", () => again.received() === "x");
});

it("delays each byte and keeps the order", async () => {
  const { socket, received } = await client();
  proxy.delay(50);
  await until("accepted", () => serverSockets.length === 1);
  const startedMs = performance.now();
  for (const part of ["a", "b", "c"]) socket.write(part);
  await until("echo", () => received() === "abc");
  expect(performance.now() - startedMs).toBeGreaterThanOrEqual(99);
});

it("passes bytes one after another at its pace, in each direction", async () => {
  const { socket, received } = await client();
  proxy.pace(100_000);
  const startedMs = performance.now();
  for (let turn = 0; turn < 10; turn++) socket.write("x".repeat(1000));
  await until("all", () => received().length === 10_000);
  // 100 ms to the server; the echo follows piece by piece.
  expect(performance.now() - startedMs).toBeGreaterThanOrEqual(95);
  expect(performance.now() - startedMs).toBeLessThan(5000);
});
