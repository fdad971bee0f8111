import type { Command, Outcome } from "@fairlead/core";
import { ProtocolError } from "./errors.js";
import type { LunPath } from "./lun-path.js";

/** A SCSI command of our own: discovery, identification. */
export interface ControlTask {
  /** 16 bytes. */
  readonly cdb: Uint8Array;
  /** Where the answer goes; its length bounds the answer. */
  readonly data: Uint8Array;
  done(outcome: Outcome, senseCode: number, receivedBytes: number): void;
}

/** Abandoned: its command has ended for us, and should the target answer it all the same, the answer is passed over. */
export const SlotState = { Free: 0, Queued: 1, Sent: 2, Abandoned: 3 } as const;

const NO_DATA = new Uint8Array(0);

/** What is kept of a command on its way; made once, recycled. */
export class Slot {
  /** Initiator task tag: index, and above it a generation, so that a late answer is told from a right one. */
  tag = 0;
  state: number = SlotState.Free;
  /** Exactly one of `command` and `control` is set while the slot is in use. */
  command: Command | null = null;
  path: LunPath | null = null;
  control: ControlTask | null = null;
  lunNumber = 0;
  data: Uint8Array = NO_DATA;
  /** Expected data transfer length, either direction. */
  expectedBytes = 0;
  write = false;
  /** All of its data went with the command: the target had everything as soon as it had the command. */
  complete = false;
  cmdSn = 0;
  /** Tick of the connection at which it was submitted. */
  startTick = 0;
  /** Data-In: bytes and PDUs that came. */
  receivedBytes = 0;
  dataInSn = 0;
  /** R2Ts that came. */
  r2tSn = 0;
  /** Data-Out that is to be sent: its target tag, place, length, number. */
  outTag = 0;
  outOffset = 0;
  outLeft = 0;
  outSn = 0;
  /** UNIT ATTENTIONs that it ran into. */
  attentions = 0;
  /** Link of the queue that it stands in. */
  next: Slot | null = null;

  constructor(readonly index: number) {
    this.tag = index;
  }
}

export class SlotQueue {
  #head: Slot | null = null;
  #tail: Slot | null = null;

  get head(): Slot | null {
    return this.#head;
  }

  push(slot: Slot): void {
    slot.next = null;
    if (this.#tail === null) this.#head = slot;
    else this.#tail.next = slot;
    this.#tail = slot;
  }

  unshift(slot: Slot): void {
    slot.next = this.#head;
    this.#head = slot;
    if (this.#tail === null) this.#tail = slot;
  }

  shift(): void {
    const head = this.#head;
    if (head === null) return;
    this.#head = head.next;
    if (this.#head === null) this.#tail = null;
    head.next = null;
  }

  remove(slot: Slot): void {
    let before: Slot | null = null;
    for (let at = this.#head; at !== null; before = at, at = at.next) {
      if (at !== slot) continue;
      if (before === null) this.#head = at.next;
      else before.next = at.next;
      if (this.#tail === at) this.#tail = before;
      at.next = null;
      return;
    }
  }
}

const SLOTS_FIRST = 64;
const INDEX_BITS = 16;
/** Tags from here on belong to the connection's own requests, which are no SCSI commands. */
export const OWN_TAG_INDEX = 0xfff0;
const GENERATION_MASK = 0x7fff;

/** The slots of one connection. Grows with what the layer above has outstanding, never with what a target says. */
export class SlotTable {
  readonly all: Slot[] = [];
  #free: Slot[] = [];
  #busy = 0;

  constructor() {
    this.#grow(SLOTS_FIRST);
  }

  /** Commands on their way. */
  get busy(): number {
    return this.#busy;
  }

  /** Undefined where every tag is in use. */
  take(): Slot | undefined {
    if (this.#free.length === 0) this.#grow(this.all.length);
    const slot = this.#free.pop();
    if (slot !== undefined) this.#busy++;
    return slot;
  }

  give(slot: Slot): void {
    if (slot.state !== SlotState.Abandoned) this.abandon(slot);
    slot.state = SlotState.Free;
    const generation = ((slot.tag >>> INDEX_BITS) + 1) & GENERATION_MASK;
    slot.tag = (generation << INDEX_BITS) | slot.index;
    this.#free.push(slot);
  }

  /** The command has ended, but its tag stays out of use. */
  abandon(slot: Slot): void {
    slot.state = SlotState.Abandoned;
    slot.command = null;
    slot.path = null;
    slot.control = null;
    slot.data = NO_DATA;
    this.#busy--;
  }

  /** The command that a target's PDU names: sent, or abandoned. @throws ProtocolError where it was not sent, or has been answered */
  named(tag: number): Slot {
    const slot = this.all[tag & 0xffff];
    if (slot === undefined || slot.tag !== tag || slot.state < SlotState.Sent)
      throw new ProtocolError(`the target answers task 0x${tag.toString(16)}, which is not outstanding`);
    return slot;
  }

  #grow(by: number): void {
    const first = this.all.length;
    const last = Math.min(first + by, OWN_TAG_INDEX) - 1;
    for (let index = last; index >= first; index--) {
      const slot = new Slot(index);
      this.all[index] = slot;
      this.#free.push(slot);
    }
  }
}
