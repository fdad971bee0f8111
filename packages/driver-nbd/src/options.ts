import { type Clock, type EventSink, OptionError, type VirtualDisk } from "@fairlead/core";
import { PAYLOAD_BYTES_MAX } from "./protocol.js";

/** The disks that are served, by name. May change while the server runs: see `NbdServer.exportsChanged`. */
export interface NbdExports {
  find(name: string): VirtualDisk | undefined;
  list(): Iterable<VirtualDisk>;
  /** A line for people, which clients can ask for. */
  describe?(name: string): string | undefined;
}

export interface NbdServerOptions {
  clock: Clock;
  exports: NbdExports;
  onEvent?: EventSink;
  /** A client that has not chosen an export by then is sent away. ms. @default 10000 */
  handshakeTimeoutMs?: number;
  /** Clients of one listener that are still choosing; one more, and the one that has been at it longest goes. @default 100 */
  handshakingMax?: number;
  /** Connections of all listeners. One more is closed at once. @default 1024 */
  connectionsMax?: number;
  /** Payloads in flight and unsent replies of one connection; a single request may be larger. Bytes. @default 16777216 */
  connectionBytesMax?: number;
  /** Requests in flight and unsent replies of one connection. @default 1024 */
  connectionRequestsMax?: number;
  /** Payloads and unsent replies of all connections to one disk, each counted as 16 KiB at least. Bytes. @default 67108864 */
  diskBytesMax?: number;
  /** Buffers kept for reuse while nobody needs them. Bytes. @default 33554432 */
  retainedBytesMax?: number;
  /** While others of its disk wait for memory, a client that holds some and neither reads nor sends for so long is sent away. ms. @default 10000 */
  stallTimeoutMs?: number;
  /** How long `close` waits for requests in flight. ms. @default 5000 */
  closeTimeoutMs?: number;
}

export type Limits = Required<Omit<NbdServerOptions, "clock" | "exports" | "onEvent">>;

const DEFAULTS: Limits = {
  handshakeTimeoutMs: 10_000,
  handshakingMax: 100,
  connectionsMax: 1024,
  connectionBytesMax: 16 * 1024 * 1024,
  connectionRequestsMax: 1024,
  diskBytesMax: 64 * 1024 * 1024,
  retainedBytesMax: 32 * 1024 * 1024,
  stallTimeoutMs: 10_000,
  closeTimeoutMs: 5_000,
};

const LOWEST: Limits = {
  handshakeTimeoutMs: 1,
  handshakingMax: 1,
  connectionsMax: 1,
  connectionBytesMax: 64 * 1024,
  connectionRequestsMax: 1,
  diskBytesMax: 2 * PAYLOAD_BYTES_MAX,
  retainedBytesMax: 0,
  stallTimeoutMs: 1,
  closeTimeoutMs: 0,
};

export function limitsOf(options: NbdServerOptions): Limits {
  const limits = { ...DEFAULTS };
  for (const name of Object.keys(DEFAULTS) as (keyof Limits)[]) {
    const value = options[name] ?? DEFAULTS[name];
    if (!Number.isSafeInteger(value) || value < LOWEST[name]) {
      throw new OptionError(name, `a whole number, ${LOWEST[name]} or more`, value);
    }
    limits[name] = value;
  }
  return limits;
}
