import { createManualClock } from "@fairlead/compliance";
import { Opcode } from "@fairlead/iscsi-codec";
import { describe, expect, test } from "vitest";
import { peek, realClock, startTarget } from "./fixture.js";
import { cdb, RawInitiator, read10, readData, write10 } from "./raw-initiator.js";

const ONES = Buffer.alloc(512, 1);

async function ready(address: string, isid = 1): Promise<RawInitiator> {
  const initiator = await RawInitiator.login(address, { isid });
  await initiator.clearAttention();
  return initiator;
}

describe("portals", () => {
  test("stall: what was sent is kept, nothing is answered, and resume takes it all", async () => {
    const { target, portals, store } = await startTarget();
    const stalled = await ready(portals[0]);
    const other = await ready(portals[1], 2);
    target.portal(portals[0]).stall();
    stalled.command({ cdb: write10(0, 1), write: 512, data: ONES });
    const status = stalled.status();
    for (let count = 0; count < 20; count++) await other.expectSilence();
    expect(await Promise.race([status, Promise.resolve("not yet")])).toBe("not yet");
    expect(peek(store, 0, 1)[0]).toBe(0);
    target.portal(portals[0]).resume();
    expect((await status).status).toBe(0);
    expect(peek(store, 0, 512).equals(ONES)).toBe(true);
  });

  test("stall in the middle of a batch keeps the rest of it", async () => {
    const { target, portals, store } = await startTarget();
    const initiator = await ready(portals[0]);
    target.lun(1).trace = ({ offsetBytes }) => {
      if (offsetBytes === 512) target.portal(portals[0]).stall();
    };
    initiator.socket.cork();
    for (let sector = 0; sector < 4; sector++)
      initiator.command({ cdb: write10(sector, 1), write: 512, data: ONES });
    initiator.socket.uncork();
    const other = await ready(portals[1], 2);
    await other.expectSilence();
    expect([1, 2, 3].map((sector) => peek(store, sector * 512, 1)[0])).toEqual([1, 0, 0]);
    target.portal(portals[0]).resume();
    for (let sector = 0; sector < 4; sector++) expect((await initiator.status()).status).toBe(0);
    expect(peek(store, 1536, 1)[0]).toBe(1);
  });

  test("a stalled portal hides that a session was reinstated; its held bytes never count", async () => {
    const { target, portals, store } = await startTarget();
    const first = await ready(portals[0]);
    target.portal(portals[0]).stall();
    first.command({ cdb: write10(0, 1), write: 512, data: ONES });
    const second = await ready(portals[1]);
    await second.expectSilence();
    expect(first.closed).toBe(false);
    target.portal(portals[0]).resume();
    await first.expectClose();
    await second.expectSilence();
    expect(peek(store, 0, 1)[0]).toBe(0);
  });

  test("close resets the connections of one portal", async () => {
    const { target, portals } = await startTarget();
    const first = await ready(portals[0]);
    const second = await ready(portals[1], 2);
    target.portal(portals[0]).close();
    await first.expectClose();
    await second.expectSilence();
    (await ready(portals[0])).close();
  });

  test("refuse turns new connections away and keeps those that are there; accept takes the same port", async () => {
    const { target, portals } = await startTarget();
    const first = await ready(portals[0]);
    target.portal(portals[0]).refuse();
    await expect(RawInitiator.connect(portals[0])).rejects.toMatchObject({ code: "ECONNREFUSED" });
    await first.expectSilence();
    await target.portal(portals[0]).accept();
    await ready(portals[0], 3);
  });

  test("delay holds each answer back by its time, in order", async () => {
    const clock = createManualClock();
    const { target, portals, store } = await startTarget({ clock });
    const initiator = await ready(portals[0]);
    const other = await ready(portals[1], 2);
    target.portal(portals[0]).delay(50);
    initiator.command({ cdb: write10(0, 1), write: 512, data: ONES });
    const status = initiator.status();
    for (let count = 0; count < 5; count++) await other.expectSilence();
    // Served at once, answered later.
    expect(peek(store, 0, 1)[0]).toBe(1);
    clock.advance(49);
    await other.expectSilence();
    expect(await Promise.race([status, Promise.resolve("not yet")])).toBe("not yet");
    target.portal(portals[0]).delay(0);
    initiator.sendPing();
    await other.expectSilence();
    clock.advance(1);
    expect((await status).status).toBe(0);
    await initiator.expect(Opcode.NopIn);
  });

  test("a login that takes more than 10 s is cut off, a session is not", async () => {
    const clock = createManualClock();
    const { portals } = await startTarget({ clock });
    const session = await ready(portals[0]);
    const idle = await RawInitiator.connect(portals[0]);
    await session.expectSilence();
    clock.advance(9_999);
    await session.expectSilence();
    expect(idle.closed).toBe(false);
    clock.advance(1);
    await idle.expectClose();
    await session.expectSilence();
  });
});

describe("LUNs", () => {
  test("failNext strikes its kind of command, so many times", async () => {
    const { target, portals } = await startTarget();
    const initiator = await ready(portals[0]);
    target.lun(1).failNext({ op: "write", sense: 0x030c00, count: 2 });
    const senses: number[] = [];
    for (let sector = 0; sector < 3; sector++) {
      initiator.command({ cdb: read10(sector, 1), read: 512 });
      expect((await readData(initiator)).length).toBe(512);
      initiator.command({ cdb: write10(sector, 1), write: 512, data: ONES });
      senses.push((await initiator.status()).sense);
    }
    expect(senses).toEqual([0x030c00, 0x030c00, 0]);
  });

  test("busyNext answers BUSY, offline 02/0401, and INQUIRY goes on", async () => {
    const { target, portals } = await startTarget();
    const initiator = await ready(portals[0]);
    target.lun(1).busyNext(1);
    initiator.command({ cdb: read10(0, 1), read: 512 });
    expect((await initiator.status()).status).toBe(8);
    target.lun(1).offline();
    expect(await initiator.clearAttention()).toBe(0x020401);
    initiator.command({ cdb: cdb(0x12, 0, 0, 0, 96), read: 96 });
    expect((await readData(initiator)).toString("latin1", 8, 16)).toBe("FAIRLEAD");
    target.lun(1).online();
    expect(await initiator.clearAttention()).toBe(0);
  });

  test("faults of impossible kinds are refused", async () => {
    const { target } = await startTarget();
    expect(() => target.lun(1).failNext({ sense: -1 })).toThrow("option sense");
    expect(() => target.lun(1).busyNext(0)).toThrow("option count");
    expect(() => target.lun(1).holdWrites(1.5)).toThrow("option count");
  });
});

test("2000 commands a second, shared by two sessions, within 1 % over 2 s", async () => {
  const { portals } = await startTarget({ clock: realClock, service: { commandsPerSecond: 2000 } });
  const endedAtMs: number[] = [];
  const load = async (address: string, isid: number) => {
    const initiator = await ready(address, isid);
    const send = () => initiator.command({ cdb: read10(0, 8), read: 4096 });
    for (let depth = 0; depth < 32; depth++) send();
    while (endedAtMs.length <= 4200) {
      await readData(initiator);
      endedAtMs.push(performance.now());
      send();
    }
    initiator.close();
  };
  await Promise.all([load(portals[0], 1), load(portals[2], 2)]);
  const perSecond = 4000_000 / (endedAtMs[4200]! - endedAtMs[200]!);
  expect(perSecond).toBeGreaterThan(1980);
  expect(perSecond).toBeLessThan(2020);
});
