import { once } from "node:events";
import { connect, type Socket } from "node:net";
import type { Scope } from "./scope.js";

const OPTION_MAGIC = 0x49484156454f5054n; // IHAVEOPT
const OPTION_GO = 7;
const REPLY_ACK = 1;
const REPLY_INFO = 3;
const REQUEST_MAGIC = 0x25609513;
const SIMPLE_REPLY_MAGIC = 0x67446698;
/** In the flags, which stand in front of the command. */
const FLAG_FUA = 1 << 16;
const CMD = { read: 0, write: 1, disconnect: 2, flush: 3 };

/** An error that the server answered with. */
export class NbdError extends Error {
  /** errno as NBD numbers it: 5 EIO, 22 EINVAL, 28 ENOSPC, 108 ESHUTDOWN. */
  constructor(readonly errno: number) {
    super(`NBD error ${errno}`);
  }
}

interface Waiting {
  readonly readBytes: number;
  resolve(data: Buffer): void;
  reject(error: Error): void;
}

/**
 * An NBD client that shares no code with the product: one request per call, errors as they came, and raw bytes
 * where a test wants to be rude.
 */
export class NbdClient {
  readonly #waiting = new Map<bigint, Waiting>();
  #arrived: Buffer = Buffer.alloc(0);
  #wake: (() => void) | undefined;
  #cookie = 0n;
  #closed: Error | undefined;
  sizeBytes = 0;

  private constructor(readonly socket: Socket) {
    socket.on("data", (bytes: Buffer) => {
      this.#arrived = Buffer.concat([this.#arrived, bytes]);
      this.#wake?.();
    });
    socket.on("error", (error) => this.#fail(error));
    socket.on("close", () => this.#fail(new Error("the server closed the connection")));
  }

  /** Only the transport: nothing is negotiated. */
  static async dial(scope: Scope, path: string): Promise<NbdClient> {
    const socket = connect({ path });
    await once(socket, "connect");
    const client = new NbdClient(socket);
    scope.defer(() => {
      socket.destroy();
    });
    return client;
  }

  static async open(scope: Scope, path: string, exportName: string): Promise<NbdClient> {
    const client = await NbdClient.dial(scope, path);
    await client.greet();
    await client.#go(exportName);
    void client.#receive();
    return client;
  }

  get outstanding(): number {
    return this.#waiting.size;
  }

  get closed(): boolean {
    return this.#closed !== undefined;
  }

  /** The greeting and the client's flags: fixed new style, no zeroes. */
  async greet(): Promise<void> {
    await this.take(18);
    const flags = Buffer.alloc(4);
    flags.writeUInt32BE(3);
    this.socket.write(flags);
  }

  async read(offset: number | bigint, length: number): Promise<Buffer> {
    return this.#request(CMD.read, offset, length);
  }

  async write(offset: number | bigint, data: Buffer, { fua = false } = {}): Promise<void> {
    await this.#request(CMD.write | (fua ? FLAG_FUA : 0), offset, data.length, data);
  }

  async flush(): Promise<void> {
    await this.#request(CMD.flush, 0, 0);
  }

  disconnect(): void {
    this.socket.write(requestHeader(CMD.disconnect, 0n, 0n, 0));
  }

  /** The next bytes of the server, whatever they are. Not while requests are answered. */
  async take(length: number): Promise<Buffer> {
    while (this.#arrived.length < length) {
      if (this.#closed !== undefined) throw this.#closed;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    const bytes = this.#arrived.subarray(0, length);
    this.#arrived = this.#arrived.subarray(length);
    return bytes;
  }

  /** One option and its first reply. */
  async option(option: number, data: Buffer): Promise<{ type: number; data: Buffer }> {
    const header = Buffer.alloc(16);
    header.writeBigUInt64BE(OPTION_MAGIC);
    header.writeUInt32BE(option, 8);
    header.writeUInt32BE(data.length, 12);
    this.socket.write(Buffer.concat([header, data]));
    return this.#optionReply();
  }

  async #optionReply(): Promise<{ type: number; data: Buffer }> {
    const header = await this.take(20);
    return { type: header.readUInt32BE(12), data: await this.take(header.readUInt32BE(16)) };
  }

  async #go(exportName: string): Promise<void> {
    const name = Buffer.from(exportName);
    const data = Buffer.alloc(6 + name.length);
    data.writeUInt32BE(name.length);
    name.copy(data, 4);
    let reply = await this.option(OPTION_GO, data);
    while (reply.type === REPLY_INFO) {
      if (reply.data.readUInt16BE() === 0) this.sizeBytes = Number(reply.data.readBigUInt64BE(2));
      reply = await this.#optionReply();
    }
    if (reply.type !== REPLY_ACK) {
      throw new Error(
        `export ${exportName}: refused with ${reply.type.toString(16)}: ${reply.data.toString()}`,
      );
    }
  }

  #request(command: number, offset: number | bigint, length: number, payload?: Buffer): Promise<Buffer> {
    if (this.#closed !== undefined) return Promise.reject(this.#closed);
    const cookie = ++this.#cookie;
    const header = requestHeader(command, cookie, BigInt(offset), length);
    const answered = new Promise<Buffer>((resolve, reject) => {
      this.#waiting.set(cookie, { readBytes: command === CMD.read ? length : 0, resolve, reject });
    });
    this.socket.write(payload === undefined ? header : Buffer.concat([header, payload]));
    return answered;
  }

  async #receive(): Promise<void> {
    try {
      for (;;) await this.#receiveOne();
    } catch (error) {
      this.#fail(error instanceof Error ? error : new Error(String(error)));
      this.socket.destroy();
    }
  }

  async #receiveOne(): Promise<void> {
    const header = await this.take(16);
    if (header.readUInt32BE() !== SIMPLE_REPLY_MAGIC)
      throw new Error(`reply with magic ${header.toString("hex", 0, 4)}`);
    const errno = header.readUInt32BE(4);
    const cookie = header.readBigUInt64BE(8);
    const waiting = this.#waiting.get(cookie);
    if (waiting === undefined)
      throw new Error(`a reply to ${cookie}, which was not asked or was answered before`);
    this.#waiting.delete(cookie);
    if (errno !== 0) waiting.reject(new NbdError(errno));
    else waiting.resolve(await this.take(waiting.readBytes));
  }

  #fail(error: Error): void {
    this.#closed ??= error;
    this.#wake?.();
    for (const waiting of this.#waiting.values()) waiting.reject(this.#closed);
    this.#waiting.clear();
  }
}

export function requestHeader(command: number, cookie: bigint, offset: bigint, length: number): Buffer {
  const header = Buffer.alloc(28);
  header.writeUInt32BE(REQUEST_MAGIC);
  header.writeUInt32BE(command, 4);
  header.writeBigUInt64BE(cookie, 8);
  header.writeBigUInt64BE(offset, 16);
  header.writeUInt32BE(length, 24);
  return header;
}
