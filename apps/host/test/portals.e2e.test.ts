import {
  Fairlead,
  figure,
  fio,
  NbdClient,
  peers,
  Scope,
  SOAK,
  seededBytes,
  seededIntegers,
  Tgtd,
  until,
  untilSessions,
} from "@fairlead/testing";
import { describe, expect, it, onTestFinished } from "vitest";

const MIB = 1024 * 1024;

const DATA_BYTES = (SOAK ? 1024 : 64) * MIB;
const FIO_SECONDS = SOAK ? 60 : 8;
const PASSES = SOAK ? 1 : 2;
const IN_FLIGHT = 4;
/** One step of so many has an outage. */
const OUTAGE_ODDS = SOAK ? 40 : 12;

/** Closes portals, ends connections and opens portals again; one portal at least stays open. */
class Outages {
  count = 0;
  readonly #closed: string[] = [];

  constructor(
    private readonly target: Tgtd,
    private readonly integer: (bound: number) => number,
  ) {}

  async next(): Promise<void> {
    this.count++;
    const { portals } = this.target;
    const kind = this.integer(3);
    const reopened = this.#closed[0];
    if (kind === 0 && portals.length > 1) {
      const portal = portals[this.integer(portals.length)] as string;
      await this.target.removePortal(portal);
      this.#closed.push(portal);
      await this.target.deleteConnections(() => this.integer(2) === 0);
    } else if (kind === 1 && reopened !== undefined) {
      await this.#reopen(reopened);
    } else {
      await this.target.deleteConnections(() => this.integer(2) === 0);
    }
  }

  async end(): Promise<void> {
    for (const portal of [...this.#closed]) await this.#reopen(portal);
  }

  async #reopen(portal: string): Promise<void> {
    this.#closed.splice(this.#closed.indexOf(portal), 1);
    await this.target.addPortal(portal);
  }
}

/** Calls `step` for 0 to `count` - 1, a few at a time, and `between` before each that the seed picks. */
async function inTurns(
  count: number,
  step: (index: number) => Promise<void>,
  between: (index: number) => Promise<void>,
): Promise<void> {
  const running = new Set<Promise<void>>();
  for (let index = 0; index < count; index++) {
    await between(index);
    const one = step(index).finally(() => running.delete(one));
    running.add(one);
    if (running.size >= IN_FLIGHT) await Promise.race(running);
  }
  await Promise.all(running);
}

async function survives(portals: readonly string[], seed: number): Promise<void> {
  const scope = new Scope();
  onTestFinished(() => scope.close());
  const directory = await scope.fastDirectory(DATA_BYTES + 64 * MIB);
  const target = await Tgtd.start(scope, {
    directory,
    portals,
    luns: [
      { number: 1, sizeBytes: DATA_BYTES },
      { number: 2, sizeBytes: 64 * MIB },
    ],
  });
  const host = await Fairlead.start(scope, {
    hbas: Object.fromEntries(
      portals.map((portal, index) => [`vmhba${index}`, { driver: "iscsi", portals: [portal] }]),
    ),
    luns: { strategy: [{ name: "round-robin" }] },
    vms: {
      copy: { disks: { root: { extents: [{ lun: target.lunId(1) }] } } },
      beside: { disks: { root: { extents: [{ lun: target.lunId(2) }] } } },
    },
  });
  await host.untilServed("copy-root");
  await host.untilServed("beside-root");
  await untilSessions(target, portals.length);

  const verified = fio(
    scope,
    [
      {
        uri: host.uri("beside-root"),
        rw: "randwrite",
        bs: "4k",
        iodepth: 8,
        size: "32m",
        seconds: FIO_SECONDS,
        verify: true,
      },
    ],
    FIO_SECONDS * 1000 + 60_000,
  );
  const client = await NbdClient.open(scope, host.nbdSocket, "copy-root");
  const integer = seededIntegers(seed);
  const outages = new Outages(target, integer);
  const outageNow = async () => {
    if (integer(OUTAGE_ODDS) === 0) await outages.next();
  };
  const chunks = DATA_BYTES / MIB;
  for (let pass = 0; pass < PASSES; pass++) {
    const chunk = (index: number) => seededBytes(seed * 1e6 + pass * 1e4 + index, MIB);
    await inTurns(chunks, (index) => client.write(index * MIB, chunk(index)), outageNow);
    await client.flush();
    const compare = async (index: number) => {
      const read = await client.read(index * MIB, MIB);
      if (!read.equals(chunk(index)))
        throw new Error(`pass ${pass}: MiB ${index} differs from what was written`);
    };
    await inTurns(chunks, compare, outageNow);
  }
  expect(outages.count).toBeGreaterThan(5);
  const [beside] = await verified;
  expect(beside).toMatchObject({ error: 0, failedCommands: 0 });
  expect(beside?.write.commands).toBeGreaterThan(100);

  await outages.end();
  await untilSessions(target, portals.length, 40_000);
  await until("every session carries I/O", async () => {
    const before = await target.statisticsBySession(1);
    await Promise.all(
      Array.from({ length: 4 * portals.length }, (_, index) => client.read(index * 4096, 4096)),
    );
    const after = await target.statisticsBySession(1);
    const used = [...after].filter(
      ([id, { readCommands }]) => readCommands > (before.get(id)?.readCommands ?? 0),
    );
    return used.length === portals.length;
  });
  const copied = `${(PASSES * DATA_BYTES) / MIB} MiB in and out, ${outages.count} outages, 0 errors, 0 differences`;
  figure(`${portals.length} portals that come and go`, copied);
}

describe.skipIf(!peers("tgtd", "tgtadm", "fio", "nbdinfo"))("portals and connections come and go", () => {
  it(
    "two portals: what is read is what was written, no error, both in use at the end",
    { timeout: 900_000 },
    () => survives(["127.0.0.1:13610", "127.0.0.2:13610"], 1),
  );

  it(
    "four portals: what is read is what was written, no error, all in use at the end",
    { timeout: 900_000 },
    () => survives(["127.0.0.1:13611", "127.0.0.2:13611", "127.0.0.3:13611", "127.0.0.4:13611"], 2),
  );
});
