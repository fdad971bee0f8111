import { FairleadError, type LoadDistributionStrategy, type Path, type TeamContext } from "@fairlead/core";
import { diskScheduler } from "@fairlead/disk-scheduler";
import { roundRobin } from "@fairlead/strategy-round-robin";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { StoragePathManagerOptions, StoragePathManagerParts } from "../src/index.js";
import { house, lunOf, MIB, request } from "./house.js";
import { ConfigurableQueue, Queue } from "./queue.js";

const last: LoadDistributionStrategy = { name: "last", select: (paths) => paths.length - 1 };

/** Two LUNs of two paths each, found, and one to come. */
async function twoLuns(
  parts: Partial<StoragePathManagerParts> = {},
  options: StoragePathManagerOptions = {},
) {
  const made = house(options, parts);
  const adapters = ["naa.1", "naa.2"].map((id, n) => [
    made.hbas[0].add(`vmhba0:0:${n}`, lunOf(id)),
    made.hbas[1].add(`vmhba1:0:${n}`, lunOf(id)),
  ]);
  for (const n of [1, 2, 3]) made.manager.addDisk({ name: `db${n}`, vm: n, extents: [{ lun: `naa.${n}` }] });
  await made.manager.rescan();
  const findThird = async () => {
    made.hbas[0].add("vmhba0:0:9", lunOf("naa.3"));
    await made.manager.rescan();
  };
  const strategies = () => made.manager.luns().map(({ strategy }) => strategy);
  const admissions = () => made.manager.luns().map(({ admissionPolicy }) => admissionPolicy);
  return { ...made, adapters, findThird, strategies, admissions };
}

/** One instance per LUN, in the order in which they were made. */
function made<Policy>(create: () => Policy) {
  const instances: Policy[] = [];
  return {
    instances,
    create: (): Policy => {
      const instance = create();
      instances.push(instance);
      return instance;
    },
  };
}

describe("what policies are made for", () => {
  it("is the LUN's id and its place in the order in which LUNs were found", async () => {
    const contexts: TeamContext[] = [];
    const { findThird } = await twoLuns({
      createStrategies: (context) => {
        contexts.push(context);
        return [last];
      },
      createAdmissionPolicy: (context) => {
        contexts.push(context);
        return diskScheduler();
      },
    });
    await findThird();
    const expected = [1, 2, 3].map((n) => ({ team: `naa.${n}`, ordinal: n - 1 }));
    expect(contexts).toEqual(expected.flatMap((context) => [context, context]));
  });

  it("can fail for one LUN, which is found again once they can be made; the others are served", async () => {
    let broken = true;
    let tried = 0;
    const { manager, served, events } = await twoLuns({
      createStrategies: ({ team }) => {
        if (team === "naa.1") tried++;
        if (broken && team === "naa.1") throw new FairleadError("OPTION_INVALID", "bad");
        return [last];
      },
      createAdmissionPolicy: ({ team }) => {
        if (broken && team === "naa.2") throw new TypeError("worse");
        return diskScheduler();
      },
    });
    expect([...served.keys()]).toEqual([]);
    const report = await manager.rescan();
    expect(report.problems).toEqual([
      { where: "naa.1", code: "OPTION_INVALID", message: "bad" },
      { where: "naa.2", code: "POLICY_FAILED", message: "TypeError: worse" },
    ]);
    expect(events.filter(({ kind }) => kind === "scan-problem")).toHaveLength(2);
    expect(tried).toBe(2); // Once in each scan, though there are two paths.
    broken = false;
    await manager.rescan();
    expect([...served.keys()]).toEqual(["db1", "db2"]);
  });
});

describe("setStrategies", () => {
  it("changes all LUNs, also those to come", async () => {
    const { manager, disk, adapters, findThird, strategies, events } = await twoLuns();
    manager.setStrategies(() => [last, roundRobin()]);
    await findThird();
    expect(strategies()).toEqual(["last", "last", "last"]);
    expect(manager.luns()[2]).toMatchObject({ strategies: ["last", "round-robin"], strategyFaults: 0 });
    for (let n = 0; n < 6; n++) disk("db1").submit(request("read", n * 512, 512).made);
    expect(adapters[0]?.map(({ pending }) => pending.length)).toEqual([0, 6]);
    expect(events.filter(({ kind }) => kind === "strategies-changed")).toMatchObject([
      { subject: "naa.1", inputs: { from: "round-robin", to: "last" } },
      { subject: "naa.2" },
    ]);
  });

  it("asks the new ones at once for what the ones before wanted nowhere", async () => {
    const one = {
      name: "one",
      select: (paths: readonly Path[]) => (paths.some((p) => p.pendingCommands > 0) ? -1 : 0),
    };
    const { manager, disk, adapters } = await twoLuns({ createStrategies: () => [one] });
    for (let n = 0; n < 6; n++) disk("db1").submit(request("read", n * 512, 512).made);
    manager.setStrategies(() => [last], "naa.1");
    expect(adapters[0]?.map(({ pending }) => pending.length)).toEqual([1, 5]);
  });

  it("changes one LUN by any of its names, and no other", async () => {
    const { manager, findThird, strategies } = await twoLuns();
    manager.setStrategies(() => [last], "vmhba1:0:1");
    await findThird();
    expect(strategies()).toEqual(["round-robin", "last", "round-robin"]);
  });

  it("tells new ones of the VMs, and shows faults and successors", async () => {
    const { manager, disk } = await twoLuns();
    for (let vm = 1; vm <= 6; vm++) manager.setEntry(vm, "naa.1", { shares: vm });
    const told: unknown[] = [];
    const broken = {
      name: "broken",
      select: () => 99,
      vmChanged: (vm: number, settings: unknown) => told.push([vm, settings]),
    };
    manager.setStrategies(() => [broken, last], "naa.1");
    expect(told).toEqual([1, 2, 3, 4, 5, 6].map((shares) => [shares, { shares }]));
    for (let n = 0; n < 6; n++) disk("db1").submit(request("read", n * 512, 512).made);
    expect(manager.luns()[0]).toMatchObject({
      strategy: "last",
      strategies: ["broken", "last"],
      strategyFaults: 3,
    });
  });

  it("changes nothing where one of them can't be made", async () => {
    const { manager, strategies, findThird } = await twoLuns();
    const failing = ({ team }: TeamContext) => {
      if (team === "naa.2") throw new Error("not for this one");
      return [last];
    };
    expect(() => manager.setStrategies(failing)).toThrow("not for this one");
    expect(() => manager.setStrategies(({ team }) => (team === "naa.2" ? [] : [last]))).toThrow(
      expect.objectContaining({ code: "OPTION_INVALID", option: "strategies" }),
    );
    await findThird();
    expect(strategies()).toEqual(["round-robin", "round-robin", "round-robin"]);
  });

  it("tries them even where no LUN is there yet", () => {
    const { manager } = house();
    expect(() => manager.setStrategies(() => [])).toThrow("strategies");
  });

  it("sees a slow one by the stopwatch that the host hands in", async () => {
    let nowMs = 0;
    const select = () => {
      nowMs += 50;
      return 0;
    };
    const slow = { name: "slow", select };
    const { disk, manager } = await twoLuns({
      createStrategies: () => [slow, last],
      stopwatchMs: () => nowMs,
    });
    for (let n = 0; n < 6; n++) disk("db1").submit(request("read", n * 512, 512).made);
    expect(manager.luns()[0]).toMatchObject({ strategy: "last", strategyFaults: 3 });
  });
});

describe("setAdmissionPolicy", () => {
  it("hands over what is queued, with settings and paths; what is outstanding or held completes at the new one", async () => {
    const { manager, disk, adapters } = await twoLuns({}, { queueDepth: 3 });
    manager.setEntry(1, "naa.1", { shares: 333, priority: 7 });
    const requests = [0, 0, 1, 2, 3, 4, 5, 6].map((block) => request("write", block * 512, 512));
    for (const { made } of requests) disk("db1").submit(made);
    expect(manager.luns()[0]).toMatchObject({ outstandingCommands: 3, heldCommands: 1, queuedCommands: 4 });
    adapters[0]?.[1]?.fail("not-sent");
    const queue = new Queue();
    manager.setAdmissionPolicy(() => queue, "naa.1");
    expect(manager.luns()[0]).toMatchObject({ admissionPolicy: "queue", heldCommands: 1, queuedCommands: 4 });
    expect(queue.entries.get(1)).toEqual({ shares: 333, priority: 7 });
    expect(queue.capacities).toEqual([0.5]);
    const [a] = adapters[0] ?? [];
    const order: number[] = [];
    for (let command = a?.pending[0]; command !== undefined; command = a?.pending[0]) {
      order.push(command.offsetBytes / 512);
      a?.complete(command);
    }
    expect(order.toSorted()).toEqual([0, 0, 1, 2, 3, 4, 5, 6]);
    expect(queue.completions).toHaveLength(8);
    expect(requests.flatMap(({ outcomes }) => outcomes)).toEqual(new Array(8).fill("good"));
  });

  it("serves at once what the one before held back", async () => {
    const limited = new Queue();
    limited.fromMs = 1e6;
    const { manager, disk, adapters, clock } = await twoLuns({ createAdmissionPolicy: () => limited });
    disk("db1").submit(request("read", 0, 512).made);
    manager.setAdmissionPolicy(() => new Queue(), "naa.1");
    expect(adapters[0]?.flatMap(({ pending }) => pending)).toHaveLength(1);
    clock.advance(2e6);
    expect(clock.pendingTimers).toBe(0);
  });

  it("changes all LUNs, also those to come, or one", async () => {
    const all = await twoLuns();
    all.manager.setAdmissionPolicy(() => new Queue());
    await all.findThird();
    expect(all.admissions()).toEqual(["queue", "queue", "queue"]);
    expect(all.events.filter(({ kind }) => kind === "admission-changed")).toMatchObject([
      { subject: "naa.1", inputs: { from: "disk-scheduler", to: "queue" } },
      { subject: "naa.2" },
    ]);
    const one = await twoLuns();
    one.manager.setAdmissionPolicy(() => new Queue(), "t10.naa.2");
    await one.findThird();
    expect(one.admissions()).toEqual(["disk-scheduler", "queue", "disk-scheduler"]);
  });

  it("changes nothing where one refuses a VM's settings", async () => {
    const { manager, admissions, findThird } = await twoLuns();
    manager.setEntry(1, "naa.2", { shares: 1001 });
    expect(() => manager.setAdmissionPolicy(() => new Queue())).toThrow("at most 1000");
    await findThird();
    expect(admissions()).toEqual(["disk-scheduler", "disk-scheduler", "disk-scheduler"]);
    const { manager: empty } = house();
    const failing = () => {
      throw new Error("can't be made");
    };
    expect(() => empty.setAdmissionPolicy(failing)).toThrow("can't be made");
  });
});

describe("configureAdmission", () => {
  it("changes all LUNs, also those to come; or one, also in a policy made later like it", async () => {
    const queues = made(() => new ConfigurableQueue());
    const { manager, findThird, disk } = await twoLuns({ createAdmissionPolicy: queues.create });
    disk("db1").submit(request("read", 0, 512).made);
    const [first, second] = queues.instances;
    manager.configureAdmission({ sharesMax: 700 });
    manager.configureAdmission({ fromMs: 5 }, "naa.2");
    await findThird();
    const third = queues.instances.at(-1);
    expect([first, second, third].map((queue) => [queue?.sharesMax, queue?.fromMs])).toEqual([
      [700, 0],
      [700, 5],
      [700, 0],
    ]);
    expect(() => manager.configureAdmission({ sharesMax: 99 })).toThrow("at least 100"); // The default of VM 1.
  });

  it("holds for the next change too", async () => {
    const { manager } = await twoLuns({ createAdmissionPolicy: () => new ConfigurableQueue() });
    manager.configureAdmission({ sharesMax: 2000 });
    manager.setEntry(1, "naa.1", { shares: 1500 });
    manager.configureAdmission({ fromMs: 1 }, "naa.1");
    expect(() => manager.configureAdmission({ sharesMax: 1499 })).toThrow("at least 1500");
  });

  it("changes nothing anywhere where one LUN's policy refuses", async () => {
    const queues = made(() => new ConfigurableQueue());
    const { manager, findThird } = await twoLuns({ createAdmissionPolicy: queues.create });
    const present = queues.instances.slice(0, 2);
    manager.setEntry(1, "naa.2", { shares: 800 });
    expect(() => manager.configureAdmission({ sharesMax: 799, fromMs: 7 })).toThrow(
      expect.objectContaining({ code: "OPTION_INVALID", option: "sharesMax" }),
    );
    await findThird();
    for (const queue of [...present, queues.instances.at(-1)]) {
      expect([queue?.sharesMax, queue?.fromMs]).toEqual([1000, 0]);
    }
    manager.configureAdmission({ sharesMax: 799 }, "naa.1");
    expect(present.map(({ sharesMax }) => sharesMax)).toEqual([799, 1000]);
  });

  it("lets go at once what may go now", async () => {
    const { manager, disk, adapters } = await twoLuns({
      createAdmissionPolicy: () => new ConfigurableQueue(),
    });
    manager.configureAdmission({ fromMs: 1e6 });
    disk("db2").submit(request("read", 0, 512).made);
    expect(adapters[1]?.flatMap(({ pending }) => pending)).toEqual([]);
    manager.configureAdmission({ fromMs: 0 });
    expect(adapters[1]?.flatMap(({ pending }) => pending)).toHaveLength(1);
  });

  it("leaves a record with the small values", async () => {
    const { manager, events } = await twoLuns({ createAdmissionPolicy: () => new ConfigurableQueue() });
    manager.configureAdmission({ fromMs: 5, other: { large: [] } }, "naa.1");
    expect(events.at(-1)).toMatchObject({
      kind: "admission-configured",
      subject: "naa.1",
      reason: "configurable takes fromMs, other from now on",
      inputs: { fromMs: 5 },
    });
    expect(events.at(-1)?.inputs).not.toHaveProperty("other");
  });

  it("is refused by a policy without options, also where no LUN is there yet", async () => {
    const refusal = expect.objectContaining({ code: "ADMISSION_NOT_CONFIGURABLE" });
    const parts = { createAdmissionPolicy: () => new Queue() };
    const { manager } = await twoLuns(parts);
    expect(() => manager.configureAdmission({ sharesMax: 1 })).toThrow(refusal);
    expect(() => manager.configureAdmission({ sharesMax: 1 }, "naa.1")).toThrow(refusal);
    expect(() => house({}, parts).manager.configureAdmission({ sharesMax: 1 })).toThrow(refusal);
    manager.setAdmissionPolicy(() => new ConfigurableQueue(), "naa.1");
    manager.configureAdmission({ sharesMax: 999 }, "naa.1");
    expect(() => manager.configureAdmission({ sharesMax: 998 })).toThrow(refusal);
  });
});

it.each(["setStrategies", "setAdmissionPolicy", "configureAdmission"] as const)(
  "%s knows no such LUN",
  async (method) => {
    const { manager } = await twoLuns();
    const refusal = expect.objectContaining({
      code: "LUN_UNKNOWN",
      message: expect.stringContaining("naa.1, naa.2"),
    });
    expect(() => manager[method]((() => [last]) as never, "naa.7")).toThrow(refusal);
  },
);

it("nothing is lost or done twice, whatever is swapped while requests come, end and lose their paths", async () => {
  const step = fc.constantFrom(
    "submit",
    "submit",
    "end",
    "end",
    "fail",
    "restore",
    "admission",
    "strategy",
    "configure",
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(step, fc.nat(30)), { minLength: 20, maxLength: 120 }),
      async (steps) => {
        const { manager, disk, adapters, clock } = await twoLuns({}, { queueDepth: 3, quiesceMs: 10 });
        const pair = adapters[0] ?? [];
        const requests: ReturnType<typeof request>[] = [];
        const policies = [() => diskScheduler(), () => new Queue(), () => new ConfigurableQueue()];
        for (const [kind, n] of steps) {
          const adapter = pair[n % 2];
          if (kind === "submit") {
            const one = request(n % 3 === 0 ? "read" : "write", (n % 8) * MIB, 4096);
            requests.push(one);
            disk("db1").submit(one.made);
          } else if (kind === "end") {
            const command = adapter?.pending[n % 3];
            if (command !== undefined) adapter?.complete(command);
          } else if (kind === "fail") {
            if (adapter?.up) adapter.fail("not-sent");
          } else if (kind === "restore") {
            if (!adapter?.up) adapter?.restore();
          } else if (kind === "admission") {
            manager.setAdmissionPolicy(policies[n % 3] as () => Queue, n % 2 === 0 ? "naa.1" : undefined);
          } else if (kind === "strategy")
            manager.setStrategies(() => [n % 2 === 0 ? last : roundRobin()], "naa.1");
          else manager.setEntry(1, "naa.1", { shares: 100 + n });
        }
        for (const adapter of pair) if (!adapter.up) adapter.restore();
        for (let round = 0; round < 2 * steps.length; round++) {
          for (const adapter of pair) for (const command of [...adapter.pending]) adapter.complete(command);
          clock.advance(1);
        }
        expect(requests.map(({ outcomes }) => outcomes)).toEqual(requests.map(() => ["good"]));
        expect(manager.luns()[0]).toMatchObject({
          queuedCommands: 0,
          outstandingCommands: 0,
          heldCommands: 0,
        });
      },
    ),
    { seed: 9, numRuns: 60 },
  );
});

it.each([
  [{ queuedepth: 4 } as never, "OPTION_UNKNOWN"],
  [{ noPathQueueMs: -1 }, "OPTION_INVALID"],
  [{ quiesceMs: Number.NaN }, "OPTION_INVALID"],
  [{ queueDepth: 0 }, "OPTION_INVALID"],
  [{ rescanMs: 0 }, "OPTION_INVALID"],
])("the option %o is refused", (options, code) => {
  expect(() => house(options)).toThrow(expect.objectContaining({ code }));
});
