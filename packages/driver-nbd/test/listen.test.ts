import { existsSync, lstatSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import net from "node:net";
import { dirname, join } from "node:path";
import { NbdClient, run, Scope, start } from "@fairlead/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createNbdServer, type NbdServer } from "../src/index.js";
import { serve } from "./harness.js";
import { hostClock } from "./host-clock.js";
import { MemoryDisk } from "./memory-disk.js";

let scope: Scope;
beforeEach(() => {
  scope = new Scope();
});
afterEach(() => scope.close());

function newServer(): NbdServer {
  const disk = new MemoryDisk("d", 4096);
  const server = createNbdServer({ clock: hostClock(), exports: { find: () => disk, list: () => [disk] } });
  scope.defer(() => server.close());
  return server;
}

describe("unix sockets", () => {
  it("have mode 0600 and go with the server", async () => {
    const { server, socket } = await serve(scope, []);
    expect(lstatSync(socket).mode & 0o7777).toBe(0o600);
    expect(readdirSync(dirname(socket))).toEqual(["nbd.sock"]);
    await server.close();
    expect(readdirSync(dirname(socket))).toEqual([]);
  });

  it("replace one that a killed server left behind", async () => {
    const path = join(await scope.directory(), "s");
    const stale = await start(
      scope,
      process.execPath,
      ["-e", `require("net").createServer().listen(${JSON.stringify(path)})`],
      {
        ready: () => existsSync(path),
      },
    );
    await stale.kill();
    expect(lstatSync(path).isSocket()).toBe(true);
    await newServer().listen({ socket: path });
    expect((await NbdClient.open(scope, path, "d")).sizeBytes).toBe(4096);
  });

  it("refuse a path where somebody listens", async () => {
    const { socket } = await serve(scope, [new MemoryDisk("d", 512)]);
    await expect(newServer().listen({ socket })).rejects.toMatchObject({
      code: "NBD_SOCKET_IN_USE",
      message: expect.stringContaining(socket),
    });
    expect((await NbdClient.open(scope, socket, "d")).sizeBytes).toBe(512);
    expect(readdirSync(dirname(socket))).toEqual(["nbd.sock"]);
  });

  it("refuse a symbolic link and a file, and leave both alone", async () => {
    const folder = await scope.directory();
    const [file, link] = [join(folder, "file"), join(folder, "link")];
    writeFileSync(file, "precious");
    symlinkSync(join(folder, "nowhere"), link);
    for (const socket of [file, link]) {
      await expect(newServer().listen({ socket })).rejects.toMatchObject({ code: "NBD_SOCKET_REFUSED" });
    }
    expect(readFileSync(file, "utf8")).toBe("precious");
    expect(readdirSync(folder).toSorted()).toEqual(["file", "link"]);
  });

  it("do not take away what another server has put in their place", async () => {
    const { server, socket } = await serve(scope, []);
    const rename = await run("mv", [socket, `${socket}.old`]);
    expect(rename.code).toBe(0);
    writeFileSync(socket, "another's");
    await server.close();
    expect(readFileSync(socket, "utf8")).toBe("another's");
  });

  it("refuse a folder that is not there and a path that is too long", async () => {
    const folder = await scope.directory();
    for (const socket of [join(folder, "no", "s"), join(folder, "x".repeat(120))]) {
      await expect(newServer().listen({ socket })).rejects.toMatchObject({ code: "NBD_LISTEN_FAILED" });
    }
  });
});

describe("TCP", () => {
  it("serves beside a unix socket and tells the port", async () => {
    const { server } = await serve(scope, [new MemoryDisk("d", 8192)]);
    const address = await server.listen({ host: "127.0.0.1", port: 13401 });
    expect(address).toEqual({ host: "127.0.0.1", port: 13401 });
    const { stdout } = await run("nbdinfo", ["--size", "nbd://127.0.0.1:13401/d"]);
    expect(stdout.trim()).toBe("8192");
    expect(server.status().addresses).toHaveLength(2);
  });

  it("names the address that is in use", async () => {
    const other = net.createServer();
    await new Promise<void>((resolve) => other.listen({ host: "127.0.0.1", port: 13402 }, resolve));
    scope.defer(() => new Promise((resolve) => other.close(() => resolve())));
    await expect(newServer().listen({ host: "127.0.0.1", port: 13402 })).rejects.toMatchObject({
      code: "NBD_LISTEN_IN_USE",
      message: expect.stringContaining("127.0.0.1:13402"),
    });
  });
});

describe("options", () => {
  it.each([
    ["handshakeTimeoutMs", 0],
    ["handshakingMax", 0.5],
    ["connectionsMax", Number.NaN],
    ["connectionBytesMax", 100],
    ["connectionRequestsMax", -1],
    ["diskBytesMax", 1024],
    ["retainedBytesMax", -1],
    ["stallTimeoutMs", Number.POSITIVE_INFINITY],
    ["closeTimeoutMs", -1],
  ])("%s may not be %d", (name, value) => {
    const exports = { find: () => undefined, list: () => [] };
    expect(() => createNbdServer({ clock: hostClock(), exports, [name]: value })).toThrow(
      expect.objectContaining({ code: "OPTION_INVALID", option: name }),
    );
  });
});
