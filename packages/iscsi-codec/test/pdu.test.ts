import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  At,
  BHS_BYTES,
  Flag,
  following,
  getDataLength,
  getLun,
  getOpcode,
  getPduBytes,
  getU16,
  getU24,
  getU32,
  getU64,
  IMMEDIATE,
  isBefore,
  LUN_NUMBER_MAX,
  NO_TAG,
  Opcode,
  padded,
  setDataLength,
  setLun,
  setU16,
  setU24,
  setU32,
  setU64,
  startHeader,
} from "../src/index.js";

const bytes = (hex: string) => Uint8Array.from(Buffer.from(hex.replaceAll(/\s/g, ""), "hex"));
const hex = (data: Uint8Array) => Buffer.from(data).toString("hex");

describe("fields", () => {
  it("stand big-endian, and take what fits", () => {
    const data = new Uint8Array(16).fill(0xaa);
    setU16(data, 0, 0xbeef);
    setU24(data, 2, 0x123456);
    setU32(data, 5, 0xfedcba98);
    expect(hex(data.subarray(0, 10))).toBe("beef123456fedcba98aa");
    expect([getU16(data, 0), getU24(data, 2), getU32(data, 5)]).toEqual([0xbeef, 0x123456, 0xfedcba98]);
  });

  it("carry whole numbers up to 2^53", () => {
    const data = new Uint8Array(8);
    fc.assert(
      fc.property(fc.maxSafeNat(), (value) => {
        setU64(data, 0, value);
        expect(getU64(data, 0)).toBe(value);
      }),
    );
    expect(getU64(bytes("ffffffffffffffff"), 0)).toBeGreaterThan(Number.MAX_SAFE_INTEGER);
  });
});

describe("basic header segment", () => {
  it("writes a SCSI command as RFC 7143, 11.3 draws it", () => {
    const pdu = new Uint8Array(BHS_BYTES + 2).fill(0xaa);
    startHeader(pdu, 1, Opcode.ScsiCommand, Flag.Final | Flag.Write | Flag.Simple);
    setDataLength(pdu, 1, 512);
    setLun(pdu, 1 + At.Lun, 3);
    setU32(pdu, 1 + At.InitiatorTag, 0x00070005);
    setU32(pdu, 1 + At.ExpectedBytes, 4096);
    setU32(pdu, 1 + At.CmdSn, 17);
    setU32(pdu, 1 + At.ExpStatSn, 0x80000001);
    expect(hex(pdu)).toBe(
      "aa 01a10000 00000200 0003000000000000 00070005 00001000 00000011 80000001 00000000000000000000000000000000 aa".replaceAll(
        " ",
        "",
      ),
    );
  });

  it("reads a Data-In with status as RFC 7143, 11.7 draws it", () => {
    const pdu = bytes(
      "25 81 00 02  00 000005  0000000000000000  0000000b ffffffff 00000020 00000031 00000070 00000002 00000400 00000010",
    );
    expect(getOpcode(pdu, 0)).toBe(Opcode.DataIn);
    expect(pdu[At.Flags]! & Flag.Status).toBe(Flag.Status);
    expect(pdu[At.Status]).toBe(2);
    expect(getDataLength(pdu, 0)).toBe(5);
    expect(getPduBytes(pdu, 0)).toBe(BHS_BYTES + 8);
    expect(getU32(pdu, At.InitiatorTag)).toBe(11);
    expect(getU32(pdu, At.TargetTag)).toBe(NO_TAG);
    expect(getU32(pdu, At.StatSn)).toBe(32);
    expect(getU32(pdu, At.ExpCmdSn)).toBe(49);
    expect(getU32(pdu, At.MaxCmdSn)).toBe(112);
    expect(getU32(pdu, At.DataSn)).toBe(2);
    expect(getU32(pdu, At.BufferOffset)).toBe(1024);
    expect(getU32(pdu, At.Residual)).toBe(16);
  });

  it("counts additional headers, and leaves the immediate bit out of the opcode", () => {
    const pdu = new Uint8Array(BHS_BYTES);
    startHeader(pdu, 0, Opcode.NopOut | IMMEDIATE, Flag.Final);
    pdu[At.AhsLength] = 2;
    setDataLength(pdu, 0, 0xffffff);
    expect(getOpcode(pdu, 0)).toBe(Opcode.NopOut);
    expect(getPduBytes(pdu, 0)).toBe(BHS_BYTES + 8 + 0x1000000);
    expect([0, 1, 3, 4, 5].map(padded)).toEqual([0, 4, 4, 4, 8]);
  });
});

describe("LUN addressing", () => {
  it.each([
    [0, "0000000000000000"],
    [255, "00ff000000000000"],
    [256, "4100000000000000"],
    [16383, "7fff000000000000"],
  ])("writes %i as %s", (number, form) => {
    const data = new Uint8Array(10).fill(0xaa);
    setLun(data, 1, number);
    expect(hex(data)).toBe(`aa${form}aa`);
    expect(getLun(data, 1)).toBe(number);
  });

  it("reads back every number", () => {
    const data = new Uint8Array(8);
    for (let number = 0; number <= LUN_NUMBER_MAX; number++) {
      setLun(data, 0, number);
      if (getLun(data, 0) !== number) expect(getLun(data, 0)).toBe(number);
    }
  });

  it.each(["0100000000000000", "8001000000000000", "c101000000000000", "0001000100000000"])(
    "knows no number for %s",
    (form) => {
      expect(getLun(bytes(form), 0)).toBe(-1);
    },
  );
});

describe("serial numbers", () => {
  it("go on past the end", () => {
    expect(following(0xffffffff)).toBe(0);
    expect(isBefore(0xffffffff, 0)).toBe(true);
    expect(isBefore(0, 0xffffffff)).toBe(false);
    expect(isBefore(5, 5)).toBe(false);
    expect(isBefore(0x7fffffff, 0x80000000)).toBe(true);
  });
});
