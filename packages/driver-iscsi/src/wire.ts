import { connect, type Socket } from "node:net";
import { IscsiError, ProtocolError } from "./errors.js";
import { PduReader, type PduSink } from "./pdu-reader.js";
import type { Portal } from "./portal.js";

/** Below this much, data of a read is copied out of the shared buffer; above, the socket reads straight into its place. */
const DIRECT_BYTES_MIN = 16 * 1024;
/** Longest single read from a socket: longer ones push each other out of the processor's cache. */
const DIRECT_BYTES_MAX = 256 * 1024;
const SCRATCH_BYTES = 64 * 1024;

/** What all sockets read into: nothing stays in it after the callback. */
export function makeScratch(): Buffer {
  return Buffer.allocUnsafeSlow(SCRATCH_BYTES);
}

/** Why a wire ended. */
export type WireEnd = (error: IscsiError) => void;

/** One TCP connection that cuts what comes in into PDUs. Ends once, and says why once. */
export class Wire {
  readonly reader: PduReader;
  /** Called once, unless {@link kill} came first. */
  onEnd: WireEnd = () => {};
  /** The kernel has taken everything that was written before. */
  onDrained: () => void = () => {};
  /** Set by every read, cleared by whoever watches for silence. */
  heard = false;
  readonly #socket: Socket;
  readonly #scratch: Uint8Array;
  readonly #drained = () => {
    if (!this.#dead) this.onDrained();
  };
  #connected = false;
  #direct = false;
  #dead = false;

  constructor(portal: Portal, localAddress: string | undefined, scratch: Uint8Array, sink: PduSink) {
    this.reader = new PduReader(sink);
    this.#scratch = scratch;
    this.#socket = connect({
      host: portal.host,
      port: portal.port,
      ...(localAddress === undefined ? {} : { localAddress }),
      noDelay: true,
      onread: { buffer: () => this.#nextBuffer(), callback: (bytes, buffer) => this.#read(bytes, buffer) },
    });
    this.#socket.on("connect", () => {
      this.#connected = true;
    });
    this.#socket.on("error", (error) => this.#lost(error.message));
    this.#socket.on("end", () => this.#lost("the target closed the connection"));
    this.#socket.on("close", () => this.#lost("the connection is closed"));
  }

  get dead(): boolean {
    return this.#dead;
  }

  /** True where the kernel took all that was written: the buffers are the caller's again. */
  get drained(): boolean {
    return this.#socket.writableLength === 0;
  }

  /** A read's data is under way straight into its destination. */
  get receivingDirect(): boolean {
    return this.#direct;
  }

  connected(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#socket.once("connect", resolve);
      this.onEnd = reject;
    });
  }

  /** One system call for all of them, where the kernel has room. */
  write(chunks: readonly Uint8Array[]): void {
    const last = chunks.length - 1;
    if (last > 0) this.#socket.cork();
    for (let index = 0; index < last; index++) this.#socket.write(chunks[index]!);
    this.#socket.write(chunks[last]!, this.#drained);
    if (last > 0) this.#socket.uncork();
  }

  /** Ends the wire and tells why. */
  fail(error: IscsiError): void {
    if (this.#dead) return;
    // A reset, so that nothing which still waits in our kernel can arrive later.
    this.#socket.resetAndDestroy();
    this.kill();
    this.onEnd(error);
  }

  /** Nothing is read or delivered after this. */
  kill(): void {
    this.#dead = true;
    this.reader.stopped = true;
    this.#socket.destroy();
  }

  #lost(message: string): void {
    if (this.#dead) return;
    this.kill();
    this.onEnd(
      this.#connected
        ? new IscsiError("ISCSI_CONNECTION_LOST", "connection-lost", message)
        : new IscsiError("ISCSI_UNREACHABLE", "unreachable", message),
    );
  }

  #nextBuffer(): Uint8Array {
    const target = this.#dead ? undefined : this.reader.directTarget(DIRECT_BYTES_MIN, DIRECT_BYTES_MAX);
    this.#direct = target !== undefined;
    return target ?? this.#scratch;
  }

  #read(bytes: number, buffer: Uint8Array): boolean {
    if (this.#dead) return false;
    this.heard = true;
    try {
      if (this.#direct) this.reader.landed(bytes);
      else this.reader.consume(buffer, bytes);
    } catch (error) {
      if (error instanceof ProtocolError) this.fail(error);
      else throw error;
    }
    return true;
  }
}
