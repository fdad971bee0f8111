import { randomBytes } from "node:crypto";
import {
  At,
  Flag,
  formatText,
  LoginStatus,
  Opcode,
  RejectReason,
  Stage,
  setU24,
  setU32,
} from "@fairlead/iscsi-codec";
import { describe, expect, test } from "vitest";
import { startTarget } from "./fixture.js";
import { cdb, INITIATOR, RawInitiator, read10, read16, TARGET, write10 } from "./raw-initiator.js";

const OPERATIONAL_TO_FULL = Flag.Transit | (Stage.Operational << 2) | Stage.FullFeature;
const NAMES = formatText([
  ["InitiatorName", INITIATOR],
  ["TargetName", TARGET],
  ["SessionType", "Normal"],
]);

async function loginStatus(
  flags: number,
  text: Uint8Array,
  change?: (header: Buffer) => void,
): Promise<number> {
  const { portals } = await startTarget();
  const initiator = await RawInitiator.connect(portals[0]);
  const header = initiator.loginHeader(flags);
  change?.(header);
  initiator.send(header, text);
  const answer = await initiator.expect(Opcode.LoginResponse);
  const status = answer.header.readUInt16BE(At.StatusClass);
  if (status !== LoginStatus.Success) await initiator.expectClose();
  initiator.close();
  // Another initiator is served all the same.
  (await RawInitiator.login(portals[0], { isid: 7 })).close();
  return status;
}

describe("before and during the login", () => {
  test("a SCSI command closes the connection", async () => {
    const { portals } = await startTarget();
    const initiator = await RawInitiator.connect(portals[0]);
    initiator.command({ cdb: cdb(0) });
    await initiator.expectClose();
  });

  test("a data segment of 16 MiB - 1 closes the connection before its data comes", async () => {
    const { portals } = await startTarget();
    const initiator = await RawInitiator.connect(portals[0]);
    const header = initiator.loginHeader(OPERATIONAL_TO_FULL);
    setU24(header, At.DataLength, 0xffffff);
    initiator.socket.write(header);
    await initiator.expectClose();
  });

  test("255 words of additional headers are passed over", async () => {
    const { portals } = await startTarget();
    const initiator = await RawInitiator.connect(portals[0]);
    const header = initiator.loginHeader(OPERATIONAL_TO_FULL);
    header[At.AhsLength] = 255;
    setU24(header, At.DataLength, NAMES.length);
    const pad = Buffer.alloc(-NAMES.length & 3);
    initiator.socket.write(Buffer.concat([header, randomBytes(1020), NAMES, pad]));
    const { header: answer } = await initiator.expect(Opcode.LoginResponse);
    expect(answer.readUInt16BE(At.StatusClass)).toBe(LoginStatus.Success);
  });

  test.each<[string, number, Uint8Array, number]>([
    ["no InitiatorName", OPERATIONAL_TO_FULL, formatText([["TargetName", TARGET]]), 0x0207],
    ["no TargetName", OPERATIONAL_TO_FULL, formatText([["InitiatorName", INITIATOR]]), 0x0207],
    ["a key without =", OPERATIONAL_TO_FULL, Buffer.from("InitiatorName\0"), 0x0200],
    ["text without an end", OPERATIONAL_TO_FULL, Buffer.from("InitiatorName=iqn.x"), 0x0200],
    [
      "a value of 8,000 bytes",
      OPERATIONAL_TO_FULL,
      formatText([["InitiatorName", "x".repeat(8000)]]),
      0x0200,
    ],
    ["a name of 224 bytes", OPERATIONAL_TO_FULL, formatText([["InitiatorName", "x".repeat(224)]]), 0x0200],
    ["current stage 2", Flag.Transit | (2 << 2) | 3, NAMES, 0x0200],
    ["next stage 2", Flag.Transit | (1 << 2) | 2, NAMES, 0x0200],
    [
      "a key twice",
      OPERATIONAL_TO_FULL,
      Buffer.concat([NAMES, formatText([["SessionType", "Normal"]])]),
      0x0200,
    ],
    [
      "a target name that climbs",
      OPERATIONAL_TO_FULL,
      formatText([
        ["InitiatorName", INITIATOR],
        ["TargetName", "../../etc/passwd"],
      ]),
      0x0203,
    ],
    ["security straight to full feature", Flag.Transit | 3, NAMES, 0],
  ])("%s", async (_name, flags, text, status) => {
    expect(await loginStatus(flags, text)).toBe(status);
  });

  test("an unknown TSIH", async () => {
    const status = await loginStatus(OPERATIONAL_TO_FULL, NAMES, (header) =>
      header.writeUInt16BE(77, At.Tsih),
    );
    expect(status).toBe(LoginStatus.SessionDoesNotExist);
  });

  test("a version above 0", async () => {
    const status = await loginStatus(OPERATIONAL_TO_FULL, NAMES, (header) => {
      header[At.VersionMin] = 1;
      header[At.VersionMax] = 1;
    });
    expect(status).toBe(LoginStatus.UnsupportedVersion);
  });

  test("200 idle connections don't keep others out", async () => {
    const { portals } = await startTarget();
    const idle = await Promise.all(Array.from({ length: 200 }, () => RawInitiator.connect(portals[0])));
    const initiator = await RawInitiator.login(portals[0]);
    await initiator.expectSilence();
    for (const one of idle) one.close();
  });

  test("connections beyond the limit are turned away", async () => {
    const { portals, target } = await startTarget({ connectionsMax: 2 });
    const first = await RawInitiator.login(portals[0]);
    await RawInitiator.connect(portals[1]);
    const third = await RawInitiator.connect(portals[1]);
    await third.expectClose();
    expect(target.portal(portals[1]).counters.turnedAway).toBe(1);
    await first.expectSilence();
  });
});

describe("in the full feature phase", () => {
  async function session() {
    const fixture = await startTarget();
    const initiator = await RawInitiator.login(fixture.portals[0]);
    await initiator.clearAttention();
    return { ...fixture, initiator };
  }

  test("an unknown opcode closes the connection", async () => {
    const { initiator } = await session();
    initiator.send(initiator.header(0x1f, Flag.Final));
    await initiator.expectClose();
  });

  test("a data segment longer than what was declared closes the connection", async () => {
    const { initiator } = await session();
    const header = initiator.header(Opcode.NopOut, Flag.Final);
    setU24(header, At.DataLength, 0xffffff);
    initiator.socket.write(header);
    await initiator.expectClose();
  });

  test("Data-Out with a transfer tag that was not given is rejected, and its task goes on", async () => {
    const { initiator } = await session();
    initiator.command({ cdb: write10(0, 1), write: 512 });
    const r2t = await initiator.expect(Opcode.ReadyToTransfer);
    const forged = { header: Buffer.from(r2t.header), data: r2t.data };
    setU32(forged.header, At.TargetTag, 0xbad);
    initiator.dataOut(forged, randomBytes(512), { offset: 0, dataSn: 0, final: true });
    const { header } = await initiator.expect(Opcode.Reject);
    expect(header[At.Response]).toBe(RejectReason.InvalidPduField);
    initiator.dataOut(r2t, randomBytes(512), { offset: 0, dataSn: 0, final: true });
    expect((await initiator.status()).status).toBe(0);
  });

  test.each([
    ["beyond what was asked for", 512, 0, 0],
    ["with a DataSN out of order", 0, 5, 0],
    ["longer than what was asked for", 0, 0, 512],
  ])("Data-Out %s fails its command and writes nothing", async (_name, offset, dataSn, more) => {
    const { initiator, target } = await session();
    initiator.command({ cdb: write10(0, 1), write: 512 });
    const r2t = await initiator.expect(Opcode.ReadyToTransfer);
    initiator.dataOut(r2t, randomBytes(512 + more), { offset, dataSn, final: true });
    expect((await initiator.status()).sense >> 16).toBe(0x0b);
    expect(target.counters().map((one) => one.writtenBytes)).toEqual([0]);
    await initiator.expectSilence();
  });

  test("CmdSN outside the window: silence", async () => {
    const { initiator, target, portals } = await session();
    initiator.command({ cdb: cdb(0), cmdSn: initiator.cmdSn + 500 });
    initiator.command({ cdb: cdb(0), cmdSn: initiator.cmdSn - 5 });
    await initiator.expectSilence();
    expect(target.portal(portals[0]).counters.outsideWindow).toBe(2);
  });

  test("the same CmdSN twice runs once", async () => {
    const { initiator, target } = await session();
    const before = target.counters()[0]!.commands;
    const { cmdSn } = initiator;
    initiator.command({ cdb: cdb(0) });
    initiator.command({ cdb: cdb(0), cmdSn });
    expect((await initiator.status()).status).toBe(0);
    await initiator.expectSilence();
    expect(target.counters()[0]!.commands).toBe(before + 1);
  });

  test("commands that come before their turn wait for it, with their data", async () => {
    const { initiator, target } = await session();
    const order: string[] = [];
    target.lun(1).trace = ({ op, offsetBytes }) => order.push(`${op} ${offsetBytes}`);
    const first = initiator.cmdSn;
    initiator.command({ cdb: write10(2, 1), write: 512, data: randomBytes(512), cmdSn: first + 2 });
    initiator.command({ cdb: write10(1, 1), write: 512, data: randomBytes(512), cmdSn: first + 1 });
    await initiator.expectSilence();
    initiator.command({ cdb: write10(0, 1), write: 512, data: randomBytes(512), cmdSn: first });
    for (let count = 0; count < 3; count++) expect((await initiator.status()).status).toBe(0);
    expect(order).toEqual(["write 0", "write 512", "write 1024"]);
  });

  test.each([
    ["READ (16) at 2^64 - 1", { cdb: read16(2n ** 64n - 1n, 1), read: 512 }, 0x052100],
    ["READ (16) at 2^53 + 1", { cdb: read16(2n ** 53n + 1n, 1), read: 512 }, 0x052100],
    ["a range that ends one block too far", { cdb: read10(32767, 2), read: 1024 }, 0x052100],
    ["an unknown CDB", { cdb: cdb(0xff) }, 0x052000],
    ["LUN 0x3fff", { cdb: cdb(0), lun: 0x3fff }, 0x052500],
    ["a transfer above the maximum", { cdb: read16(0n, 2049), read: 0x100200 }, 0x052400],
  ])("%s", async (_name, fields, sense) => {
    const { initiator } = await session();
    initiator.command(fields);
    expect((await initiator.status()).sense).toBe(sense);
    await initiator.expectSilence();
  });

  test("an expected length of 4 GiB - 1 takes no memory", async () => {
    const { initiator } = await session();
    initiator.command({ cdb: write10(0, 1), write: 0xffffffff });
    const r2t = await initiator.expect(Opcode.ReadyToTransfer);
    expect(r2t.header.readUInt32BE(At.DesiredBytes)).toBe(512);
    initiator.dataOut(r2t, randomBytes(512), { offset: 0, dataSn: 0, final: true });
    const { status, pdu } = await initiator.status();
    expect([status, pdu.header[At.Flags]! & 6]).toEqual([0, Flag.Underflow]);
    expect(pdu.header.readUInt32BE(At.Residual)).toBe(0xffffffff - 512);
  });

  test("immediate data beyond FirstBurstLength is rejected", async () => {
    const { initiator, target } = await session();
    initiator.command({ cdb: write10(0, 256), write: 131072, data: randomBytes(65540) });
    const { header } = await initiator.expect(Opcode.Reject);
    expect(header[At.Response]).toBe(RejectReason.InvalidPduField);
    await initiator.expectSilence();
    expect(target.counters()[0]!.writes).toBe(0);
  });

  test("a ping of 8 KiB comes back whole, and a longer one cut", async () => {
    const { initiator } = await session();
    const data = randomBytes(8192);
    initiator.sendPing(data);
    expect((await initiator.expect(Opcode.NopIn)).data.equals(data)).toBe(true);
    initiator.sendPing(randomBytes(65536));
    expect((await initiator.expect(Opcode.NopIn)).data.length).toBe(8192);
  });

  test("one byte at a time", async () => {
    const { initiator, store } = await session();
    const data = randomBytes(512);
    const sent: Buffer[] = [];
    const write = initiator.socket.write.bind(initiator.socket);
    initiator.socket.write = (bytes: Uint8Array | string) => sent.push(Buffer.from(bytes)) > 0;
    initiator.command({ cdb: write10(3, 1), write: 512, data });
    initiator.socket.write = write;
    for (const byte of Buffer.concat(sent)) {
      await new Promise((resolve) => initiator.socket.write(Uint8Array.of(byte), resolve));
    }
    expect((await initiator.status()).status).toBe(0);
    const stored = Buffer.alloc(512);
    store.read(1536, stored, 0, 512, () => {});
    expect(stored.equals(data)).toBe(true);
  });

  test("128 reads of 1 MiB that nobody takes hold a few MiB, and others are served", async () => {
    const { initiator, portals } = await session();
    initiator.socket.pause();
    const before = process.memoryUsage().rss;
    for (let count = 0; count < 127; count++) initiator.command({ cdb: read10(0, 2048), read: 1 << 20 });
    const other = await RawInitiator.login(portals[1], { isid: 2 });
    for (let count = 0; count < 200; count++) await other.expectSilence();
    expect(process.memoryUsage().rss - before).toBeLessThan(48 << 20);
    initiator.close();
    await other.expectSilence();
  });

  test("pings whose answers nobody takes are no longer read", async () => {
    const { initiator, portals } = await session();
    const other = await RawInitiator.login(portals[1], { isid: 2 });
    initiator.socket.pause();
    for (let count = 0; count < 6000; count++) initiator.sendPing(randomBytes(8192));
    // Until nothing has moved for 50 answers to someone else.
    let left = initiator.socket.writableLength;
    for (let still = 0; still < 50; still++) {
      await other.expectSilence();
      if (initiator.socket.writableLength === left) continue;
      left = initiator.socket.writableLength;
      still = 0;
    }
    expect(left).toBeGreaterThan(16 << 20);
    initiator.close();
  });
});
