import net from "node:net";
import type { HostEvent, Timer, VirtualDisk } from "@fairlead/core";
import type { Engine } from "./engine.js";
import { Handshake, type HandshakeEnd } from "./handshake.js";
import { Transmission } from "./transmission.js";

/** A client in its handshake that does not read what it asked for is sent away here. */
const HANDSHAKE_UNSENT_BYTES_MAX = 1024 * 1024;
/** How long a closing connection may take to send what is left. */
const LINGER_MS = 1000;

const NOTHING = Buffer.alloc(0);

/** The part of Node's stream handles that is used. Not public: where it is missing, 'data' events do. */
interface StreamHandle {
  readonly fd: number;
}

/** What a connection tells its owner. */
export interface ConnectionOwner {
  readonly engine: Engine;
  /** `unix` or the address, for events. */
  readonly where: string;
  served(connection: Connection): void;
  closed(connection: Connection): void;
  refused(connection: Connection, reason: string): void;
}

/** One accepted socket, from its greeting to its end. */
export class Connection {
  readonly id: string;
  readonly socket: net.Socket;
  transmission: Transmission | undefined;
  readonly fd: number;
  readonly #owner: ConnectionOwner;
  readonly #engine: Engine;
  #handshake: Handshake | undefined;
  #handshakeTimer: Timer | undefined;
  #lingerTimer: Timer | undefined;
  /** What an earlier read left over: part of a message, or what came after a bound was reached. */
  #rest: Buffer | undefined;
  #finishing = false;
  #ended = false;

  constructor(owner: ConnectionOwner, accepted: net.Socket, id: string) {
    this.id = id;
    this.#owner = owner;
    this.#engine = owner.engine;
    const { socket, fd } = this.#adopt(accepted);
    this.socket = socket;
    this.fd = fd;
    socket.on("error", (error) => this.end(`the connection failed: ${error.message}`));
    socket.on("end", () => this.#clientEnded());
    socket.on("close", () => this.#closed());
    this.#handshake = new Handshake(this.#engine.exports, (bytes) => this.#writeHandshake(bytes));
    this.#handshakeTimer = this.#engine.clock.schedule(
      () => this.refuse("no export was chosen within the handshake time-out"),
      this.#engine.limits.handshakeTimeoutMs,
    );
    this.#handshake.greet();
  }

  /** The client broke the protocol, or its time is over. */
  refuse(reason: string): void {
    if (this.#ended) return;
    this.#owner.refused(this, reason);
    this.#destroy();
  }

  /** An exception of ours, or of the disk: ends this connection and no other. */
  fail(error: unknown): void {
    if (this.#ended) return;
    this.report(error);
    this.#destroy();
  }

  report(error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error);
    const subject = this.transmission?.served.name ?? this.#owner.where;
    this.#engine.event({
      kind: "nbd-connection-failed",
      severity: "error",
      subject,
      reason,
      inputs: { connection: this.id },
    });
  }

  /** The client is gone, or must go. */
  end(reason: string, kind = "nbd-client-lost", severity: HostEvent["severity"] = "warning"): void {
    if (this.#ended) return;
    const transmission = this.transmission;
    if (transmission !== undefined && !(transmission.disconnecting && kind === "nbd-client-lost")) {
      const { inFlight, requests } = transmission;
      const subject = transmission.served.name;
      this.#engine.event({
        kind,
        severity,
        subject,
        reason,
        inputs: { connection: this.id, inFlight, requests },
      });
    }
    this.#destroy();
  }

  /** Everything is answered: sends what is left and closes. */
  finish(): void {
    if (this.#ended || this.#finishing) return;
    this.#finishing = true;
    this.#linger();
    this.socket.end(() => this.#destroy());
  }

  /** The server stops. `late`: it has waited long enough. */
  stop(late: boolean): void {
    const transmission = this.transmission;
    if (transmission === undefined) {
      this.#destroy();
    } else if (late) {
      this.#linger();
      transmission.answerShutdown();
    } else {
      transmission.stopping = true;
      this.#engine.markDirty(transmission);
    }
  }

  /** A bound is no longer reached: first what was read before, then the socket. */
  resume(): void {
    const rest = this.#rest;
    this.#rest = undefined;
    if (rest !== undefined) this.#feed(rest);
    if (this.transmission?.paused !== true && !this.#ended) this.socket.resume();
  }

  /** Takes the socket over with reads into buffers of our own; public only for sockets that connect. */
  #adopt(accepted: net.Socket): { socket: net.Socket; fd: number } {
    const handle = (accepted as net.Socket & { _handle?: StreamHandle | null })._handle;
    if (handle === undefined || handle === null) {
      accepted.on("data", (chunk: Buffer) => this.#chunk(chunk));
      return { socket: accepted, fd: -1 };
    }
    const options = {
      handle,
      allowHalfOpen: true,
      onread: {
        buffer: () => this.#nextBuffer(),
        callback: (bytes: number, buffer: Uint8Array) => this.#read(bytes, buffer),
      },
    };
    // The old object lets go of the handle, and of its place in the listener's count.
    (accepted as net.Socket & { _handle?: StreamHandle | null })._handle = null;
    accepted.destroy();
    return { socket: new net.Socket(options), fd: handle.fd };
  }

  #nextBuffer(): Uint8Array {
    return this.transmission?.nextBuffer() ?? this.#engine.readBuffer;
  }

  /** Node's callback for each read. False stops reading. */
  #read(bytes: number, buffer: Uint8Array): boolean {
    if (this.#ended) return false;
    try {
      const transmission = this.transmission;
      if (transmission === undefined) {
        this.#receive(bytes);
      } else {
        transmission.beforeBatch(bytes === buffer.length);
        if (buffer === this.#engine.readBuffer) this.#receive(bytes);
        else transmission.filled(bytes);
      }
    } catch (error) {
      this.fail(error);
    }
    return !this.#ended && this.transmission?.paused !== true;
  }

  /** The slow way, for sockets whose handle can't be had. */
  #chunk(chunk: Buffer): void {
    if (this.#ended) return;
    try {
      this.transmission?.beforeBatch(true);
      this.#feed(chunk);
      if (this.transmission?.paused === true) this.socket.pause();
    } catch (error) {
      this.fail(error);
    }
  }

  /** Bytes from elsewhere, taken through the scratch buffer as if they had just been read. */
  #feed(bytes: Buffer): void {
    const { scratch, prefixBytes } = this.#engine;
    const pieceBytes = scratch.length - prefixBytes;
    for (let at = 0; at < bytes.length && !this.#ended; at += pieceBytes) {
      if (this.transmission?.paused === true) {
        this.#rest = Buffer.concat([this.#rest ?? NOTHING, bytes.subarray(at)]);
        return;
      }
      this.#receive(bytes.copy(scratch, prefixBytes, at, at + pieceBytes));
    }
  }

  /** New bytes stand in the scratch buffer; what was left over before goes in front of them. */
  #receive(bytes: number): void {
    const { scratch, prefixBytes } = this.#engine;
    let start = prefixBytes;
    if (this.#rest !== undefined) {
      start -= this.#rest.length;
      this.#rest.copy(scratch, start);
      this.#rest = undefined;
    }
    this.#run(this.transmission, start, prefixBytes + bytes);
  }

  #run(transmission: Transmission | undefined, start: number, end: number): void {
    const at = transmission === undefined ? this.#negotiate(start, end) : transmission.parse(start, end);
    if (at < end && !this.#ended) this.#rest = Buffer.from(this.#engine.scratch.subarray(at, end));
  }

  #negotiate(start: number, end: number): number {
    const handshake = this.#handshake;
    if (handshake === undefined) return end;
    const { consumed, end: outcome } = handshake.feed(this.#engine.scratch.subarray(start, end));
    if (outcome === undefined) return start + consumed;
    this.#handshakeEnded(outcome);
    const transmission = this.transmission;
    if (transmission === undefined || start + consumed === end) return end;
    transmission.beforeBatch(false);
    return transmission.parse(start + consumed, end);
  }

  #handshakeEnded(outcome: HandshakeEnd): void {
    this.#handshake = undefined;
    this.#handshakeTimer?.cancel();
    if (outcome.kind === "serve") this.#serve(outcome.disk);
    else if (outcome.hostile) this.refuse(outcome.reason);
    else this.finish();
  }

  #serve(disk: VirtualDisk): void {
    this.transmission = new Transmission(this.#engine, this, this.#engine.serve(disk));
    this.#owner.served(this);
    const inputs = { connection: this.id, from: this.#owner.where };
    this.#engine.event({
      kind: "nbd-client-connected",
      severity: "info",
      subject: disk.name,
      reason: "a client chose the export",
      inputs,
    });
  }

  #writeHandshake(bytes: Buffer): void {
    this.socket.write(bytes);
    if (this.socket.writableLength > HANDSHAKE_UNSENT_BYTES_MAX)
      this.refuse("the client does not read the replies to its options");
  }

  /** The client closed its side. After DISC that is in order, and the replies still go out. */
  #clientEnded(): void {
    if (this.transmission?.disconnecting !== true) this.end("the client closed the connection");
  }

  /** The client has this much time to take what is left for it. */
  #linger(): void {
    this.#lingerTimer ??= this.#engine.clock.schedule(() => this.#destroy(), LINGER_MS);
  }

  #destroy(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#rest = undefined;
    this.#handshakeTimer?.cancel();
    this.#lingerTimer?.cancel();
    this.socket.destroy();
    this.transmission?.die();
  }

  #closed(): void {
    this.#destroy();
    this.#owner.closed(this);
  }
}
