import { createManualClock } from "@fairlead/compliance";
import type { Hba } from "@fairlead/core";
import { diskScheduler } from "@fairlead/disk-scheduler";
import { createStoragePathManager } from "@fairlead/spm";
import { roundRobin } from "@fairlead/strategy-round-robin";
import { ScriptedAdapter } from "@fairlead/testing";
import { expect, it } from "vitest";
import { Rescans } from "../src/rescans.js";

const LUN = {
  id: "naa.1",
  ids: ["naa.1"],
  capacityBytes: 1024 * 1024,
  blockSizeBytes: 512,
  maxTransferBytes: 1024 * 1024,
  readOnly: false,
  writeCache: true,
  fua: true,
  vendor: "FAIRLEAD",
  product: "TEST",
};

it("scans come sooner while a path is failed, up to 20 s apart, and on schedule again once it is back", async () => {
  const clock = createManualClock();
  const adapter = new ScriptedAdapter("vmhba0:0:1");
  const scansAtMs: number[] = [];
  const hba: Hba = {
    name: "vmhba0",
    async scan() {
      scansAtMs.push(clock.now());
      return { paths: [{ adapter, lun: LUN }], problems: [], settled: true };
    },
    async close() {},
  };
  const onEvent = () => {};
  const spm = createStoragePathManager(
    {
      clock,
      hbas: [hba],
      createStrategy: () => roundRobin(),
      createAdmissionPolicy: () => diskScheduler(),
      onEvent,
      onDiskReady: () => {},
      onDiskGone: () => {},
    },
    { rescanMs: Number.POSITIVE_INFINITY },
  );
  const rescans = new Rescans({ spm, clock, onEvent, pauseMs: 60_000, onScanned: () => {} });
  const pass = async (seconds: number) => {
    for (let second = 0; second < seconds; second++) {
      clock.advance(1000);
      await new Promise(setImmediate); // The scan that has begun ends.
    }
  };
  await rescans.run();
  adapter.fail("in-doubt", "lun-gone");
  await rescans.run();
  await pass(55);
  expect(scansAtMs).toEqual([0, 0, 2000, 6000, 14_000, 30_000, 50_000]);
  adapter.restore();
  await pass(15 + 60);
  expect(scansAtMs.slice(7)).toEqual([70_000, 130_000]);
  rescans.close();
});
