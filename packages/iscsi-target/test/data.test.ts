import { randomBytes } from "node:crypto";
import { At, Flag, getU32, Opcode, setU32, type TextPair } from "@fairlead/iscsi-codec";
import { describe, expect, test } from "vitest";
import { memoryStore } from "../src/index.js";
import { peek, startTarget } from "./fixture.js";
import { cdb, type Pdu, RawInitiator, read10, readData, write10 } from "./raw-initiator.js";

async function ready(pairs: readonly TextPair[] = [], options = {}) {
  const fixture = await startTarget(options);
  const initiator = await RawInitiator.login(fixture.portals[0], { pairs });
  await initiator.clearAttention();
  return { ...fixture, initiator };
}

describe("writes", () => {
  test("more than one burst is asked for piece by piece", async () => {
    const { initiator, store } = await ready([["MaxBurstLength", "65536"]]);
    const data = randomBytes(160 << 10);
    initiator.command({ cdb: write10(8, 320), write: data.length, data: data.subarray(0, 4096) });
    for (const [index, offset] of [4096, 69632, 135168].entries()) {
      const r2t = await initiator.expect(Opcode.ReadyToTransfer);
      const desired = getU32(r2t.header, At.DesiredBytes);
      expect(getU32(r2t.header, At.R2tSn)).toBe(index);
      expect(getU32(r2t.header, At.BufferOffset)).toBe(offset);
      expect(desired).toBe(Math.min(65536, data.length - offset));
      // Two PDUs for each burst, cut at an odd place.
      const middle = offset + 1001;
      initiator.dataOut(r2t, data.subarray(offset, middle), { offset, dataSn: 0, final: false });
      const rest = data.subarray(middle, offset + desired);
      initiator.dataOut(r2t, rest, { offset: middle, dataSn: 1, final: true });
    }
    expect((await initiator.status()).status).toBe(0);
    expect(peek(store, 4096, data.length).equals(data)).toBe(true);
  });

  test("data that comes unasked where both sides agree to that", async () => {
    const { initiator, store } = await ready([
      ["InitialR2T", "No"],
      ["FirstBurstLength", "8192"],
    ]);
    const data = randomBytes(12288);
    initiator.command({ cdb: write10(0, 24), write: 12288, data: data.subarray(0, 1024), final: false });
    const unasked: Pdu = { header: Buffer.alloc(48), data };
    setU32(unasked.header, At.InitiatorTag, 2);
    setU32(unasked.header, At.TargetTag, 0xffffffff);
    unasked.header[At.Lun + 1] = 1;
    initiator.dataOut(unasked, data.subarray(1024, 5000), { offset: 1024, dataSn: 0, final: false });
    initiator.dataOut(unasked, data.subarray(5000, 8192), { offset: 5000, dataSn: 1, final: true });
    const r2t = await initiator.expect(Opcode.ReadyToTransfer);
    expect([getU32(r2t.header, At.BufferOffset), getU32(r2t.header, At.DesiredBytes)]).toEqual([8192, 4096]);
    initiator.dataOut(r2t, data.subarray(8192), { offset: 8192, dataSn: 0, final: true });
    expect((await initiator.status()).status).toBe(0);
    expect(peek(store, 0, 12288).equals(data)).toBe(true);
  });

  test("what is more or less than the command moves shows as a residual", async () => {
    const { initiator, store } = await ready();
    const data = randomBytes(2048);
    // Expected 1024, the command moves 512; expected 512, the command moves 1024.
    initiator.command({ cdb: write10(0, 1), write: 1024, data: data.subarray(0, 1024) });
    const { pdu: under } = await initiator.status();
    expect([under.header[1]! & 6, getU32(under.header, At.Residual)]).toEqual([Flag.Underflow, 512]);
    initiator.command({ cdb: write10(4, 2), write: 512, data: data.subarray(0, 512) });
    const { pdu: over } = await initiator.status();
    expect([over.header[1]! & 6, getU32(over.header, At.Residual)]).toEqual([Flag.Overflow, 512]);
    expect(peek(store, 512, 512).every((byte) => byte === 0)).toBe(true);
    expect(peek(store, 2048, 512).equals(data.subarray(0, 512))).toBe(true);
    expect(peek(store, 2560, 512).every((byte) => byte === 0)).toBe(true);
  });

  test("a read-only LUN takes none", async () => {
    const { initiator } = await ready([], {
      luns: [{ number: 1, store: memoryStore({ sizeBytes: 1 << 20 }), readOnly: true }],
    });
    for (const write of [
      write10(0, 1),
      cdb(0x41, 0, 0, 0, 0, 0, 0, 0, 1),
      cdb(0x42, 0, 0, 0, 0, 0, 0, 0, 24),
    ]) {
      initiator.command({ cdb: write, write: 512, data: randomBytes(512) });
      expect((await initiator.status()).sense).toBe(0x072700);
    }
    initiator.command({ cdb: cdb(0x1a, 0, 8, 0, 255), read: 255 });
    const mode = await readData(initiator);
    expect([mode[2]! & 0x90, mode[4], mode[6]]).toEqual([0x90, 8, 4]);
  });
});

describe("reads", () => {
  test("segments follow what the initiator takes, bursts what both agreed", async () => {
    const { initiator, store } = await ready([
      ["MaxRecvDataSegmentLength", "3000"],
      ["MaxBurstLength", "8192"],
    ]);
    const data = randomBytes(20480);
    store.write(0, data, 0, data.length, false, () => {});
    initiator.command({ cdb: read10(0, 40), read: 20480 });
    const parts: Buffer[] = [];
    const finals: number[] = [];
    for (let at = 0; at < data.length; ) {
      const { header, data: part } = await initiator.expect(Opcode.DataIn);
      expect([getU32(header, At.BufferOffset), getU32(header, At.DataSn)]).toEqual([at, parts.length]);
      parts.push(part);
      at += part.length;
      if ((header[1]! & Flag.Final) !== 0) finals.push(at);
      expect((header[1]! & Flag.Status) !== 0).toBe(at === data.length);
    }
    expect(Math.max(...parts.map((part) => part.length))).toBe(3000);
    expect(finals).toEqual([8192, 16384, 20480]);
    expect(Buffer.concat(parts).equals(data)).toBe(true);
  });

  test("the window closes with commands under way and opens with their answers", async () => {
    const { target, initiator } = await ready();
    target.lun(1).holdWrites(200);
    for (let count = 0; count < 128; count++)
      initiator.command({ cdb: write10(count, 1), write: 512, data: randomBytes(512) });
    initiator.sendPing();
    const { header } = await initiator.expect(Opcode.NopIn);
    expect(getU32(header, At.MaxCmdSn)).toBe(getU32(header, At.ExpCmdSn) - 1);
    initiator.command({ cdb: cdb(0), cmdSn: initiator.cmdSn });
    await initiator.expectSilence();
    target.lun(1).releaseWrites();
    for (let count = 0; count < 128; count++) expect((await initiator.status()).status).toBe(0);
    initiator.sendPing();
    const { header: open } = await initiator.expect(Opcode.NopIn);
    expect(getU32(open, At.MaxCmdSn) - getU32(open, At.ExpCmdSn)).toBe(127);
  });
});

test("counters tell portals and LUNs apart", async () => {
  const { target, portals, initiator } = await ready([], {
    luns: [1, 2].map((number) => ({ number, store: memoryStore({ sizeBytes: 1 << 20 }) })),
  });
  const other = await RawInitiator.login(portals[2]);
  await other.clearAttention(2);
  initiator.command({ cdb: write10(0, 3), write: 1536, data: randomBytes(1536) });
  await initiator.status();
  other.command({ lun: 2, cdb: read10(0, 2), read: 1024 });
  await readData(other);
  other.command({ lun: 2, cdb: cdb(0x35) });
  await other.status();
  const rows = target
    .counters()
    .filter(({ commands }) => commands > 0)
    .map((one) => [
      one.portal,
      one.lun,
      one.commands,
      one.reads,
      one.writes,
      one.flushes,
      one.readBytes,
      one.writtenBytes,
    ]);
  expect(rows).toEqual([
    [portals[0], 1, 2, 0, 1, 0, 0, 1536],
    [portals[2], 2, 3, 1, 0, 1, 1024, 0],
  ]);
});

test("logout is answered and the connection ends", async () => {
  const { initiator, target } = await ready();
  initiator.send(initiator.header(Opcode.LogoutRequest | 0x40, Flag.Final));
  const { header } = await initiator.expect(Opcode.LogoutResponse);
  expect(header[At.Response]).toBe(0);
  await initiator.expectClose();
  expect(target.sessions()).toEqual([]);
});
