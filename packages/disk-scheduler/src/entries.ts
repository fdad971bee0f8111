import { type Command, OptionError, type VmId } from "@fairlead/core";
import { PLACED } from "./marks.js";

/** Fields of one entry in `fields`, and in `more`: 8 doubles side by side, one line of the processor's cache. */
export const STRIDE = 8;

// In `fields`: all that an entry without guarantee and limit needs for a decision.

/** Local virtual time: units consumed ÷ weight, counted from the tier's epoch. */
export const TAG = 0;
export const SHARES = 1;
/** Units still owed for the time in which the entry was idle. */
export const CREDIT = 2;
/** Units consumed since the entry was made. */
export const CONSUMED = 3;
/** When it began to wait or was last served, ms. */
export const WAITING_SINCE_MS = 4;
/** Units of late, as `Bandwidth` counts them. */
export const USE = 5;
// The eighth double is two whole numbers instead: see `marksAt`.

// In `more`.

/** When its guarantee makes the next command due, ms on the guarantee clock of its priority. */
export const GUARANTEE_TAG_MS = 0;
/** What a command, or a byte, takes at its guarantee. ms */
export const GUARANTEE_EACH_MS = 1;
/** When it last ceased to ask for its guarantee, ms on the same clock. */
export const PAUSED_AT_MS = 2;
/** How long its guarantee was not met. While it asks: less what its clock had lost when it began to. ms */
export const UNMET_MS = 3;
/** When its limit lets the next command go, ms. */
export const LIMIT_TAG_MS = 4;
/** What a command, or a byte, takes at its limit. ms */
export const LIMIT_EACH_MS = 5;
/** When it became idle, ms. */
export const IDLE_SINCE_MS = 6;

/** Place of an entry's marks among `ints`; the number of its commands that were given and not completed is next to them. */
export function marksAt(index: number): number {
  return 2 * STRIDE * index + 14;
}

/** What divides the units of the entry whose fields begin at `at`: its shares, or 1 where they are 0. */
export function weightOf(fields: Float64Array, at: number): number {
  return fields[at + SHARES]! || 1;
}

const VM_MAX = 2 ** 24 - 1;
const ABSENT = -1;

/** The entries of one LUN, numbered densely whatever their VM ids are, each with a FIFO of commands. */
export class Entries {
  /** STRIDE fields of each entry. */
  fields = new Float64Array(4 * STRIDE);
  /** The same memory. */
  ints = new Int32Array(this.fields.buffer);
  /** STRIDE more of each, apart from the others for the cache: those of guarantees and limits. */
  more = new Float64Array(4 * STRIDE);
  /** Numbers given out so far, the free ones included. */
  size = 0;
  #indexByVm = new Int32Array(64).fill(ABSENT);
  // Head and tail of the FIFO of entry i at 2i and 2i + 1, side by side for the cache.
  readonly #ends: (Command | null)[] = [];
  readonly #vms: VmId[] = [];
  readonly #free: number[] = [];

  /** -1 where the VM has no entry. */
  find(vm: VmId): number {
    return this.#indexByVm[vm] ?? ABSENT;
  }

  /** A new entry, all fields 0; throws OptionError where `vm` is no VmId. */
  add(vm: VmId): number {
    if (!Number.isInteger(vm) || vm < 0 || vm > VM_MAX) {
      throw new OptionError("vm", `a whole number from 0 to ${VM_MAX}`, vm);
    }
    if (vm >= this.#indexByVm.length) this.#growVms(vm + 1);
    const index = this.#free.pop() ?? this.size++;
    if (this.size * STRIDE > this.fields.length) {
      this.fields = copied(this.fields, new Float64Array(this.fields.length * 2));
      this.ints = new Int32Array(this.fields.buffer);
      this.more = copied(this.more, new Float64Array(this.fields.length));
    }
    this.fields.fill(0, index * STRIDE, (index + 1) * STRIDE);
    this.more.fill(0, index * STRIDE, (index + 1) * STRIDE);
    this.#ends[2 * index] = null;
    this.#ends[2 * index + 1] = null;
    this.#vms[index] = vm;
    this.#indexByVm[vm] = index;
    return index;
  }

  /** Gives the number back; the FIFO must be empty. */
  release(index: number): void {
    this.#indexByVm[this.#vms[index]!] = ABSENT;
    this.#vms[index] = ABSENT;
    this.#free.push(index);
  }

  /** It waits for its turn. */
  isPlaced(index: number): boolean {
    return (this.ints[marksAt(index)]! & PLACED) !== 0;
  }

  /** False for a number that was given back. */
  holds(index: number): boolean {
    return this.#vms[index] !== ABSENT;
  }

  head(index: number): Command | null {
    return this.#ends[2 * index] ?? null;
  }

  length(index: number): number {
    let length = 0;
    for (let command = this.head(index); command !== null; command = command.next) length++;
    return length;
  }

  /** True where the FIFO was empty. */
  append(index: number, command: Command): boolean {
    const ends = this.#ends;
    const tail = ends[2 * index + 1] ?? null;
    command.next = null;
    ends[2 * index + 1] = command;
    if (tail === null) {
      ends[2 * index] = command;
      return true;
    }
    tail.next = command;
    return false;
  }

  /** True where the FIFO was empty. */
  prepend(index: number, command: Command): boolean {
    const ends = this.#ends;
    const head = ends[2 * index] ?? null;
    command.next = head;
    ends[2 * index] = command;
    if (head !== null) return false;
    ends[2 * index + 1] = command;
    return true;
  }

  /** The head, taken out. Only for an entry that has one. */
  shift(index: number): Command {
    const ends = this.#ends;
    const command = ends[2 * index]!;
    const next = command.next;
    ends[2 * index] = next;
    if (next === null) ends[2 * index + 1] = null;
    command.next = null;
    return command;
  }

  /** Takes a command out, wherever it stands; false where it isn't in this FIFO. */
  remove(index: number, command: Command): boolean {
    const ends = this.#ends;
    let before: Command | null = null;
    let at = ends[2 * index] ?? null;
    while (at !== null && at !== command) {
      before = at;
      at = at.next;
    }
    if (at === null) return false;
    if (before === null) ends[2 * index] = command.next;
    else before.next = command.next;
    if (ends[2 * index + 1] === command) ends[2 * index + 1] = before;
    command.next = null;
    return true;
  }

  #growVms(lengthMin: number): void {
    let length = this.#indexByVm.length;
    while (length < lengthMin) length *= 2;
    this.#indexByVm = copied(this.#indexByVm, new Int32Array(length).fill(ABSENT));
  }
}

function copied<Numbers extends Float64Array | Int32Array>(from: Numbers, to: Numbers): Numbers {
  to.set(from);
  return to;
}
