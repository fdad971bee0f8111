import { open } from "node:fs/promises";
import { type Clock, Command, type PathAdapter, type Session } from "@fairlead/core";
import { createIscsiDriver } from "@fairlead/driver-iscsi";
import { PathTeam } from "@fairlead/multipath";
import { roundRobin } from "@fairlead/strategy-round-robin";
import {
  Fairlead,
  figure,
  NbdClient,
  PortalProxy,
  peers,
  San,
  Scope,
  SOAK,
  seededBytes,
  staysTrue,
  Tgtd,
  until,
  untilSessions,
} from "@fairlead/testing";
import { describe, expect, it, onTestFinished } from "vitest";

const MIB = 1024 * 1024;
const SLOW = "127.0.0.1:13640";
const DIRECT = "127.0.0.2:13641";
const PORTALS = ["127.0.0.1:13641", DIRECT];
const REPEATS = SOAK ? 50 : 1;
const BLOCK_BYTES = 4096;
/** How long the medium is watched for the old data after the relay let go. */
const WATCHED_MS = 500;

interface Setup {
  readonly target: Tgtd;
  readonly relay: PortalProxy;
  readonly write: (offset: number, data: Buffer) => Promise<void>;
}

async function setUp(scope: Scope): Promise<Omit<Setup, "write">> {
  const target = await Tgtd.start(scope, { portals: PORTALS, luns: [{ number: 1, sizeBytes: 16 * MIB }] });
  const relay = await PortalProxy.start(scope, SLOW, PORTALS[0] as string);
  return { target, relay };
}

/** The host over two paths, one of them through a relay. */
async function startHost(scope: Scope, target: Tgtd): Promise<Fairlead> {
  const host = await Fairlead.start(scope, {
    hbas: {
      vmhba0: { driver: "iscsi", portals: [SLOW] },
      vmhba1: { driver: "iscsi", portals: [DIRECT] },
    },
    luns: { strategy: [{ name: "round-robin" }] },
    vms: { db: { disks: { root: { extents: [{ lun: target.lunId(1) }] } } } },
  });
  await host.untilServed("db-root");
  await untilSessions(target, 2);
  return host;
}

async function throughHost(scope: Scope): Promise<Setup> {
  const { target, relay } = await setUp(scope);
  const host = await startHost(scope, target);
  const client = await NbdClient.open(scope, host.nbdSocket, "db-root");
  return { target, relay, write: (offset, data) => client.write(offset, data) };
}

const clock: Clock = {
  now: () => performance.now(),
  schedule(callback, delayMs) {
    const timer = setTimeout(callback, delayMs);
    return { cancel: () => clearTimeout(timer) };
  },
};

/** A path that claims a fence at once and has none. */
class Unfenced implements PathAdapter {
  readonly session: Session;

  constructor(private readonly adapter: PathAdapter) {
    this.session = { id: adapter.session.id, fence: (done) => void setImmediate(() => done("fenced")) };
  }

  get id() {
    return this.adapter.id;
  }
  get components() {
    return this.adapter.components;
  }
  get up() {
    return this.adapter.up;
  }
  get listener() {
    return this.adapter.listener;
  }
  set listener(listener) {
    this.adapter.listener = listener;
  }
  submit(command: Command): void {
    this.adapter.submit(command);
  }
  resetLun(done: (succeeded: boolean) => void): void {
    setImmediate(() => done(true));
  }
}

/** The same two paths wired by hand, so that the test can take the fence out. */
async function throughTeam(scope: Scope, wrap: (adapter: PathAdapter) => PathAdapter): Promise<Setup> {
  const { target, relay } = await setUp(scope);
  const ended = new Map<Command, () => void>();
  const waiting: Command[] = [];
  const send = () => {
    while (waiting[0] !== undefined && team.submit(waiting[0])) waiting.shift();
  };
  const team: PathTeam = new PathTeam({
    name: target.lunId(1),
    clock,
    strategies: [roundRobin()],
    onCompleted(command, outcome) {
      expect(outcome).toBe("good");
      ended.get(command)?.();
    },
    onChanged: send,
    onEvent: () => {},
  });
  scope.defer(() => team.close());
  const driver = createIscsiDriver({ clock, initiatorName: "iqn.2026-11.test.fairlead:late" });
  for (const [index, portal] of [SLOW, DIRECT].entries()) {
    const hba = driver.hba({ name: `vmhba${index}`, portals: [portal] });
    scope.defer(() => hba.close());
    const { paths } = await hba.scan({ first: 1, last: 1 });
    for (const { adapter } of paths) team.add(wrap(adapter));
  }
  const write = (offset: number, data: Buffer) =>
    new Promise<void>((resolve) => {
      const command = new Command();
      command.op = "write";
      command.offsetBytes = offset;
      command.lengthBytes = data.length;
      command.data = data;
      ended.set(command, resolve);
      waiting.push(command);
      send();
    });
  return { target, relay, write };
}

/** Reads the backing file, past everything that could hide what the target did. */
async function onMedium(target: Tgtd, offset: number): Promise<Buffer> {
  const file = await open(target.fileOf(1));
  try {
    const block = Buffer.alloc(BLOCK_BYTES);
    await file.read(block, 0, BLOCK_BYTES, offset);
    return block;
  } finally {
    await file.close();
  }
}

/**
 * Holds a write in the relay until it was repeated over the other path and overwritten by a newer one, then lets
 * the old bytes go. Returns what the medium holds in the end.
 */
async function afterLateDelivery(
  { target, relay, write }: Setup,
  existingOnly: boolean,
): Promise<"newer" | "older"> {
  relay.hold({ direction: "to-target", existingOnly });
  const older = seededBytes(1, BLOCK_BYTES);
  // Round-robin gives one of two to the relay.
  const ends = [0, 1].map((index) => {
    const offset = index * MIB;
    const end = { offset, done: false, written: write(offset, older) };
    void end.written.then(() => {
      end.done = true;
    });
    return end;
  });
  await until("a write in the relay", () => relay.heldBytes("to-target") >= BLOCK_BYTES);
  await until("the other write", () => ends.some((end) => end.done));
  const held = ends.find((end) => !end.done);
  if (held === undefined) throw new Error("no write was held");
  await held.written;
  const newer = seededBytes(2, BLOCK_BYTES);
  await write(held.offset, newer);
  relay.release();
  await until("late delivery", () => relay.heldBytes("to-target") === 0);
  const stays = await staysTrue(async () => (await onMedium(target, held.offset)).equals(newer), WATCHED_MS);
  return stays ? "newer" : "older";
}

describe.skipIf(!peers("tgtd", "tgtadm", "nbdinfo"))("a write that arrives late", () => {
  for (const existingOnly of [false, true]) {
    const network = existingOnly ? "one flow is stuck" : "the portal answers nothing";
    it(`does not undo a newer one where ${network}`, { timeout: REPEATS * 60_000 }, async () => {
      for (let repeat = 0; repeat < REPEATS; repeat++) {
        const scope = new Scope();
        onTestFinished(() => scope.close());
        expect(await afterLateDelivery(await throughHost(scope), existingOnly)).toBe("newer");
        await scope.close();
      }
      figure(`late deliveries that undid newer data, ${network}`, `0 of ${REPEATS}`);
    });
  }

  it("does not undo a newer one where the host that sent it was killed", { timeout: 60_000 }, async () => {
    const scope = new Scope();
    onTestFinished(() => scope.close());
    const { target, relay } = await setUp(scope);
    const host = await startHost(scope, target);
    const client = await NbdClient.open(scope, host.nbdSocket, "db-root");
    relay.hold({ direction: "to-target", existingOnly: true });
    const older = seededBytes(1, BLOCK_BYTES);
    const offsets = [0, MIB];
    const lost = offsets.map((offset) => client.write(offset, older).catch(() => {}));
    await until("a write in the relay", () => relay.heldBytes("to-target") >= BLOCK_BYTES);
    await host.process.kill();
    await Promise.all(lost);

    await host.launch();
    await host.untilServed("db-root");
    const again = await NbdClient.open(scope, host.nbdSocket, "db-root");
    const newer = seededBytes(2, BLOCK_BYTES);
    for (const offset of offsets) await again.write(offset, newer);
    relay.release();
    await until("late delivery", () => relay.heldBytes("to-target") === 0);
    const stays = async () => {
      const blocks = await Promise.all(offsets.map((offset) => onMedium(target, offset)));
      return blocks.every((block) => block.equals(newer));
    };
    expect(await staysTrue(stays, WATCHED_MS)).toBe(true);
  });

  for (const fenced of [true, false]) {
    it(`${fenced ? "does not with" : "does without"} the fence, wired by hand`, {
      timeout: 60_000,
    }, async () => {
      const scope = new Scope();
      onTestFinished(() => scope.close());
      const setup = await throughTeam(scope, (adapter) => (fenced ? adapter : new Unfenced(adapter)));
      expect(await afterLateDelivery(setup, false)).toBe(fenced ? "newer" : "older");
    });
  }
});

describe.skipIf(!peers("nbdinfo"))("a write that the medium has begun when its session is reinstated", () => {
  it("is waited for: the LUN RESET comes before the repeat", { timeout: 60_000 }, async () => {
    const scope = new Scope();
    onTestFinished(() => scope.close());
    const [stalled, other] = ["127.0.0.1:13642", "127.0.0.2:13642"];
    const san = await San.start(scope, ["--portal-group", `1=${stalled},${other}`, "--lun", "1=16MiB"]);
    const host = await Fairlead.start(scope, {
      hbas: {
        vmhba0: { driver: "iscsi", portals: [stalled] },
        vmhba1: { driver: "iscsi", portals: [other] },
      },
      vms: { db: { disks: { root: { extents: [{ lun: "vmhba0:0:1" }] } } } },
    });
    await host.untilServed("db-root");
    const client = await NbdClient.open(scope, host.nbdSocket, "db-root");
    // As tgtd does: the login that ends a session is answered while a write of it still stands in the medium.
    await san.command({ fault: "reinstate-early" });
    await san.command({ lun: 1, fault: "hold", count: 1 });
    await host.cli("path", "disable", "vmhba1:0:1");
    let done = false;
    const older = client.write(0, seededBytes(1, BLOCK_BYTES)).then(() => {
      done = true;
    });
    await until("a write in the medium", async () => {
      const counters = (await san.command({ query: "counters" })) as { writes: number }[];
      return counters.some(({ writes }) => writes === 1);
    });
    await san.command({ portal: stalled, fault: "stall" });
    await host.cli("path", "enable", "vmhba1:0:1");
    await until(
      "the fence",
      async () => (await host.cli("events")).stdout.includes("session-fenced"),
      20_000,
    );
    expect(await staysTrue(() => !done, WATCHED_MS)).toBe(true);
    expect(await san.command({ lun: 1, fault: "release" })).toBe(1);
    await older;
    const newer = seededBytes(2, BLOCK_BYTES);
    await client.write(0, newer);
    expect((await client.read(0, BLOCK_BYTES)).equals(newer)).toBe(true);
  });
});
