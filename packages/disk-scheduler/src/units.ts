import type { Command } from "@fairlead/core";
import type { DiskSchedulerSettings } from "./options.js";

// Lengths up to here can be shifted; one that is longer than its unit has a unit below it, too.
const SHIFT_BYTES_MAX = 2 ** 30;

/** What a command costs in consumption units: 1 with its first unit of data, 1 more for each further one begun. [0089] */
export class UnitCounter {
  #unitBytes = 1;
  // log2 of the unit where it is a power of two, else -1.
  #shift = -1;
  #read = 1;
  #write = 1;
  #flush = 1;

  configure(settings: DiskSchedulerSettings): void {
    const { unitBytes, factors } = settings;
    this.#unitBytes = unitBytes;
    const shift = Math.log2(unitBytes);
    this.#shift = Number.isInteger(shift) ? shift : -1;
    this.#read = factors.read;
    this.#write = factors.write;
    this.#flush = factors.flush;
  }

  units(command: Command): number {
    const factor = command.op === "read" ? this.#read : command.op === "write" ? this.#write : this.#flush;
    const lengthBytes = command.lengthBytes;
    if (lengthBytes <= this.#unitBytes) return factor;
    if (this.#shift >= 0 && lengthBytes <= SHIFT_BYTES_MAX) {
      return (((lengthBytes - 1) >>> this.#shift) + 1) * factor;
    }
    // A plain quotient rounds where it is large; a multiple of the divisor divides exactly.
    const rest = lengthBytes % this.#unitBytes;
    return ((lengthBytes - rest) / this.#unitBytes + (rest > 0 ? 1 : 0)) * factor;
  }
}

const NO_DATA_BYTES = 4096;

/** What a command counts against a bandwidth in bytes: its data, or, without any, those of one unit. [0089] */
export function bytesOf(command: Command): number {
  return command.lengthBytes > 0 ? command.lengthBytes : NO_DATA_BYTES;
}
