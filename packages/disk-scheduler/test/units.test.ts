import { Command, type Op } from "@fairlead/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type DiskSchedulerOptions, diskScheduler } from "../src/index.js";

function unitsOf(lengthBytes: number, options: DiskSchedulerOptions = {}, op: Op = "read"): number {
  const command = new Command();
  command.op = op;
  command.lengthBytes = lengthBytes;
  diskScheduler(options).enqueue(command, 0);
  return command.units;
}

describe("consumption units", () => {
  it.each([
    [0, 1],
    [1, 1],
    [512, 1],
    [4096, 1],
    [4097, 2],
    [8192, 2],
    [8193, 3],
    [65536, 16],
    [1 << 20, 256],
    [(1 << 20) + 1, 257],
  ])("a command of %i bytes costs %i [0089]", (lengthBytes, units) => {
    expect(unitsOf(lengthBytes)).toBe(units);
  });

  it("are exact for any unit and any length, beyond 32 bits too", () => {
    const unit = fc.oneof(
      fc.constantFrom(1, 512, 4096, 65536, 2 ** 30, 2 ** 31, 2 ** 40),
      fc.integer({ min: 1, max: 2 ** 40 }),
    );
    const length = fc.oneof(
      fc.bigInt({ min: 1n, max: 2n ** 53n - 1n }),
      fc.bigInt({ min: 1n, max: 2n ** 31n + 2n }),
      fc.constantFrom(
        2n ** 30n,
        2n ** 30n + 1n,
        2n ** 31n - 1n,
        2n ** 31n,
        2n ** 32n,
        2n ** 32n + 1n,
        2n ** 53n - 1n,
      ),
    );
    const law = (unitBytes: number, lengthBytes: bigint) => {
      const units = (lengthBytes + BigInt(unitBytes) - 1n) / BigInt(unitBytes);
      expect(unitsOf(Number(lengthBytes), { unitBytes })).toBe(Number(units));
    };
    fc.assert(fc.property(unit, length, law), { seed: 11, numRuns: 500 });
  });

  it("are multiplied by the factor of the command's kind", () => {
    const factors = { read: 2, write: 3, flush: 10 };
    expect(unitsOf(8192, { factors }, "read")).toBe(4);
    expect(unitsOf(8192, { factors }, "write")).toBe(6);
    expect(unitsOf(0, { factors }, "flush")).toBe(10);
    expect(unitsOf(8192, { factors: { write: 3 } }, "read")).toBe(2);
  });

  it("are charged once: at routing, not at completion, and given back at a requeue", () => {
    const scheduler = diskScheduler({ sharesDefault: 4 });
    const command = new Command();
    command.vm = 1;
    command.lengthBytes = 5 * 4096;
    scheduler.enqueue(command, 0);
    expect(scheduler.entry(1)).toMatchObject({ consumedUnits: 0, virtualTime: 0 });
    for (let round = 0; round < 3; round++) {
      scheduler.next(0);
      expect(scheduler.entry(1)).toMatchObject({ consumedUnits: 5, virtualTime: 1.25 });
      scheduler.requeue(command, 0);
      expect(scheduler.entry(1)).toMatchObject({ consumedUnits: 0, virtualTime: 0 });
    }
    scheduler.next(0);
    scheduler.completed(command, 0);
    expect(scheduler.entry(1)).toMatchObject({ consumedUnits: 5, virtualTime: 1.25 });
  });
});
