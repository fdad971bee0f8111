import { type Outcome, Request } from "@fairlead/core";
import type { Transmission } from "./transmission.js";

/** A request with what its reply needs. Lives in the server's pool, or in the list of its connection. */
export class Slot extends Request {
  /** The client's cookie, in two halves as it came. */
  cookieHigh = 0;
  cookieLow = 0;
  connection: Transmission | null = null;
  /** The pooled buffer of which `data` is the beginning. */
  buffer: Buffer | null = null;
  /** Waits for a write of a connection that ended, and is not known to the disk yet. */
  held = false;
  /** The client was given its reply without the disk's word: the server is stopping. */
  answered = false;
  /** Neighbours in the connection's list of requests in flight. */
  newer: Slot | null = null;
  older: Slot | null = null;
}

const NO_DATA = new Uint8Array(0);

/** Idle slots, bounded. */
export class SlotPool {
  readonly #free: Slot[] = [];
  readonly #slotsMax: number;

  constructor(slotsMax: number) {
    this.#slotsMax = slotsMax;
  }

  take(connection: Transmission): Slot {
    const slot = this.#free.pop() ?? newSlot();
    slot.connection = connection;
    slot.held = false;
    slot.answered = false;
    return slot;
  }

  give(slot: Slot): void {
    slot.connection = null;
    slot.buffer = null;
    slot.data = NO_DATA;
    if (this.#free.length < this.#slotsMax) this.#free.push(slot);
  }
}

function newSlot(): Slot {
  const slot = new Slot();
  slot.complete = complete;
  return slot;
}

function complete(request: Request, outcome: Outcome): void {
  const slot = request as Slot;
  slot.connection?.completed(slot, outcome);
}
