import assert from "node:assert/strict";
import { assertBytes, type HbaBench, type HbaFixture, type HbaLaw } from "./hba-bench.js";
import { failureLaws, sessionLaws } from "./hba-failures.js";
import { newCommand, PathClient, pattern } from "./path-client.js";
import type { SuiteRunner } from "./runner.js";

export interface HbaSuiteOptions {
  /** Whether the fixture can break and restore paths; without it the laws of failure are left out. @default true */
  failures?: boolean;
  /** How long the driver may take for a command, a notice or a fence. ms. @default 20000 */
  waitMs?: number;
}

/** Laws that every HBA driver keeps. `create` sets up a fresh HBA and what it talks to, for each law. */
export function hbaSuite(
  runner: SuiteRunner,
  create: () => Promise<HbaFixture>,
  options: HbaSuiteOptions = {},
): void {
  const { failures = true, waitMs = 20_000 } = options;
  const { describe } = runner;

  function law(name: string, body: (bench: HbaBench) => Promise<void>): void {
    const run = async () => {
      const fixture = await create();
      try {
        const { paths } = await fixture.hba.scan(fixture.range);
        const path = paths.find(({ lun }) => !lun.readOnly);
        assert.ok(path !== undefined, "the scan found no path to a writable LUN");
        const client = new PathClient(path.adapter, waitMs);
        await body({ fixture, paths, path, client });
        await client.verify();
      } finally {
        await fixture.hba.close();
        await fixture.cleanup();
      }
    };
    runner.it(name, run, 4 * waitMs);
  }

  describe("HBA driver", () => {
    discoveryLaws(law);
    dataLaws(law);
    commandLaws(law);
    sessionLaws(law);
    if (failures) failureLaws(law);
  });
}

function discoveryLaws(law: HbaLaw): void {
  law("finds paths with names of their own and LUNs that say what they are", async ({ fixture, paths }) => {
    assert.equal(new Set(paths.map(({ adapter }) => adapter.id)).size, paths.length, "path ids are unique");
    for (const { adapter, lun } of paths) {
      const [hbaName, device, number] = splitId(adapter.id);
      assert.equal(hbaName, fixture.hba.name, `${adapter.id} begins with the HBA's name`);
      assert.equal(adapter.session.id, `${hbaName}:${device}`, `session of ${adapter.id}`);
      assert.ok(
        number >= fixture.range.first && number <= fixture.range.last,
        `${adapter.id} is within the range`,
      );
      assert.equal(adapter.up, true, `${adapter.id} is up after a scan that found it`);
      assert.ok(adapter.components.length > 0, `${adapter.id} names the parts that it needs`);
      assert.ok(lun.id.length > 0 && lun.ids.includes(lun.id), `${adapter.id}: ${lun.id} is among its ids`);
      assert.ok(lun.blockSizeBytes >= 512 && Number.isInteger(Math.log2(lun.blockSizeBytes)), "block size");
      assert.ok(
        lun.capacityBytes > 0 && lun.capacityBytes % lun.blockSizeBytes === 0,
        "capacity in whole blocks",
      );
      assert.ok(lun.maxTransferBytes >= lun.blockSizeBytes, "a block fits into a transfer");
      assert.equal(lun.maxTransferBytes % lun.blockSizeBytes, 0, "transfers in whole blocks");
    }
  });

  law("gives the same adapter for the same path at each scan", async ({ fixture, paths }) => {
    const again = await fixture.hba.scan(fixture.range);
    assert.equal(again.paths.length, paths.length);
    for (const { adapter } of paths) {
      const found = again.paths.find((other) => other.adapter.id === adapter.id);
      assert.equal(found?.adapter, adapter, `${adapter.id} is another object`);
    }
  });

  law("scans no LUN outside the range", async ({ fixture, path }) => {
    const [, , number] = splitId(path.adapter.id);
    const { paths } = await fixture.hba.scan({ first: number, last: number });
    assert.ok(paths.length > 0);
    for (const { adapter } of paths) assert.equal(splitId(adapter.id)[2], number, adapter.id);
  });
}

function dataLaws(law: HbaLaw): void {
  law(
    "reads back what was written, from one block to the longest transfer, and touches nothing beside it",
    async (bench) => {
      const { client } = bench;
      const { blockSizeBytes, capacityBytes, maxTransferBytes } = bench.path.lun;
      const longest = Math.min(maxTransferBytes, capacityBytes - 2 * blockSizeBytes);
      const blocks = [1, 2, 7, 33, Math.floor(longest / blockSizeBytes)];
      const frame = pattern(blockSizeBytes, 99);
      for (const [seed, count] of blocks.entries()) {
        const lengthBytes = Math.min(count * blockSizeBytes, longest);
        const offsetBytes =
          blockSizeBytes *
          (seed % 3 === 0 ? 1 : capacityBytes / blockSizeBytes - lengthBytes / blockSizeBytes - 1);
        const data = pattern(lengthBytes, seed);
        await client.write(offsetBytes - blockSizeBytes, frame);
        await client.write(offsetBytes + lengthBytes, frame);
        await client.write(offsetBytes, data);
        assertBytes(await client.read(offsetBytes, lengthBytes), data, offsetBytes);
        assertBytes(
          await client.read(offsetBytes - blockSizeBytes, blockSizeBytes),
          frame,
          offsetBytes - blockSizeBytes,
        );
        assertBytes(
          await client.read(offsetBytes + lengthBytes, blockSizeBytes),
          frame,
          offsetBytes + lengthBytes,
        );
      }
    },
  );

  law("shows one LUN over all of its paths", async ({ paths, path, client }) => {
    const data = pattern(path.lun.blockSizeBytes * 3, 5);
    await client.write(0, data);
    for (const other of paths) {
      if (other.lun.id !== path.lun.id || other.adapter === path.adapter) continue;
      const otherClient = new PathClient(other.adapter, client.waitMs);
      assertBytes(await otherClient.read(0, data.length), data, 0);
      await otherClient.verify();
    }
  });

  law("flushes, and writes through where the LUN can", async ({ path, client }) => {
    const data = pattern(path.lun.blockSizeBytes, 6);
    await client.write(0, data, path.lun.fua);
    assert.equal(await client.run("flush", 0, new Uint8Array(0)), "good", "flush");
    assertBytes(await client.read(0, data.length), data, 0);
  });
}

function commandLaws(law: HbaLaw): void {
  law("completes each of many commands once and never from within submit", async ({ path, client }) => {
    const { blockSizeBytes, capacityBytes } = path.lun;
    const blocks = Math.min(128, Math.floor(capacityBytes / blockSizeBytes));
    const all = Array.from({ length: blocks }, (_, block) => block);
    const writes = all.map((block) =>
      client.submit(newCommand("write", block * blockSizeBytes, pattern(blockSizeBytes, block))),
    );
    for (const outcome of await client.within(Promise.all(writes), `${blocks} writes`))
      assert.equal(outcome, "good");
    const commands = all.map((block) =>
      newCommand("read", block * blockSizeBytes, new Uint8Array(blockSizeBytes)),
    );
    const reads = commands.map((command) => client.submit(command));
    for (const outcome of await client.within(Promise.all(reads), `${blocks} reads`))
      assert.equal(outcome, "good");
    for (const [block, command] of commands.entries()) {
      assertBytes(command.data, pattern(blockSizeBytes, block), command.offsetBytes);
    }
    assert.equal(client.pendingCommands, 0);
  });

  law("takes a command object again, and the next one from within a completion", async ({ path, client }) => {
    const command = newCommand("read", 0, new Uint8Array(path.lun.blockSizeBytes));
    const turns = new Promise<number>((resolve) => {
      let count = 0;
      const faults = client.faults;
      path.adapter.listener = {
        completed(completed, outcome) {
          if (completed !== command || outcome !== "good") faults.push(`turn ${count} ended as ${outcome}`);
          if (++count === 50) resolve(count);
          else path.adapter.submit(command);
        },
        notice: (notice) => client.notice(notice),
      };
      path.adapter.submit(command);
    });
    assert.equal(await client.within(turns, "50 turns"), 50);
    path.adapter.listener = client;
  });

  law("calls a range outside the LUN invalid and keeps the path", async ({ path, client }) => {
    const { blockSizeBytes, capacityBytes } = path.lun;
    const two = new Uint8Array(2 * blockSizeBytes);
    for (const offsetBytes of [capacityBytes, capacityBytes - blockSizeBytes]) {
      for (const op of ["read", "write"] as const) {
        assert.equal(
          await client.run(op, offsetBytes, two),
          "invalid",
          `${op} at ${offsetBytes} of ${capacityBytes}`,
        );
      }
    }
    assert.equal(path.adapter.up, true);
    assert.deepEqual(client.notices, []);
    await client.read(0, blockSizeBytes);
  });
}

function splitId(id: string): [hba: string, device: string, lun: number] {
  const parts = /^([^:]+):(\d+):(\d+)$/.exec(id);
  assert.ok(parts !== null, `${id} is not HBA:device:LUN`);
  return [parts[1] ?? "", parts[2] ?? "", Number(parts[3])];
}
