import assert from "node:assert/strict";
import { setTimeout as delay, setImmediate as nextTurn } from "node:timers/promises";
import { within } from "./deadline.js";
import {
  assertArrived,
  FROM_AFAR,
  frameOf,
  type NicBench,
  type NicFixture,
  type NicLaw,
} from "./nic-bench.js";
import { NicClient } from "./nic-client.js";
import { receivingLaws, sendingLaws } from "./nic-frames.js";
import type { SuiteRunner } from "./runner.js";
import { BROADCAST, GUEST, HEADER_BYTES, numberOf } from "./test-frames.js";

export interface NicSuiteOptions {
  /** Whether the fixture can pull the cable and plug it in; without it the laws of failure are left out. @default true */
  failures?: boolean;
  /** Whether the far end can hold frames back; without it the law about that is left out. @default true */
  backpressure?: boolean;
  /** How long the driver may take for a frame or a notice. ms. @default 20000 */
  waitMs?: number;
}

// More pending than any ring or socket buffer holds.
const PENDING_FRAMES_MAX = 1 << 16;
// More than lies between the NIC and somebody who does not read.
const HELD_FRAMES_MAX = 1 << 14;

/** Laws that every NIC driver keeps. `create` sets up a fresh NIC and the far end of its cable, for each law. */
export function nicSuite(
  runner: SuiteRunner,
  create: () => Promise<NicFixture>,
  options: NicSuiteOptions = {},
): void {
  const { failures = true, backpressure = true, waitMs = 20_000 } = options;

  function law(name: string, body: (bench: NicBench) => Promise<void>): void {
    const run = async () => {
      const fixture = await create();
      const { nic, far } = fixture;
      try {
        const client = new NicClient(nic, waitMs);
        const atFarEnd: Uint8Array[] = [];
        far.onFrame = (bytes) => {
          if (numberOf(bytes) !== -1) atFarEnd.push(bytes.slice());
          client.changed.notify();
        };
        await body({ fixture, nic, far, client, atFarEnd });
        // One more frame, during which a second report would show.
        if (nic.up) await client.send([frameOf(nic, 9_999_999, 60)]);
        assert.deepEqual(client.faults, []);
      } finally {
        await within(nic.close(), waitMs, `end of close on ${nic.id}`);
        await fixture.cleanup();
      }
    };
    runner.it(name, run, 4 * waitMs);
  }

  runner.describe("NIC driver", () => {
    sendingLaws(law);
    receivingLaws(law);
    queueLaws(law);
    if (backpressure) backpressureLaw(law);
    if (failures) failureLaws(law);
    closingLaws(law);
  });
}

function queueLaws(law: NicLaw): void {
  law("takes a bounded number of frames before it has reported any, and more once it has", async (bench) => {
    const { nic, client } = bench;
    const bytes = frameOf(nic, 5, 60);
    let taken = 0;
    while (taken < PENDING_FRAMES_MAX && client.transmit(bytes)) taken++;
    assert.ok(taken > 0, "refused the first frame");
    assert.ok(taken < PENDING_FRAMES_MAX, `took ${taken} frames without a report`);
    await client.until(() => client.pendingFrames === 0, `reports of ${taken} frames`);
    assert.equal(client.transmit(bytes), true, "refused a frame with nothing pending");
  });
}

function backpressureLaw(law: NicLaw): void {
  law(
    "comes to refuse frames while the far end takes none, and loses none of those it took",
    async (bench) => {
      const { nic, far, client, atFarEnd } = bench;
      assert.ok(
        far.hold && far.release,
        "pass { backpressure: false } where the far end can't hold frames back",
      );
      await far.hold();
      const frames: Uint8Array[] = [];
      while (frames.length < HELD_FRAMES_MAX) {
        const bytes = frameOf(nic, frames.length, nic.mtuBytes + HEADER_BYTES);
        if (client.transmit(bytes)) {
          frames.push(bytes);
          if (frames.length % 32 === 0) await nextTurn();
          continue;
        }
        // Full for now, or for good?
        const before = client.pendingFrames;
        await delay(20);
        if (client.pendingFrames === before) break;
      }
      assert.ok(frames.length < HELD_FRAMES_MAX, `took ${frames.length} frames that nobody reads`);
      await far.release();
      await client.until(() => atFarEnd.length >= frames.length, `arrival of ${frames.length} frames`);
      await client.until(() => client.pendingFrames === 0, "reports of all frames");
      assertArrived(atFarEnd, frames);
    },
  );
}

function failureLaws(law: NicLaw): void {
  law(
    "tells of the loss of its carrier first, then ends what was pending; refuses until it tells of the return",
    async (bench) => {
      const { fixture, nic, far, client, atFarEnd } = bench;
      assert.ok(
        fixture.pull && fixture.plug,
        "pass { failures: false } where the fixture can't pull the cable",
      );
      // As many as it takes, up to a ring of a NIC, so that some are pending when it happens.
      for (let number = 1000; number < 2024 && client.transmit(frameOf(nic, number, 200)); number++);
      await fixture.pull();
      await client.noticed("path-failed", 0);
      await client.until(() => client.pendingFrames === 0, "end of what was pending");
      assert.equal(nic.up, false, "up without a carrier");
      assert.equal(client.transmit(frameOf(nic, 8, 200)), false, "took a frame without a carrier");

      const known = client.notices.length;
      await fixture.plug();
      await client.noticed("path-restored", known);
      assert.equal(nic.up, true, "up with a carrier");
      const [out, back] = [frameOf(nic, 100, 300), frameOf(nic, 101, 300, FROM_AFAR, GUEST)];
      await client.send([out]);
      await client.until(() => atFarEnd.some((bytes) => numberOf(bytes) === 100), "arrival of a frame");
      await far.send(back);
      await client.until(
        () => client.arrived.some((bytes) => numberOf(bytes) === 101),
        "a frame from the wire",
      );
      assert.deepEqual(
        client.notices.map(({ kind }) => kind),
        ["path-failed", "path-restored"],
        "one notice of each",
      );
    },
  );
}

function closingLaws(law: NicLaw): void {
  law(
    "ends everything before it is closed, and neither takes nor hands over anything afterwards",
    async (bench) => {
      const { nic, far, client } = bench;
      for (let number = 0; number < 32; number++) client.transmit(frameOf(nic, number, 200));
      client.closing = true;
      await within(nic.close(), client.waitMs, "end of close");
      assert.equal(client.pendingFrames, 0, "pending after close");
      assert.equal(nic.up, false, "up after close");
      assert.equal(client.transmit(frameOf(nic, 33, 200)), false, "took a frame after close");
      const before = client.arrived.length;
      await far.send(frameOf(nic, 34, 200, FROM_AFAR, BROADCAST));
      await delay(20);
      assert.equal(client.arrived.length, before, "handed over a frame after close");
      await within(nic.close(), client.waitMs, "end of a second close");
    },
  );
}
