import type { VirtualDisk } from "@fairlead/core";
import type { Slot } from "./slot.js";
import type { Transmission } from "./transmission.js";

/**
 * One disk and the connections to it. Guards against ghost writes at the front: a client that lost its connection
 * sends its writes again over another one, and a newer write may follow. So a write of a connection that ended comes
 * before, or never, but not after: while one is at the disk, requests of other connections that overlap it are held.
 */
export class ServedDisk {
  readonly name: string;
  readonly disk: VirtualDisk;
  /** block size − 1: what must be zero in an offset or a length. */
  readonly alignMask: number;
  readonly connections = new Set<Transmission>();
  /** Connections that take no more requests and have writes at the disk. */
  readonly #leaving = new Set<Transmission>();
  #held: Slot[] = [];
  /** Connections of which unread requests may lie in the kernel. */
  unreadConnections = 0;
  /** Payloads in flight and unsent replies of all connections. */
  usedBytes = 0;
  reads = 0;
  writes = 0;
  flushes = 0;
  readBytes = 0;
  writtenBytes = 0;
  failures = 0;

  constructor(disk: VirtualDisk) {
    this.disk = disk;
    this.name = disk.name;
    this.alignMask = disk.blockSizeBytes - 1;
  }

  get inFlight(): number {
    let sum = 0;
    for (const connection of this.connections) sum += connection.inFlight;
    for (const connection of this.#leaving) if (!this.connections.has(connection)) sum += connection.inFlight;
    return sum;
  }

  /** Called once a payload is complete, or at once where there is none. */
  submit(slot: Slot): void {
    if (this.#leaving.size > 0 && this.#overlapsLeaving(slot)) {
      slot.held = true;
      this.#held.push(slot);
      return;
    }
    try {
      this.disk.submit(slot);
    } catch (error) {
      slot.connection?.abandon(slot, error);
    }
  }

  /** The connection takes no more requests; those that it has at the disk may still end. */
  leave(connection: Transmission): void {
    if (connection.writesInFlight > 0) this.#leaving.add(connection);
  }

  /** After the last write of a connection that is leaving. */
  left(connection: Transmission): void {
    if (this.#leaving.delete(connection)) this.#release();
  }

  /** Takes a held request out, because its client is gone too. */
  forget(slot: Slot): void {
    this.#held = this.#held.filter((other) => other !== slot);
  }

  /**
   * Called after requests of `reader` were read and before they run: ends every other connection whose client has
   * gone, so that nothing which that client sent before can run after what it sends now.
   */
  endGone(reader: Transmission, all: boolean): void {
    for (const connection of this.connections) {
      if (connection !== reader && (all || connection.unread)) connection.endIfGone();
    }
  }

  #overlapsLeaving(slot: Slot): boolean {
    if (slot.op === "flush") return false;
    for (const connection of this.#leaving) {
      if (
        connection !== slot.connection &&
        connection.requestsInFlight.overlapsWrite(slot.offsetBytes, slot.lengthBytes)
      )
        return true;
    }
    return false;
  }

  #release(): void {
    const held = this.#held;
    if (held.length === 0) return;
    this.#held = [];
    for (const slot of held) {
      slot.held = false;
      this.submit(slot);
    }
  }
}
