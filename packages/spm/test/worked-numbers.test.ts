import type { EntrySettings, VirtualDisk, VmId } from "@fairlead/core";
import type { ScriptedAdapter } from "@fairlead/testing";
import { describe, expect, it } from "vitest";
import { house, lunOf, MIB, request } from "./house.js";

const DB: VmId = 1;
const WEB: VmId = 2;
const COMMAND_BYTES = 4096;
const DISK_BYTES = 32 * MIB;

/** One VM's requests on one disk. */
class Client {
  sent = 0;
  good = 0;
  #always = false;
  #nextBytes = 0;

  constructor(
    readonly disk: VirtualDisk,
    readonly sequential: boolean,
  ) {}

  send(): void {
    const stepBytes = this.sequential ? 0 : 3 * MIB;
    const { made } = request("read", this.#nextBytes, COMMAND_BYTES);
    this.#nextBytes = (this.#nextBytes + COMMAND_BYTES + stepBytes) % DISK_BYTES;
    made.complete = (_, outcome) => {
      if (outcome === "good") this.good++;
      if (this.#always) this.send();
    };
    this.sent++;
    this.disk.submit(made);
  }

  /** From now on so many requests are always on their way; 0: what is on its way ends. */
  keep(requests: number): void {
    this.#always = requests > 0;
    for (let count = 0; count < requests; count++) this.send();
  }
}

interface San {
  /** Names of the paths. */
  readonly paths: readonly string[];
  readonly queueDepth: number;
  readonly sequential?: boolean;
  readonly db: EntrySettings;
  readonly web: EntrySettings;
}

/** A LUN of 1000 commands a second, of which each path carries its part, with the disks of two VMs. */
async function san({ paths, queueDepth, sequential = false, db, web }: San) {
  const { hbas, manager, clock, disk } = house({ queueDepth });
  const adapters = paths.map((name) => hbas[name.startsWith("vmhba0") ? 0 : 1].add(name, lunOf("naa.1")));
  manager.addDisk({ name: "db", vm: DB, extents: [{ lun: "naa.1", lengthBytes: DISK_BYTES }] });
  manager.addDisk({ name: "web", vm: WEB, extents: [{ lun: "naa.1", startBytes: DISK_BYTES }] });
  await manager.rescan();
  manager.setEntry(DB, "naa.1", db);
  manager.setEntry(WEB, "naa.1", web);
  const clients = { db: new Client(disk("db"), sequential), web: new Client(disk("web"), sequential) };
  /** VMs in the order in which their commands ended. */
  const ended: VmId[] = [];
  let nowMs = 0;

  function run(durationMs: number, each: (nowMs: number) => void = () => {}): void {
    for (const endMs = nowMs + durationMs; nowMs < endMs; nowMs++) {
      each(nowMs);
      clock.advance(1);
      const [adapter] = adapters.slice(nowMs % adapters.length);
      const [command] = adapter?.pending ?? [];
      if (adapter === undefined || command === undefined) continue;
      ended.push(command.vm);
      adapter.complete(command);
    }
  }

  /** Whether the next request of `web` is with a path at once. */
  function routed(): boolean {
    const atPaths = () => adapters.flatMap(({ pending }) => pending).filter(({ vm }) => vm === WEB).length;
    const before = atPaths();
    clients.web.send();
    return atPaths() > before;
  }

  const state = (vm: VmId) => manager.entry(vm, "naa.1")?.state;
  const consumed = (vm: VmId) => manager.entry(vm, "naa.1")?.consumedUnits ?? 0;
  return { ...clients, adapters, manager, ended, run, routed, state, consumed };
}

const TWO_PATHS = ["vmhba0:0:2", "vmhba1:0:3"];
// Those of an HBA share its bandwidth.
const FOUR_PATHS = ["vmhba0:0:2", "vmhba1:0:3", "vmhba0:1:2", "vmhba1:1:3"];

function failHba(adapters: readonly ScriptedAdapter[], name: string): void {
  for (const adapter of adapters) if (adapter.id.startsWith(name)) adapter.fail();
}

function restoreAll(adapters: readonly ScriptedAdapter[]): void {
  for (const adapter of adapters) if (!adapter.up) adapter.restore();
}

/** `web` is entitled to 20 %, and has used `part` of the LUN beside `db`, which takes all the rest. */
async function webHasUsed(
  part: number,
  paths: readonly string[],
  priorities: readonly [number, number] = [8, 2],
) {
  const made = await san({
    paths,
    // Half of it is room enough for both, so that room decides nothing.
    queueDepth: 128,
    db: { shares: 4000, priority: priorities[0] },
    web: { shares: 1000, priority: priorities[1] },
  });
  made.db.keep(40);
  let due = 0;
  made.run(4000, () => {
    for (due += part; due >= 1; due--) made.web.send();
  });
  expect(made.consumed(WEB) / (made.consumed(WEB) + made.consumed(DB))).toBeCloseTo(part, 2);
  expect(made.routed()).toBe(true);
  return made;
}

describe("a VM with 20 % of two equal paths, of which one fails [0110]", () => {
  it("had used 15 %: that is 30 % now, so that its next request is queued, which was routed before", async () => {
    const { adapters, routed, state, manager } = await webHasUsed(0.15, TWO_PATHS);
    adapters[0]?.fail();
    expect(routed()).toBe(false);
    expect(state(WEB)).toBe("deferred");
    expect(manager.luns()).toMatchObject([{ queuedCommands: 1 }]);
  });

  it.each([
    [0.15, false],
    [0.12, false],
    [0.08, true],
  ])(
    "had used %d, over two HBAs with two paths each: its next request is routed: %s",
    async (part, expected) => {
      const { adapters, routed } = await webHasUsed(part, FOUR_PATHS);
      failHba(adapters, "vmhba0");
      // Two paths are left, so that nothing but the use decides.
      expect(routed()).toBe(expected);
    },
  );

  it("loses a path that is not independent of the others: the bandwidth is what it was", async () => {
    const { adapters, routed } = await webHasUsed(0.17, FOUR_PATHS);
    adapters[0]?.fail();
    // Of three quarters it would be 23 %.
    expect(routed()).toBe(true);
  });

  it("is not deferred for a VM with no higher priority", async () => {
    const { adapters, routed } = await webHasUsed(0.15, FOUR_PATHS, [5, 5]);
    failHba(adapters, "vmhba0");
    expect(routed()).toBe(true);
  });

  it("loses nothing: what was queued goes, once, as soon as the path is back [0112]", async () => {
    const { adapters, routed, run, web, db, state } = await webHasUsed(0.15, FOUR_PATHS);
    failHba(adapters, "vmhba0");
    for (let count = 0; count < 20; count++) expect(routed()).toBe(false);
    run(200);
    expect(state(WEB)).toBe("deferred");
    restoreAll(adapters);
    expect(state(WEB)).toBe("idle");
    db.keep(0);
    run(500);
    expect([web.good, db.good]).toEqual([web.sent, db.sent]);
  });
});

describe("route or queue, with one path left [0109]", () => {
  async function onePath(dbRequests: number, priorities: readonly [number, number] = [8, 2]) {
    const made = await san({
      paths: TWO_PATHS,
      queueDepth: 64,
      db: { priority: priorities[0] },
      web: { priority: priorities[1] },
    });
    made.adapters[0]?.fail();
    made.db.keep(dbRequests);
    made.run(100);
    return made;
  }

  it("queues where it has a backlog and a VM with a higher priority uses it", async () => {
    const { routed, state } = await onePath(12);
    expect(routed()).toBe(false);
    expect([state(DB), state(WEB)]).toEqual(["idle", "deferred"]);
  });

  it.each([6, 16, 64])(
    "keeps a VM of higher priority at what it asks for where there was room for %d commands",
    async (queueDepth) => {
      const { adapters, db, web, run, ended } = await san({
        paths: TWO_PATHS,
        queueDepth,
        db: { priority: 8 },
        web: { priority: 2 },
      });
      for (const adapter of adapters.slice(1)) adapter.fail();
      db.keep(32);
      web.keep(32);
      run(2000);
      ended.length = 0;
      run(20_000);
      expect(ended.length).toBeGreaterThan(1000);
      expect(ended.filter((vm) => vm === WEB).length / ended.length).toBeLessThanOrEqual(0.02);
    },
  );

  it("routes at once where it has no backlog", async () => {
    const { routed } = await onePath(7);
    expect(routed()).toBe(true);
  });

  it.each([
    [5, 5],
    [2, 8],
  ])("routes at once where the other VM has no higher priority: %d, its own being %d", async (db, web) => {
    const { routed } = await onePath(12, [db, web]);
    expect(routed()).toBe(true);
  });

  it("routes what was queued as the backlog goes down, and at once when the other VM is no longer active", async () => {
    const { routed, run, db, web, state } = await onePath(12);
    expect(routed()).toBe(false);
    db.keep(0);
    // The one path carries a command every 2 ms: 8 of 12 are left.
    run(8);
    expect(state(WEB)).toBe("deferred");
    run(2);
    expect(state(WEB)).toBe("idle");
    run(1100);
    expect(web.good).toBe(1);
    for (let count = 0; count < 12; count++) expect(routed()).toBe(true);
  });

  it("routes at once as soon as the other path has no backlog either", async () => {
    const { adapters, routed } = await onePath(12);
    expect(routed()).toBe(false);
    restoreAll(adapters);
    expect(routed()).toBe(true);
  });
});

describe("the quantum, in a shortage [0111]", () => {
  /** How many commands of `web` went in a row, at most, while both VMs always have more. */
  function longestRun(order: readonly VmId[]): number {
    let longest = 0;
    let length = 0;
    for (const vm of order) {
      length = vm === WEB ? length + 1 : 0;
      longest = Math.max(longest, length);
    }
    return longest;
  }

  // `db` goes by its turn alone, so that each run of `web` is its quantum's.
  const cases: [reason: string, db: EntrySettings, web: EntrySettings, before: number, after: number][] = [
    ["a higher priority", { priority: 8 }, { priority: 2 }, 8, 1],
    ["a guarantee", { guarantee: { commandsPerSecond: 1 } }, {}, 8, 1],
    ["nothing before the other", {}, {}, 8, 8],
    ["a lower priority", { priority: 2 }, { priority: 8 }, 8, 8],
  ];

  it.each(cases)("of a VM beside one with %s", async (_, db, web, before, after) => {
    const { adapters, run, ended, ...vms } = await san({
      paths: TWO_PATHS,
      queueDepth: 2,
      sequential: true,
      db: { quantum: 1, ...db },
      web,
    });
    vms.db.keep(20);
    vms.web.keep(20);
    run(4000);
    expect(longestRun(ended.splice(0))).toBe(before);
    adapters[0]?.fail();
    run(40);
    ended.length = 0;
    run(400);
    expect(longestRun(ended)).toBe(after);
  });

  it("of a VM beyond its allocation is served to its end, and after the failure no longer", async () => {
    const { adapters, run, ended, db, web } = await san({
      paths: TWO_PATHS,
      queueDepth: 2,
      sequential: true,
      db: { priority: 8 },
      web: { priority: 2 },
    });
    /** How many commands of `web` end before one of `db` does, at most, while `db` sends one from time to time. */
    const longestWait = (): number => {
      let longest = 0;
      for (let count = 0; count < 40; count++) {
        const { good } = db;
        const place = ended.length;
        db.send();
        while (db.good === good) run(1);
        longest = Math.max(longest, ended.length - place - 1);
        run(31);
      }
      return longest;
    };
    web.keep(20);
    run(2000);
    // Two are with the paths already.
    expect(longestWait()).toBeGreaterThanOrEqual(6);
    adapters[0]?.fail();
    expect(longestWait()).toBeLessThanOrEqual(2);
  });
});
