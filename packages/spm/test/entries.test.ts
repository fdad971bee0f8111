import type { EntrySettings, LoadDistributionStrategy } from "@fairlead/core";
import { describe, expect, it } from "vitest";
import { house, lunOf, MIB, request } from "./house.js";
import { Queue } from "./queue.js";

function recorded(options: { sharesMax?: number } = {}) {
  const queues: Queue[] = [];
  const told: [number, EntrySettings | undefined][] = [];
  const strategy: LoadDistributionStrategy = {
    name: "first",
    select: () => 0,
    vmChanged: (vm, settings) => told.push([vm, settings]),
  };
  const made = house(
    {},
    {
      createAdmissionPolicy: () => {
        const queue = new Queue();
        queue.sharesMax = options.sharesMax ?? queue.sharesMax;
        queues.push(queue);
        return queue;
      },
      createStrategies: () => [strategy],
    },
  );
  const adapter = made.hbas[0].add("vmhba0:0:1", lunOf("naa.1"));
  return { ...made, queues, told, adapter };
}

describe("the level of service of a VM on a LUN", () => {
  it("can't be changed by a strategy that is told of it, in its rates neither", async () => {
    const { manager, told, queues } = recorded();
    await manager.rescan();
    const limit = { commandsPerSecond: 3000 };
    manager.setEntry(1, "naa.1", { shares: 700, limit });
    const settings = told[0]?.[1] as { shares: number; limit: { commandsPerSecond: number } };
    expect(() => Object.assign(settings, { shares: 1 })).toThrow(TypeError);
    expect(() => Object.assign(settings.limit, { commandsPerSecond: 1 })).toThrow(TypeError);
    limit.commandsPerSecond = 2;
    expect(told[0]?.[1]).toEqual({ shares: 700, limit: { commandsPerSecond: 3000 } });
    expect(queues[0]?.entries.get(1)).toEqual({ shares: 700, limit: { commandsPerSecond: 3000 } });
  });

  it("goes to the admission policy and, with what was set before, to the strategy", async () => {
    const { manager, queues, told } = recorded();
    await manager.rescan();
    const limit = { commandsPerSecond: 3000 };
    expect(manager.setEntry(1, "naa.1", { shares: 700, limit, priority: 8 })).toBe(true);
    manager.setEntry(1, "t10.naa.1", { limit: null, quantum: 16 });
    manager.setEntry(2, "naa.1", { latencyCritical: true });
    const changed = { shares: 700, priority: 8, limit: null, quantum: 16 };
    expect(queues[0]?.entries.get(1)).toEqual(changed);
    expect(told).toEqual([
      [1, { shares: 700, limit, priority: 8 }],
      [1, changed],
      [2, { latencyCritical: true }],
    ]);
    expect(manager.entry(1, "naa.1")).toMatchObject({ ...changed, state: "idle", unmetMs: 0 });
  });

  it("is kept, merged, for a LUN that comes later", async () => {
    const { manager, queues, told, events } = recorded();
    expect(manager.setEntry(1, "naa.1", { shares: 300, priority: 2 })).toBe(false);
    expect(manager.setEntry(1, "naa.1", { priority: 9 })).toBe(false);
    await manager.rescan();
    expect(queues[0]?.entries.get(1)).toEqual({ shares: 300, priority: 9 });
    expect(told).toEqual([[1, { shares: 300, priority: 9 }]]);
    expect(events.filter(({ kind }) => kind.startsWith("entry"))).toEqual([]);
  });

  it.each<[string, EntrySettings, string]>([
    ["shares", { shares: -1 }, "OPTION_INVALID"],
    ["shares", { shares: Number.NaN }, "OPTION_INVALID"],
    ["shares", { shares: Number.POSITIVE_INFINITY }, "OPTION_INVALID"],
    ["priority", { priority: 11 }, "OPTION_INVALID"],
    ["priority", { priority: -1 }, "OPTION_INVALID"],
    ["priority", { priority: 2.5 }, "OPTION_INVALID"],
    ["guarantee", { guarantee: { bytesPerSecond: 0 } }, "OPTION_INVALID"],
    ["limit", { limit: { commandsPerSecond: Number.NaN } }, "OPTION_INVALID"],
    ["limit", { limit: {} as never }, "OPTION_INVALID"],
    ["limit", { limit: 5 as never }, "OPTION_INVALID"],
    ["limit", { limit: { bytesPerSecond: 5, commandsPerSecond: 5 } as never }, "OPTION_INVALID"],
    ["limit", { limit: { bytesPerMinute: 5 } as never }, "OPTION_INVALID"],
    ["quantum", { quantum: 0 }, "OPTION_INVALID"],
    ["latencyCritical", { latencyCritical: "yes" as never }, "OPTION_INVALID"],
    ["prio", { prio: 3 } as never, "OPTION_UNKNOWN"],
  ])("is refused whole with a wrong %s: %o", async (option, wrong, code) => {
    const { manager, queues, told } = recorded();
    const settings = { shares: 444, latencyCritical: true, ...wrong };
    const error = expect.objectContaining({ code, message: expect.stringContaining(option) });
    expect(() => manager.setEntry(1, "naa.1", settings)).toThrow(error);
    await manager.rescan();
    expect(() => manager.setEntry(1, "naa.1", settings)).toThrow(error);
    expect([queues[0]?.entries.size, told]).toEqual([0, []]);
  });

  it("that the policy refuses changes nothing, and is not kept for its successor", async () => {
    const { manager, told, queues, disk, adapter } = recorded({ sharesMax: 500 });
    manager.addDisk({ name: "db", vm: 1, extents: [{ lun: "naa.1" }] });
    await manager.rescan();
    manager.setEntry(1, "naa.1", { shares: 500, priority: 3 });
    expect(() => manager.setEntry(1, "naa.1", { shares: 501, priority: 9 })).toThrow("at most 500");
    disk("db").submit(request("read", 0, 512).made);
    expect(adapter.pending[0]?.priority).toBe(3);
    expect(told).toHaveLength(1);
    const successor = new Queue("successor");
    manager.setAdmissionPolicy(() => successor);
    expect(successor.entries.get(1)).toEqual({ shares: 500, priority: 3 });
    expect(queues).toHaveLength(1);
  });

  it("that the policy refuses when the LUN comes is told, and the LUN serves all the same", async () => {
    const { manager, events, disk, adapter } = recorded({ sharesMax: 500 });
    manager.addDisk({ name: "db", vm: 1, extents: [{ lun: "naa.1" }] });
    manager.setEntry(1, "naa.1", { shares: 501 });
    manager.setEntry(2, "naa.1", { shares: 400 });
    await manager.rescan();
    expect(events.filter(({ kind }) => kind === "entry-refused")).toMatchObject([
      {
        severity: "error",
        subject: "naa.1",
        reason: "OPTION_INVALID: level of service of VM 1: option shares must be at most 500, but is 501",
      },
    ]);
    expect(manager.entry(2, "naa.1")).toMatchObject({ shares: 400 });
    disk("db").submit(request("read", 0, 512).made);
    expect(adapter.pending).toHaveLength(1);
  });

  it("leaves a record where it changes while the LUN is there", async () => {
    const { manager, events } = recorded();
    await manager.rescan();
    const guarantee = { bytesPerSecond: 5_000_000 };
    manager.setEntry(3, "naa.1", { shares: 20, guarantee, limit: null, latencyCritical: true });
    expect(events.at(-1)).toMatchObject({
      kind: "entry-changed",
      subject: "naa.1",
      inputs: { vm: 3, shares: 20, guarantee: "5000000 bytes/s", limit: "none", latencyCritical: true },
    });
  });
});

describe("priority", () => {
  it("belongs to the VM on the LUN: commands carry it from the next one on, 5 where none was set", async () => {
    const { manager, hbas, disk, adapter } = recorded();
    const other = hbas[1].add("vmhba1:0:2", lunOf("naa.2"));
    for (let vm = 0; vm < 7; vm++) {
      manager.addDisk({
        name: `vm${vm}`,
        vm,
        extents: [
          { lun: "naa.1", startBytes: vm * MIB, lengthBytes: MIB },
          { lun: "naa.2", startBytes: vm * MIB, lengthBytes: MIB },
        ],
      });
    }
    manager.setEntry(2, "naa.1", { priority: 10 });
    manager.setEntry(6, "naa.2", { priority: 0 });
    await manager.rescan();
    const each = () => {
      for (let vm = 0; vm < 7; vm++) disk(`vm${vm}`).submit(request("read", MIB - 512, 1024).made);
      const carried = [adapter, other].map(({ pending }) => pending.map(({ priority }) => priority));
      for (const one of [adapter, other]) for (const command of [...one.pending]) one.complete(command);
      return carried;
    };
    expect(each()).toEqual([
      [5, 5, 10, 5, 5, 5, 5],
      [5, 5, 5, 5, 5, 5, 0],
    ]);
    manager.setEntry(2, "naa.1", { priority: 1, shares: 9 });
    manager.setEntry(2, "naa.1", { shares: 8 });
    manager.setEntry(4, "naa.2", { priority: 7 });
    expect(each()).toEqual([
      [5, 5, 1, 5, 5, 5, 5],
      [5, 5, 5, 5, 7, 5, 0],
    ]);
  });
});
