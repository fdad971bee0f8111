import { type AdmissionPolicy, type HostEvent, OptionError, type TeamContext } from "@fairlead/core";
import { diskScheduler } from "@fairlead/disk-scheduler";
import { describe, expect, it } from "vitest";
import { guardedAdmission } from "../src/index.js";
import { flawed, METHODS } from "./broken-admission.js";
import { house, lunOf, request } from "./house.js";
import { Queue } from "./queue.js";

type Make = (context: TeamContext) => AdmissionPolicy;

/** Three LUNs of one path each, room for three commands, and policies of somebody behind guards. */
async function host(make: Make = () => new Queue()) {
  const late: HostEvent[] = [];
  /** As a host wraps what a plugin made. */
  const guarding =
    (create: Make): Make =>
    (context) =>
      guardedAdmission(create(context), {
        name: "odd",
        team: context.team,
        successor: () => diskScheduler(),
        onEvent: (event) => late.push(event),
      });
  const made = house({ queueDepth: 3 }, { createAdmissionPolicy: guarding(make) });
  const adapters = [1, 2, 3].map((n) => made.hbas[0].add(`vmhba0:0:${n}`, lunOf(`naa.${n}`)));
  for (const n of [1, 2, 3]) made.manager.addDisk({ name: `db${n}`, vm: n, extents: [{ lun: `naa.${n}` }] });
  await made.manager.rescan();
  const send = (disk: string, count: number) =>
    Array.from({ length: count }, (_, n) => {
      const one = request("write", n * 512, 512);
      made.disk(disk).submit(one.made);
      return one;
    });
  const endAll = (): number[] => {
    const blocks: number[] = [];
    for (const adapter of adapters) {
      for (let command = adapter.pending[0]; command !== undefined; command = adapter.pending[0]) {
        blocks.push(command.offsetBytes / 512);
        adapter.complete(command);
      }
    }
    return blocks;
  };
  const inUse = () => made.manager.luns().map(({ admissionPolicy }) => admissionPolicy);
  return { ...made, adapters, guarding, late, send, endAll, inUse };
}

describe("a LUN whose guarded policy fails", () => {
  it.each(METHODS)("in %s goes on, and each request ends once", async (method) => {
    const { send, endAll, manager, disk, adapters, guarding } = await host(() =>
      flawed({ way: "throws", method, from: 12 }),
    );
    const sent = send("db1", 14);
    manager.entry(1, "naa.1");
    manager.setEntry(1, "naa.1", { shares: 77 });
    disk("db1").cancel(sent[13]?.made as never);
    adapters[0]?.fail("not-sent");
    adapters[0]?.restore();
    manager.setAdmissionPolicy(guarding(() => new Queue()));
    expect(endAll().toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    expect(sent.flatMap(({ outcomes }) => outcomes).toSorted()).toEqual([
      "cancelled",
      ...new Array(13).fill("good"),
    ]);
  });

  it("by giving nothing is asked again after five seconds, and goes on", async () => {
    const { send, endAll, clock, late, inUse } = await host(() =>
      flawed({ way: "gives nothing", method: "next", from: 0 }),
    );
    send("db2", 7);
    clock.advance(4999);
    expect([late, endAll()]).toEqual([[], []]);
    clock.advance(1);
    expect(late.map(({ kind, subject }) => [kind, subject])).toEqual([
      ["admission-fault", "naa.2"],
      ["admission-replaced", "naa.2"],
    ]);
    expect(endAll()).toEqual([0, 1, 2, 3, 4, 5, 6]);
    expect(inUse()).toEqual(["odd", "disk-scheduler", "odd"]);
  });

  it.each(["entry", "cancel"])("in %s lets go at once what may go now", async (method) => {
    class Holding extends Queue {
      override next(): undefined {}
      override nextAt(): number {
        return 1e9;
      }
    }
    const throws = (): never => {
      throw new Error("broken");
    };
    const { send, manager, disk, adapters } = await host(() =>
      Object.assign(new Holding(), { [method]: throws }),
    );
    const sent = send("db1", 7);
    expect(adapters[0]?.pending).toEqual([]);
    if (method === "entry") manager.entry(1, "naa.1");
    else disk("db1").cancel(sent[6]?.made as never);
    expect(adapters[0]?.pending).toHaveLength(3);
  });
});

describe("a change to a policy that fails while it takes over", () => {
  it.each(["pathsChanged", "setEntry"] as const)(
    "in %s of one LUN goes on for the others",
    async (method) => {
      const { manager, guarding, inUse, kinds, send, endAll } = await host();
      for (const n of [1, 2, 3]) manager.setEntry(n, `naa.${n}`, { shares: 10 * n });
      const sent = send("db2", 9);
      const create: Make = ({ ordinal }) =>
        ordinal === 1 ? flawed({ way: "throws", method, from: 0 }) : new Queue();
      manager.setAdmissionPolicy(guarding(create));
      expect(inUse()).toEqual(["odd", "disk-scheduler", "odd"]);
      expect(kinds().filter((kind) => kind === "admission-changed")).toHaveLength(3);
      expect(manager.entry(2, "naa.2")?.shares).toBe(20);
      endAll();
      expect(sent.flatMap(({ outcomes }) => outcomes)).toEqual(new Array(9).fill("good"));
    },
  );

  it("is refused whole where one refuses a level of service", async () => {
    const { manager, guarding, inUse } = await host(() => diskScheduler());
    manager.setEntry(2, "naa.2", { shares: 1001 });
    expect(() => manager.setAdmissionPolicy(guarding(() => new Queue()))).toThrow(OptionError);
    expect(inUse()).toEqual(["odd", "odd", "odd"]);
    expect(() => manager.configureAdmission({ quantum: 4 })).not.toThrow(); // Of the scheduler that is still in use.
  });
});

describe("options of a guarded policy", () => {
  /** Takes `fine` and nothing else; a LUN's own, made first, may fail where its twin does not. */
  class Choosy extends Queue {
    constructor(private readonly fails: boolean) {
      super();
    }
    configure(options: object): void {
      if (!("fine" in options)) throw new TypeError("what is that");
      if (this.fails) throw new TypeError("not now");
    }
  }

  it("at which it fails change nothing anywhere, and its LUN keeps it", async () => {
    const { manager, late, inUse, kinds } = await host(() => new Choosy(false));
    const refusal = expect.objectContaining({
      code: "POLICY_FAILED",
      message: "configure of odd threw what is that; nothing has changed",
    });
    expect(() => manager.configureAdmission({ odd: 1 }, "naa.2")).toThrow(refusal);
    expect(() => manager.configureAdmission({ odd: 1 })).toThrow(
      expect.objectContaining({ code: "POLICY_FAILED" }),
    );
    expect([late, inUse()]).toEqual([[], ["odd", "odd", "odd"]]);
    expect(kinds()).not.toContain("admission-configured");
  });

  it("at which one LUN's fails after its twin took them are in force for the others, and it is told", async () => {
    const known = new Set<string>();
    const { manager, inUse, events } = await host(({ team }) => {
      const first = !known.has(team);
      known.add(team);
      return new Choosy(first && team === "naa.2");
    });
    expect(() => manager.configureAdmission({ fine: 1 })).toThrow(
      expect.objectContaining({ code: "POLICY_FAILED" }),
    );
    expect(inUse()).toEqual(["odd", "disk-scheduler", "odd"]);
    const configured = events.filter(({ kind }) => kind === "admission-configured");
    expect(configured.map(({ subject }) => subject)).toEqual(["naa.1", "naa.3"]);
  });

  it("are those of its successor once it has been replaced, without those that were its own", async () => {
    const known = new Set<string>();
    const { manager, inUse } = await host(({ team }) => {
      const choosy = new Choosy(false);
      const first = !known.has(team);
      known.add(team);
      const throws = (): never => {
        throw new Error("broken");
      };
      return first && team === "naa.1"
        ? Object.assign(choosy, { removeEntry: throws, entry: throws })
        : choosy;
    });
    manager.configureAdmission({ fine: 1 }, "naa.3");
    expect(() => manager.configureAdmission({ fine: 1 }, "naa.1")).not.toThrow(); // Nobody has asked for an entry yet.
    manager.setEntry(1, "naa.1", { shares: 500 });
    manager.entry(1, "naa.1");
    expect(inUse()).toEqual(["disk-scheduler", "odd", "odd"]);
    manager.configureAdmission({ quantum: 4 }, "naa.1");
    manager.configureAdmission({ quantum: 5 }, "naa.1");
    expect(() => manager.configureAdmission({ quantum: -4 }, "naa.1")).toThrow(OptionError);
    expect(() => manager.configureAdmission({ fine: 1 }, "naa.1")).toThrow(
      expect.objectContaining({ code: "OPTION_UNKNOWN" }),
    );
  });
});

describe("the end", () => {
  it("comes for everything though a guarded policy throws in all that it does", async () => {
    let broken = false;
    const { manager, send, hbas, clock } = await host(() => {
      const queue = new Queue();
      const policy: Record<string, unknown> = { name: "odd" };
      for (const method of METHODS) {
        policy[method] = (...args: unknown[]) => {
          if (broken) throw new Error("broken");
          return (queue[method] as (...args: unknown[]) => unknown).apply(queue, args);
        };
      }
      Object.defineProperty(policy, "queuedCommands", {
        get: () => {
          if (broken) throw new Error("broken");
          return queue.queuedCommands;
        },
      });
      return policy as never;
    });
    const sent = [...send("db1", 7), ...send("db3", 8)];
    broken = true;
    const closing = manager.close(100);
    clock.advance(200);
    expect(await closing).toBe(false); // Writes are with the paths still.
    expect(hbas.map(({ closed }) => closed)).toEqual([true, true]);
    const ended = sent.filter(({ outcomes }) => outcomes.length === 1);
    expect(ended).toHaveLength(15 - 6); // Each LUN had room for three.
    expect(clock.pendingTimers).toBe(0);
  });

  it("comes for the other LUNs and the HBAs though a policy without a guard throws, and that is told", async () => {
    const late = { broken: false };
    class Bare extends Queue {
      override drain(visit: Parameters<Queue["drain"]>[0]): void {
        if (late.broken && this.name === "naa.1") throw new Error("broken");
        super.drain(visit);
      }
      override get queuedCommands(): number {
        if (late.broken && this.name === "naa.1") throw new Error("broken");
        return super.queuedCommands;
      }
      override next(nowMs: number) {
        if (late.broken && this.name === "naa.1") throw new Error("broken");
        return super.next(nowMs);
      }
    }
    const made = house({ queueDepth: 3 }, { createAdmissionPolicy: ({ team }) => new Bare(team) });
    for (const n of [1, 2]) {
      made.hbas[0].add(`vmhba0:0:${n}`, lunOf(`naa.${n}`));
      made.manager.addDisk({ name: `db${n}`, vm: n, extents: [{ lun: `naa.${n}` }] });
    }
    await made.manager.rescan();
    const sent = Array.from({ length: 8 }, (_, n) => request("write", n * 512, 512));
    for (const one of sent) made.disk("db2").submit(one.made);
    const closing = made.manager.close(100);
    late.broken = true;
    made.clock.advance(50); // What is thrown at this look must not come out of the timer.
    await expect(closing).rejects.toThrow("broken");
    expect(made.hbas.map(({ closed }) => closed)).toEqual([true, true]);
    expect(sent.flatMap(({ outcomes }) => outcomes)).toEqual(new Array(5).fill("no-path"));
  });
});
