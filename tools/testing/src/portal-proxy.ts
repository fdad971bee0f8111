import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import { Lane } from "./lane.js";
import type { Scope } from "./scope.js";

export type Direction = "to-target" | "to-client" | "both";

export interface HoldOptions {
  /** @default "both" */
  direction?: Direction;
  /** Each lane that is held lets so many bytes pass first. @default 0 */
  afterBytes?: number;
  /** Connections made later pass, as where one flow is stuck in a network that works. @default false */
  existingOnly?: boolean;
}

class Connection {
  readonly toTarget: Lane;
  readonly toClient: Lane;

  constructor(
    readonly client: Socket,
    readonly target: Socket,
  ) {
    // A client that resets gets its bytes delivered first, so the target sees an orderly end.
    this.toTarget = new Lane(client, target, () => target.end());
    this.toClient = new Lane(target, client, (failed) => (failed ? client.resetAndDestroy() : client.end()));
  }

  get open(): boolean {
    return !this.client.destroyed || !this.target.destroyed;
  }

  lanes(direction: Direction): Lane[] {
    if (direction === "both") return [this.toTarget, this.toClient];
    return [direction === "to-target" ? this.toTarget : this.toClient];
  }

  reset(): void {
    this.toTarget.drop();
    this.toClient.drop();
    this.client.resetAndDestroy();
    this.target.resetAndDestroy();
  }
}

/** A TCP relay in front of a portal that fails as networks do. Everything passes until it is told otherwise. */
export class PortalProxy {
  readonly #connections = new Set<Connection>();
  #server: Server | undefined;
  #hold: HoldOptions | undefined;
  #delayMs = 0;
  #bytesPerSecond = Number.POSITIVE_INFINITY;
  /** Connections taken since the start. */
  acceptedConnections = 0;

  private constructor(
    /** `127.0.0.1:13500` */
    readonly address: string,
    private readonly targetAddress: string,
  ) {}

  static async start(scope: Scope, address: string, targetAddress: string): Promise<PortalProxy> {
    const proxy = new PortalProxy(address, targetAddress);
    scope.defer(() => proxy.close());
    await proxy.listen();
    return proxy;
  }

  /** Bytes stay in the relay and connections stay up; what is sent meanwhile waits behind them. */
  hold(options: HoldOptions = {}): void {
    if (options.existingOnly !== true) this.#hold = options;
    for (const connection of this.#connections) this.#holdOne(connection, options);
  }

  /** Delivers what was held, late but in order, also from clients that have gone. */
  release(): void {
    this.#hold = undefined;
    for (const connection of this.#connections) {
      for (const lane of connection.lanes("both")) lane.release();
    }
  }

  heldBytes(direction: Direction = "both"): number {
    let bytes = 0;
    for (const connection of this.#connections) {
      for (const lane of connection.lanes(direction)) bytes += lane.heldBytes;
    }
    return bytes;
  }

  passedBytes(direction: Direction = "both"): number {
    let bytes = 0;
    for (const connection of this.#connections) {
      for (const lane of connection.lanes(direction)) bytes += lane.passedBytes;
    }
    return bytes;
  }

  /** Each byte arrives so much later, in each direction. */
  delay(ms: number): void {
    this.#delayMs = ms;
    for (const connection of this.#connections) {
      for (const lane of connection.lanes("both")) lane.delay(ms);
    }
  }

  /** Each direction of each connection passes so many bytes per second, one after another. */
  pace(bytesPerSecond: number): void {
    this.#bytesPerSecond = bytesPerSecond;
    for (const connection of this.#connections) {
      for (const lane of connection.lanes("both")) lane.pace(bytesPerSecond);
    }
  }

  /** RST to both ends of every connection; what was held is lost. */
  reset(): void {
    for (const connection of this.#connections) connection.reset();
    this.#connections.clear();
  }

  /** New connections are refused; those that stand go on. */
  refuse(): void {
    this.#server?.close();
    this.#server = undefined;
  }

  async listen(): Promise<void> {
    const server = createServer({ allowHalfOpen: true }, (client) => this.#accept(client));
    const [host, port] = split(this.address);
    server.listen({ host, port });
    await once(server, "listening");
    this.#server = server;
  }

  close(): void {
    this.refuse();
    this.reset();
  }

  #accept(client: Socket): void {
    this.acceptedConnections++;
    const [host, port] = split(this.targetAddress);
    const target = connect({ host, port, allowHalfOpen: true });
    client.setNoDelay(true);
    target.setNoDelay(true);
    const connection = new Connection(client, target);
    this.#connections.add(connection);
    for (const lane of connection.lanes("both")) {
      lane.delay(this.#delayMs);
      lane.pace(this.#bytesPerSecond);
    }
    if (this.#hold !== undefined) this.#holdOne(connection, this.#hold);

    for (const socket of [client, target]) {
      socket.once("close", () => {
        if (!connection.open) this.#connections.delete(connection);
      });
    }
  }

  #holdOne(connection: Connection, options: HoldOptions): void {
    const { direction = "both", afterBytes = 0 } = options;
    for (const lane of connection.lanes(direction)) lane.hold(afterBytes);
  }
}

function split(address: string): [host: string, port: number] {
  const colon = address.lastIndexOf(":");
  return [address.slice(0, colon), Number(address.slice(colon + 1))];
}
