import type { Slot } from "./slot.js";

/** The requests of one connection that have no reply yet: a list through the slots themselves. */
export class InFlight {
  count = 0;
  writes = 0;
  #newest: Slot | null = null;

  add(slot: Slot): void {
    slot.older = this.#newest;
    slot.newer = null;
    if (this.#newest !== null) this.#newest.newer = slot;
    this.#newest = slot;
    this.count++;
    if (slot.op === "write") this.writes++;
  }

  remove(slot: Slot): void {
    if (slot.newer === null) this.#newest = slot.older;
    else slot.newer.older = slot.older;
    if (slot.older !== null) slot.older.newer = slot.newer;
    slot.newer = null;
    slot.older = null;
    this.count--;
    if (slot.op === "write") this.writes--;
  }

  /** Whether a write that the disk has touches the range. */
  overlapsWrite(offsetBytes: number, lengthBytes: number): boolean {
    for (let slot = this.#newest; slot !== null; slot = slot.older) {
      if (slot.op !== "write" || slot.held) continue;
      if (slot.offsetBytes < offsetBytes + lengthBytes && offsetBytes < slot.offsetBytes + slot.lengthBytes) {
        return true;
      }
    }
    return false;
  }

  /** A copy, newest first: for a walk during which slots may come out. */
  all(): Slot[] {
    const slots: Slot[] = [];
    for (let slot = this.#newest; slot !== null; slot = slot.older) slots.push(slot);
    return slots;
  }
}
