import { createServer, type Server, type Socket } from "node:net";
import { type Clock, FairleadError, OptionError } from "@fairlead/core";
import { readInto } from "./accepted-socket.js";
import type { ChapOptions } from "./chap.js";
import { Connection } from "./connection.js";
import { formatPortal, type PortalAddress } from "./portal-address.js";
import type { SlabPool } from "./sender.js";
import type { SessionHost } from "./session-host.js";

/** Faults on command at one portal. Each stays until it is taken back. */
export interface PortalFaults {
  /** `127.0.0.1:3260` */
  readonly address: string;
  readonly groupTag: number;
  readonly counters: PortalCounters;
  /** Resets every connection (RST). New ones are accepted. */
  close(): void;
  /** A black hole: connections stay, nothing is taken from them and nothing is sent; what they had sent is kept. */
  stall(): void;
  /** Ends the stall: what was kept is taken and sent. */
  resume(): void;
  /** Stops listening: new connections are refused, those that there are stay. */
  refuse(): void;
  /** Listens again. */
  accept(): Promise<void>;
  /** Each answer leaves this much later; 0: at once. ms */
  delay(delayMs: number): void;
}

export interface PortalCounters {
  connections: number;
  /** Closed at once: there were too many. */
  turnedAway: number;
  sessions: number;
  /** Commands outside the command window, which are answered with silence. */
  outsideWindow: number;
}

/** What all portals of a target share. */
export interface PortalShared {
  readonly clock: Clock;
  readonly slabs: SlabPool;
  /** Input of whichever connection is being read. */
  readonly scratch: Uint8Array;
  readonly targetName: string;
  readonly chap: ChapOptions | undefined;
  readonly connectionsMax: number;
  /** Of all portals. */
  connectionCount: number;
}

/** One listening address and the connections that came in by it. */
export class Portal implements PortalFaults {
  readonly connections = new Set<Connection>();
  readonly counters: PortalCounters = { connections: 0, turnedAway: 0, sessions: 0, outsideWindow: 0 };
  address: string;
  private server: Server | null = null;
  private stalled = false;
  private delayMs = 0;
  /** Ended during a stall: a black hole doesn't show that either. */
  private readonly buried: Socket[] = [];

  constructor(
    private where: PortalAddress,
    readonly groupTag: number,
    readonly shared: PortalShared,
    private readonly host: SessionHost,
  ) {
    this.address = formatPortal(where.host, where.port);
  }

  get listening(): boolean {
    return this.server !== null;
  }

  /** @throws FairleadError TARGET_LISTEN_FAILED */
  async listen(): Promise<void> {
    const server = createServer({ pauseOnConnect: true }, (socket) => this.connected(socket));
    const { host, port } = this.where;
    await new Promise<void>((resolve, reject) => {
      server.once("error", (error) =>
        reject(
          new FairleadError("TARGET_LISTEN_FAILED", `can't listen on ${this.address}: ${error.message}`, {
            cause: error,
          }),
        ),
      );
      server.listen({ host, port, backlog: 511 }, resolve);
    });
    const bound = server.address();
    if (bound !== null && typeof bound === "object") this.where = { host, port: bound.port };
    this.address = formatPortal(host, this.where.port);
    this.server = server;
  }

  private connected(accepted: Socket): void {
    const { shared } = this;
    if (shared.connectionCount >= shared.connectionsMax) {
      this.counters.turnedAway++;
      accepted.destroy();
      return;
    }
    shared.connectionCount++;
    this.counters.connections++;
    const connection = new Connection(this, this.host, (receiver, onBytes) =>
      readInto(accepted, receiver.nextBuffer, onBytes),
    );
    this.connections.add(connection);
    connection.sender.delayMs = this.delayMs;
    if (this.stalled) connection.stall();
  }

  /** Called by each connection at its end. */
  closed(connection: Connection, reason: string): void {
    this.connections.delete(connection);
    this.shared.connectionCount--;
    if (connection.session !== null)
      this.host.report(
        "session-ended",
        "info",
        this.address,
        `${connection.session.identity.initiator}: ${reason}`,
      );
    if (this.stalled) this.buried.push(connection.socket);
    else connection.socket.destroy();
  }

  close(): void {
    for (const connection of [...this.connections]) {
      connection.socket.resetAndDestroy();
      connection.end("the portal was closed on command");
    }
  }

  stall(): void {
    this.stalled = true;
    for (const connection of this.connections) connection.stall();
  }

  resume(): void {
    this.stalled = false;
    for (const socket of this.buried.splice(0)) socket.destroy();
    for (const connection of [...this.connections]) connection.resume();
  }

  refuse(): void {
    this.server?.close();
    this.server = null;
  }

  async accept(): Promise<void> {
    if (this.server === null) await this.listen();
  }

  delay(delayMs: number): void {
    if (!(delayMs >= 0 && delayMs < Infinity))
      throw new OptionError("delayMs", "finite and 0 or more", delayMs);
    this.delayMs = delayMs;
    for (const connection of this.connections) connection.sender.delayMs = delayMs;
  }

  /** The portal goes for good. */
  remove(): void {
    this.refuse();
    for (const connection of [...this.connections]) connection.end("the portal was removed");
    for (const socket of this.buried.splice(0)) socket.destroy();
  }
}
