import type { Connection } from "./connection.js";
import type { Engine } from "./engine.js";
import type { Listener, NbdAddress } from "./listener.js";

/** One export since its first client came. */
export interface NbdExportStatus {
  readonly name: string;
  readonly connections: number;
  readonly reads: number;
  readonly writes: number;
  readonly flushes: number;
  readonly readBytes: number;
  readonly writtenBytes: number;
  /** Requests that the disk ended with anything but `good`. */
  readonly failures: number;
  /** Requests that are at the disk, or wait in front of it. */
  readonly inFlight: number;
}

/** One client that has chosen its export. */
export interface NbdConnectionStatus {
  readonly id: string;
  readonly export: string;
  readonly requests: number;
  readonly readBytes: number;
  readonly writtenBytes: number;
  readonly inFlight: number;
  /** Payloads in flight and replies that the client has not read, bytes of memory. */
  readonly heldBytes: number;
  /** A bound is reached, nothing more is read for now. */
  readonly paused: boolean;
}

export interface NbdServerStatus {
  readonly addresses: readonly NbdAddress[];
  readonly exports: readonly NbdExportStatus[];
  readonly connections: readonly NbdConnectionStatus[];
  /** Clients that have not chosen an export yet. */
  readonly handshaking: number;
  /** Payloads and unsent replies of all connections, bytes of memory. */
  readonly heldBytes: number;
}

export function statusOf(
  engine: Engine,
  listeners: Iterable<Listener>,
  connections: Iterable<Connection>,
): NbdServerStatus {
  const serving: NbdConnectionStatus[] = [];
  let handshaking = 0;
  for (const connection of connections) {
    const { transmission } = connection;
    if (transmission === undefined) {
      handshaking++;
      continue;
    }
    const { requests, readBytes, writtenBytes, inFlight, paused, budget, served } = transmission;
    const { heldBytes } = budget;
    serving.push({
      id: connection.id,
      export: served.name,
      requests,
      readBytes,
      writtenBytes,
      inFlight,
      heldBytes,
      paused,
    });
  }
  const exports = [...engine.served.values()].map((served) => {
    const { name, reads, writes, flushes, readBytes, writtenBytes, failures, inFlight } = served;
    return {
      name,
      connections: served.connections.size,
      reads,
      writes,
      flushes,
      readBytes,
      writtenBytes,
      failures,
      inFlight,
    };
  });
  return {
    addresses: [...listeners].map((listener) => listener.address),
    exports,
    connections: serving,
    handshaking,
    heldBytes: engine.pool.usedBytes,
  };
}
