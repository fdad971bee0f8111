import {
  Fairlead,
  NbdClient,
  PortalProxy,
  peers,
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
const PORTALS = ["127.0.0.1:13694", "127.0.0.2:13694"];
const RELAYS = ["127.0.0.1:13695", "127.0.0.2:13695"];
const REPEATS = SOAK ? 50 : 6;
const BLOCK_BYTES = 4096;
const WRITES = 4;
/** Time in which a newer write could overtake an older one. */
const OVERTAKING_MS = 200;

describe.skipIf(!peers("tgtd", "tgtadm", "nbdinfo"))("a client that reconnects", () => {
  it("finds its newest data, though its old connection's write was still under way", {
    timeout: 300_000,
  }, async () => {
    const scope = new Scope();
    onTestFinished(() => scope.close());
    const target = await Tgtd.start(scope, { portals: PORTALS, luns: [{ number: 1, sizeBytes: 16 * MIB }] });
    const relays = await Promise.all(
      RELAYS.map((address, index) => PortalProxy.start(scope, address, PORTALS[index] as string)),
    );
    const host = await Fairlead.start(scope, {
      hbas: {
        vmhba0: { driver: "iscsi", portals: [RELAYS[0]] },
        vmhba1: { driver: "iscsi", portals: [RELAYS[1]] },
      },
      vms: { db: { disks: { root: { extents: [{ lun: target.lunId(1) }] } } } },
    });
    await host.untilServed("db-root");
    await untilSessions(target, 2);

    for (let repeat = 0; repeat < REPEATS; repeat++) {
      const offset = repeat * BLOCK_BYTES;
      const first = await NbdClient.open(scope, host.nbdSocket, "db-root");
      for (const relay of relays) relay.hold({ direction: "to-target" });
      // Several, so that some are on their way and some wait behind them.
      const lost = Array.from({ length: WRITES + (repeat % 3) }, (_, index) =>
        first.write(offset, seededBytes(repeat * 10 + index, BLOCK_BYTES)).catch(() => {}),
      );
      await until("a write in a relay", () =>
        relays.some((relay) => relay.heldBytes("to-target") >= BLOCK_BYTES),
      );
      first.socket.destroy();
      await Promise.all(lost);

      const second = await NbdClient.open(scope, host.nbdSocket, "db-root");
      const newest = seededBytes(repeat * 10 + 9, BLOCK_BYTES);
      let done = false;
      const rewritten = second.write(offset, newest).then(() => {
        done = true;
      });
      // One path is free for the newer writes while the other still has an older one on its way.
      const [free, stuck] = repeat % 2 === 0 ? relays : relays.toReversed();
      free?.release();
      await staysTrue(() => !done, OVERTAKING_MS);
      stuck?.release();
      await rewritten;
      expect((await second.read(offset, BLOCK_BYTES)).equals(newest), `repeat ${repeat}`).toBe(true);
      await second.flush();
      second.disconnect();
    }
    // Nothing of the old connections arrived afterwards either.
    const last = await NbdClient.open(scope, host.nbdSocket, "db-root");
    for (let repeat = 0; repeat < REPEATS; repeat++) {
      const read = await last.read(repeat * BLOCK_BYTES, BLOCK_BYTES);
      expect(read.equals(seededBytes(repeat * 10 + 9, BLOCK_BYTES)), `block ${repeat}`).toBe(true);
    }
  });
});
