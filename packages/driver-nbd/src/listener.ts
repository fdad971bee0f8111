import net from "node:net";
import { FairleadError } from "@fairlead/core";
import type { Connection } from "./connection.js";
import { UnixSocket } from "./unix-socket.js";

/** Where to listen. */
export type NbdAddress = { readonly socket: string } | { readonly host: string; readonly port: number };

/** What a listener needs of its server. */
export interface ListenerOwner {
  accept(listener: Listener, accepted: net.Socket): Connection | undefined;
  acceptFailed(listener: Listener, error: Error): void;
}

/** One listening socket and the connections on it that are still choosing an export. */
export class Listener {
  /** In order of arrival. */
  readonly handshaking = new Set<Connection>();
  /** With the port that the system chose, where 0 was asked for. */
  readonly address: NbdAddress;
  readonly #server: net.Server;
  readonly #unix: UnixSocket | undefined;

  private constructor(server: net.Server, address: NbdAddress, unix: UnixSocket | undefined) {
    this.#server = server;
    this.address = address;
    this.#unix = unix;
  }

  static async listen(address: NbdAddress, owner: ListenerOwner): Promise<Listener> {
    const server = net.createServer({ pauseOnConnect: true, allowHalfOpen: true, noDelay: true });
    const listener =
      "socket" in address
        ? new Listener(server, address, await UnixSocket.listen(server, address.socket))
        : new Listener(server, await listenTcp(server, address.host, address.port), undefined);
    server.on("connection", (accepted) => listener.#accept(owner, accepted));
    server.on("error", (error) => owner.acceptFailed(listener, error));
    return listener;
  }

  get where(): string {
    return "socket" in this.address ? this.address.socket : hostPort(this.address.host, this.address.port);
  }

  close(): Promise<void> {
    this.#unix?.remove();
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
    });
  }

  #accept(owner: ListenerOwner, accepted: net.Socket): void {
    const connection = owner.accept(this, accepted);
    if (connection !== undefined) this.handshaking.add(connection);
  }
}

/** Errors: `NBD_LISTEN_IN_USE`, `NBD_LISTEN_FAILED`; both name the address. */
function listenTcp(server: net.Server, host: string, port: number): Promise<NbdAddress> {
  return new Promise((resolve, reject) => {
    const failed = (error: NodeJS.ErrnoException) => {
      const taken = error.code === "EADDRINUSE";
      const message = `can't listen on ${hostPort(host, port)}: ${error.message}`;
      reject(new FairleadError(taken ? "NBD_LISTEN_IN_USE" : "NBD_LISTEN_FAILED", message, { cause: error }));
    };
    server.once("error", failed);
    server.listen({ host, port }, () => {
      server.off("error", failed);
      const bound = server.address();
      resolve({ host, port: bound !== null && typeof bound === "object" ? bound.port : port });
    });
  });
}

function hostPort(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
