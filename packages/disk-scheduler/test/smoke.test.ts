import { Command } from "@fairlead/core";
import { describe, expect, it } from "vitest";
import { diskScheduler } from "../src/index.js";

describe("diskScheduler", () => {
  it("divides 2000:2000:1000 into 40, 40 and 20 %", () => {
    const scheduler = diskScheduler();
    for (const [vm, shares] of [
      [1, 2000],
      [2, 2000],
      [3, 1000],
    ] as const) {
      scheduler.setEntry(vm, { shares }, 0);
      for (let count = 0; count < 500; count++) {
        const command = new Command();
        command.vm = vm;
        command.lengthBytes = 4096;
        command.offsetBytes = ((count * 7919 + vm * 104729) % 1000) * 1e9;
        scheduler.enqueue(command, 0);
      }
    }
    const served = [0, 0, 0, 0];
    for (let count = 0; count < 1000; count++) served[scheduler.next(0)!.vm]!++;
    expect(served).toEqual([0, 400, 400, 200]);
  });
});
