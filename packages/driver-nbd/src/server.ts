import type net from "node:net";
import { FairleadError, type Timer } from "@fairlead/core";
import { Connection, type ConnectionOwner } from "./connection.js";
import { Engine } from "./engine.js";
import { Listener, type ListenerOwner, type NbdAddress } from "./listener.js";
import type { NbdServerOptions } from "./options.js";
import { RefusalLog } from "./refusal-log.js";
import { type NbdServerStatus, statusOf } from "./status.js";

/** Serves virtual disks to NBD clients. */
export interface NbdServer {
  /**
   * Listens at one more address; answers with it, and with the port that the system chose where 0 was asked for.
   * Errors: `NBD_SOCKET_REFUSED`, `NBD_SOCKET_IN_USE`, `NBD_LISTEN_IN_USE`, `NBD_LISTEN_FAILED`, `NBD_SERVER_CLOSED`.
   */
  listen(address: NbdAddress): Promise<NbdAddress>;
  /** To be called after the exports have changed: connections to a disk that is no longer found end. */
  exportsChanged(): void;
  /** A copy, for the console. */
  status(): NbdServerStatus;
  /** Takes nothing new, lets requests in flight end and answers them; after the time-out the rest gets ESHUTDOWN. */
  close(): Promise<void>;
}

/** Errors: `OPTION_INVALID`. */
export function createNbdServer(options: NbdServerOptions): NbdServer {
  return new Server(options);
}

class Server implements NbdServer, ListenerOwner {
  readonly #engine: Engine;
  readonly #listeners = new Set<Listener>();
  readonly #connections = new Set<Connection>();
  readonly #refusals: RefusalLog;
  #connectionsMade = 0;
  #closing: Promise<void> | undefined;
  #allClosed: (() => void) | undefined;

  constructor(options: NbdServerOptions) {
    this.#engine = new Engine(options);
    this.#refusals = new RefusalLog(options.clock, (event) => this.#engine.event(event));
  }

  async listen(address: NbdAddress): Promise<NbdAddress> {
    const closed = () =>
      new FairleadError("NBD_SERVER_CLOSED", "listen was called on a server that is closed");
    if (this.#closing !== undefined) throw closed();
    const listener = await Listener.listen(address, this);
    if (this.#closing !== undefined) {
      await listener.close();
      throw closed();
    }
    this.#listeners.add(listener);
    return listener.address;
  }

  exportsChanged(): void {
    for (const served of [...this.#engine.served.values()]) {
      if (this.#engine.exports.find(served.name) === served.disk) continue;
      for (const connection of [...this.#connections]) {
        if (connection.transmission?.served === served) {
          connection.end("the disk is no longer exported", "nbd-export-removed", "info");
        }
      }
      // A write that is still at the disk has to be remembered, should the disk come back.
      if (served.inFlight === 0) this.#engine.served.delete(served.disk);
    }
  }

  status(): NbdServerStatus {
    return statusOf(this.#engine, this.#listeners, this.#connections);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  accept(listener: Listener, accepted: net.Socket): Connection | undefined {
    if (this.#closing !== undefined || this.#connections.size >= this.#engine.limits.connectionsMax) {
      this.#refusals.add(listener.where, `${this.#connections.size} connections are open`);
      accepted.destroy();
      return undefined;
    }
    if (listener.handshaking.size >= this.#engine.limits.handshakingMax) {
      // The one that has been at it longest: an idle crowd must not keep out a client that knows what it wants.
      for (const oldest of listener.handshaking) {
        oldest.refuse(`${listener.handshaking.size} clients were choosing an export at once`);
        listener.handshaking.delete(oldest);
        break;
      }
    }
    this.#connectionsMade++;
    const connection = new Connection(this.#ownerOf(listener), accepted, `nbd${this.#connectionsMade}`);
    this.#connections.add(connection);
    return connection;
  }

  acceptFailed(listener: Listener, error: Error): void {
    this.#refusals.add(listener.where, `accepting a connection failed: ${error.message}`);
  }

  #ownerOf(listener: Listener): ConnectionOwner {
    return {
      engine: this.#engine,
      where: listener.where,
      served: (connection) => listener.handshaking.delete(connection),
      closed: (connection) => {
        listener.handshaking.delete(connection);
        this.#connections.delete(connection);
        if (this.#connections.size === 0) this.#allClosed?.();
      },
      refused: (connection, reason) => this.#refusals.add(listener.where, `${connection.id}: ${reason}`),
    };
  }

  async #close(): Promise<void> {
    const listenersClosed = [...this.#listeners].map((listener) => listener.close());
    for (const connection of [...this.#connections]) connection.stop(false);
    await this.#connectionsClosed();
    await Promise.all(listenersClosed);
    this.#engine.close();
  }

  async #connectionsClosed(): Promise<void> {
    if (this.#connections.size === 0) return;
    let timer: Timer | undefined;
    await new Promise<void>((resolve) => {
      this.#allClosed = resolve;
      timer = this.#engine.clock.schedule(() => {
        for (const connection of [...this.#connections]) connection.stop(true);
      }, this.#engine.limits.closeTimeoutMs);
    });
    timer?.cancel();
  }
}
