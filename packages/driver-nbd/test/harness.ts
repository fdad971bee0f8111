import { join } from "node:path";
import type { HostEvent, VirtualDisk } from "@fairlead/core";
import { NbdClient, type Scope } from "@fairlead/testing";
import { createNbdServer, type NbdServer, type NbdServerOptions } from "../src/index.js";
import { hostClock } from "./host-clock.js";

export interface Served {
  readonly server: NbdServer;
  /** Path of the unix socket. */
  readonly socket: string;
  readonly events: HostEvent[];
  /** What is exported; tests change it while the server runs. */
  readonly disks: Map<string, VirtualDisk>;
}

/** A server on a unix socket, closed with the scope. */
export async function serve(
  scope: Scope,
  disks: readonly VirtualDisk[],
  options: Partial<NbdServerOptions> = {},
): Promise<Served> {
  const byName = new Map(disks.map((disk) => [disk.name, disk]));
  const events: HostEvent[] = [];
  const server = createNbdServer({
    clock: hostClock(),
    exports: {
      find: (name) => byName.get(name),
      list: () => byName.values(),
      describe: (name) => `disk ${name}`,
    },
    onEvent: (event) => events.push(event),
    closeTimeoutMs: 100,
    ...options,
  });
  const socket = join(await scope.directory(), "nbd.sock");
  await server.listen({ socket });
  scope.defer(() => server.close());
  return { server, socket, events, disks: byName };
}

/** A client past its handshake whose bytes the test writes and reads itself. */
export async function rawClient(scope: Scope, socket: string, exportName: string): Promise<NbdClient> {
  const client = await NbdClient.dial(scope, socket);
  await client.greet();
  client.socket.write(optionBytes(1, Buffer.from(exportName)));
  await client.take(10);
  return client;
}

export function optionBytes(option: number, data: Buffer, lengthBytes = data.length): Buffer {
  const header = Buffer.alloc(16);
  header.write("IHAVEOPT", "latin1");
  header.writeUInt32BE(option, 8);
  header.writeUInt32BE(lengthBytes, 12);
  return Buffer.concat([header, data]);
}

/** Data of INFO and GO. */
export function infoData(name: Buffer | string, infos: readonly number[] = [], nameBytes?: number): Buffer {
  const text = Buffer.from(name);
  const data = Buffer.alloc(6 + text.length + 2 * infos.length);
  data.writeUInt32BE(nameBytes ?? text.length, 0);
  text.copy(data, 4);
  data.writeUInt16BE(infos.length, 4 + text.length);
  for (const [index, info] of infos.entries()) data.writeUInt16BE(info, 6 + text.length + 2 * index);
  return data;
}

export interface Command {
  readonly type: number;
  readonly cookie?: bigint;
  readonly flags?: number;
  readonly offset?: bigint;
  readonly length?: number;
  readonly payload?: Buffer;
}

export function commandBytes(command: Command): Buffer {
  const { type, cookie = 1n, flags = 0, offset = 0n, payload = Buffer.alloc(0) } = command;
  const header = Buffer.alloc(28);
  header.writeUInt32BE(0x25609513);
  header.writeUInt16BE(flags, 4);
  header.writeUInt16BE(type, 6);
  header.writeBigUInt64BE(cookie, 8);
  header.writeBigUInt64BE(offset, 16);
  header.writeUInt32BE(command.length ?? payload.length, 24);
  return Buffer.concat([header, payload]);
}

/** The next simple reply: its cookie and errno, and the payload of a read that succeeded. */
export async function reply(
  client: NbdClient,
  readBytes = 0,
): Promise<{ cookie: bigint; errno: number; data: Buffer }> {
  const header = await client.take(16);
  if (header.readUInt32BE() !== 0x67446698) throw new Error(`not a reply: ${header.toString("hex")}`);
  const errno = header.readUInt32BE(4);
  const data = errno === 0 ? await client.take(readBytes) : Buffer.alloc(0);
  return { cookie: header.readBigUInt64BE(8), errno, data: Buffer.from(data) };
}

/** Sends one command and waits for its reply. */
export async function ask(client: NbdClient, command: Command): Promise<number> {
  client.socket.write(commandBytes(command));
  const { errno } = await reply(client, command.type === 0 ? (command.length ?? 0) : 0);
  return errno;
}
