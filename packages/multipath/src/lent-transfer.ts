import type { Transfer, VmId } from "@fairlead/core";

/**
 * What a strategy sees of a command: a copy, made anew for each call in the one object that a team lends. Whatever a
 * strategy does to it reaches no command; frozen, so that to assign throws, which is a fault of the strategy.
 */
export class LentTransfer implements Transfer {
  #vm: VmId = 0;
  #priority = 0;
  #lengthBytes = 0;
  #sentAtMs = 0;

  constructor() {
    Object.freeze(this); // Private fields stay writable.
  }

  get vm(): VmId {
    return this.#vm;
  }

  get priority(): number {
    return this.#priority;
  }

  get lengthBytes(): number {
    return this.#lengthBytes;
  }

  get sentAtMs(): number {
    return this.#sentAtMs;
  }

  copy(transfer: Transfer): void {
    this.#vm = transfer.vm;
    this.#priority = transfer.priority;
    this.#lengthBytes = transfer.lengthBytes;
    this.#sentAtMs = transfer.sentAtMs;
  }
}
