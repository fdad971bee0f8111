import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  Asc,
  cdbAllocationBytes,
  cdbBlocks,
  cdbBytes,
  cdbFua,
  cdbLba,
  FIXED_SENSE_BYTES,
  inquiry,
  modeSense6,
  modeSense10,
  parseCachingMode6,
  parseCachingMode10,
  parseCapacity10,
  parseCapacity16,
  parseIdentification,
  parseInquiry,
  parseLunList,
  parseMaxTransferBlocks,
  parseSerialNumber,
  readCapacity10,
  readCapacity16,
  readResponseSense,
  readSense,
  reportLuns,
  requestSense,
  SenseKey,
  senseAsc,
  senseCode,
  senseKey,
  synchronizeCache10,
  synchronizeCache16,
  testUnitReady,
  transfer,
  VpdPage,
  writeFixedSense,
} from "../src/index.js";

const bytes = (hex: string) => Uint8Array.from(Buffer.from(hex.replaceAll(/\s/g, ""), "hex"));

function cdb(build: (data: Uint8Array, at: number) => void): string {
  const data = new Uint8Array(18).fill(0xaa);
  build(data, 1);
  expect([data[0], data[17]]).toEqual([0xaa, 0xaa]);
  return Buffer.from(data.subarray(1, 17))
    .toString("hex")
    .replace(/(00)+$/, "");
}

describe("command descriptor blocks", () => {
  it.each([
    ["TEST UNIT READY", testUnitReady, ""],
    ["REQUEST SENSE", (d: Uint8Array, at: number) => requestSense(d, at, 252), "03000000fc"],
    ["INQUIRY", (d: Uint8Array, at: number) => inquiry(d, at, 255), "12000000ff"],
    ["INQUIRY of page 0x83", (d: Uint8Array, at: number) => inquiry(d, at, 1024, 0x83), "12018304"],
    ["REPORT LUNS", (d: Uint8Array, at: number) => reportLuns(d, at, 0x20008), "a0000000000000020008"],
    ["READ CAPACITY (10)", readCapacity10, "25"],
    ["READ CAPACITY (16)", readCapacity16, "9e10000000000000000000000020"],
    ["MODE SENSE (6)", (d: Uint8Array, at: number) => modeSense6(d, at, 8, 192), "1a000800c0"],
    ["MODE SENSE (10)", (d: Uint8Array, at: number) => modeSense10(d, at, 8, 0x1234), "5a0008000000001234"],
    ["SYNCHRONIZE CACHE (10)", synchronizeCache10, "35"],
    [
      "SYNCHRONIZE CACHE (16)",
      (d: Uint8Array, at: number) => synchronizeCache16(d, at, 1, 2),
      "91000000000000000001" + "00000002",
    ],
    [
      "READ (10)",
      (d: Uint8Array, at: number) => transfer(d, at, false, 0x01020304, 8, false),
      "2800010203040000" + "08",
    ],
    [
      "WRITE (10) with FUA",
      (d: Uint8Array, at: number) => transfer(d, at, true, 5, 0xffff, true),
      "2a080000000500ffff",
    ],
    [
      "READ (16) of many blocks",
      (d: Uint8Array, at: number) => transfer(d, at, false, 5, 0x10000, false),
      "8800000000000000000500010000".replace(/(00)+$/, ""),
    ],
    [
      "WRITE (16) far out",
      (d: Uint8Array, at: number) => transfer(d, at, true, 2 ** 32, 1, true),
      "8a080000000100000000" + "00000001",
    ],
  ])("%s", (_name, build, expected) => {
    expect(cdb(build)).toBe(expected);
  });

  it("say again what a transfer was made of", () => {
    const data = new Uint8Array(16);
    const lba = fc.oneof(fc.nat(0xffffffff), fc.maxSafeNat());
    const blocks = fc.oneof(fc.integer({ min: 1, max: 0x1ffff }), fc.nat(0xffffffff));
    fc.assert(
      fc.property(fc.boolean(), lba, blocks, fc.boolean(), (write, first, count, fua) => {
        transfer(data, 0, write, first, count, fua);
        expect([cdbLba(data, 0), cdbBlocks(data, 0), cdbFua(data, 0)]).toEqual([first, count, fua]);
        expect(cdbBytes(data[0]!)).toBe(first > 0xffffffff || count > 0xffff ? 16 : 10);
      }),
    );
  });

  it("are read in the six- and twelve-byte forms too", () => {
    const six = bytes("08 ff 00 10 00 00");
    expect([cdbBytes(8), cdbLba(six, 0), cdbBlocks(six, 0), cdbFua(six, 0)]).toEqual([
      6,
      0x1f0010,
      256,
      false,
    ]);
    const twelve = bytes("a8 08 00000102 00030001 00 00");
    expect([cdbBytes(0xa8), cdbLba(twelve, 0), cdbBlocks(twelve, 0), cdbFua(twelve, 0)]).toEqual([
      12,
      0x102,
      0x30001,
      true,
    ]);
    expect([cdbBytes(0x7f), cdbBytes(0xc0)]).toEqual([0, 0]);
  });

  it("tell how much may be answered", () => {
    const told = (build: (data: Uint8Array, at: number) => void) => {
      const data = new Uint8Array(16);
      build(data, 0);
      return cdbAllocationBytes(data, 0);
    };
    expect(told((d, at) => inquiry(d, at, 0x1234, 0x80))).toBe(0x1234);
    expect(told((d, at) => reportLuns(d, at, 0x12345))).toBe(0x12345);
    expect(told((d, at) => modeSense6(d, at, 8, 192))).toBe(192);
    expect(told((d, at) => modeSense10(d, at, 8, 600))).toBe(600);
    expect(told((d, at) => requestSense(d, at, 18))).toBe(18);
    expect(told(readCapacity10)).toBe(8);
    expect(told(readCapacity16)).toBe(32);
    expect(told(testUnitReady)).toBe(0);
  });
});

describe("INQUIRY", () => {
  it("tells a disk from what is none, and who made it", () => {
    const data = new Uint8Array(96);
    data.set(Buffer.from("IET     VIRTUAL-DISK    0001"), 8);
    expect(parseInquiry(data)).toEqual({
      qualifier: 0,
      deviceType: 0,
      vendor: "IET",
      product: "VIRTUAL-DISK",
    });
    data[0] = 0x7f;
    expect(parseInquiry(data)).toMatchObject({ qualifier: 3, deviceType: 31 });
    expect(parseInquiry(bytes("0c"))).toMatchObject({ deviceType: 12, vendor: "", product: "" });
    expect(parseInquiry(new Uint8Array(0))).toBeUndefined();
  });

  it("keeps control characters out of what it shows", () => {
    const data = new Uint8Array(36);
    data.set(Buffer.from("A\n\x1b[31mB "), 8);
    expect(parseInquiry(data)?.vendor).toBe("A__[31mB");
  });
});

describe("identification page", () => {
  const page = (designators: string, said?: number) => {
    const body = bytes(designators);
    const head = Uint8Array.of(0, VpdPage.Identification, 0, said ?? body.length);
    return Uint8Array.from([...head, ...body]);
  };
  const T10 = "02 01 00 0c 46414952 4c454144 20733120";
  const EUI = "01 02 00 08 0011223344556677";
  const NAA6 = "01 03 00 10 60000000 00000000 0e000000 00010001";
  const NAA3 = "01 03 00 08 3000000100000001";
  const PORT_NAA = "01 13 00 08 5000000100000001";

  it("names the unit, the best first, and leaves ports out", () => {
    expect(parseIdentification(page(`${T10} ${NAA3} ${EUI} ${PORT_NAA} ${NAA6}`))).toEqual([
      "naa.60000000000000000e00000000010001",
      "eui.0011223344556677",
      "naa.3000000100000001",
      "t10.FAIRLEAD_s1",
    ]);
  });

  it("takes SCSI name strings that say the same, once", () => {
    const name = Buffer.from("naa.60000000000000000E00000000010001");
    const string = `03 08 00 ${name.length.toString(16)} ${name.toString("hex")}`;
    expect(parseIdentification(page(`${string} ${NAA6}`))).toEqual(["naa.60000000000000000e00000000010001"]);
    const other = Buffer.from("iqn.2026-01.org.example:x");
    expect(
      parseIdentification(page(`03 08 00 ${other.length.toString(16)} ${other.toString("hex")}`)),
    ).toEqual([]);
  });

  it("reads no further than the page and the answer reach", () => {
    expect(parseIdentification(page(`${EUI} ${NAA3}`, 12))).toEqual(["eui.0011223344556677"]);
    expect(parseIdentification(page(EUI, 200))).toEqual(["eui.0011223344556677"]);
    expect(parseIdentification(page("01 02 00 ff 0011223344556677"))).toEqual([]);
    expect(parseIdentification(page("01 02 00 05 0011223344"))).toEqual([]);
    expect(parseIdentification(bytes("00 80 00 08 01020008"))).toEqual([]);
  });

  it("bears anything", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (body) => {
        const data = Uint8Array.from([0, VpdPage.Identification, 0, body.length, ...body]);
        for (const name of parseIdentification(data)) expect(name).toMatch(/^(naa|eui|t10)\.[\x21-\x7e]+$/);
      }),
    );
  });
});

describe("other pages", () => {
  it("give the serial number", () => {
    expect(parseSerialNumber(bytes("00 80 0006 2041 4220 3120"))).toBe("serial.AB_1");
    expect(parseSerialNumber(bytes("00 80 0004 20202020"))).toBeUndefined();
    expect(parseSerialNumber(bytes("00 83 0001 41"))).toBeUndefined();
  });

  it("give the longest transfer", () => {
    expect(parseMaxTransferBlocks(bytes("00 b0 003c 0000 0008 00002000 00000000"))).toBe(0x2000);
    expect(parseMaxTransferBlocks(bytes("00 b0 0004 0000 0008 00002000"))).toBe(0);
    expect(parseMaxTransferBlocks(bytes("00 b0 003c 0000 0008 0000"))).toBe(0);
  });

  it("give the capacity", () => {
    expect(parseCapacity16(bytes("00000001 00000000 00001000 0000"))).toEqual({
      blocks: 2 ** 32 + 1,
      blockSizeBytes: 4096,
    });
    expect(parseCapacity16(bytes("0000000100000000 0010"))).toBeUndefined();
    expect(parseCapacity10(bytes("0001ffff 00000200"))).toEqual({ blocks: 0x20000, blockSizeBytes: 512 });
    expect(parseCapacity10(bytes("ffffffff 00000200"))).toBeUndefined();
    expect(parseCapacity10(bytes("0001ffff"))).toBeUndefined();
  });

  it("give the LUNs, as far as they reach", () => {
    const list = "0000000000000000 0001000000000000 4100000000000000 c100000000000000";
    expect(parseLunList(bytes(`00000020 00000000 ${list}`))).toEqual([0, 1, 256]);
    expect(parseLunList(bytes(`00000010 00000000 ${list}`))).toEqual([0, 1]);
    expect(parseLunList(bytes(`ffffffff 00000000 ${list.slice(0, 30)}`))).toEqual([0]);
    expect(parseLunList(bytes("000000"))).toEqual([]);
  });
});

describe("caching page", () => {
  const PAGE = "08 12 04 0000000000000000000000000000000000";

  it("tells of write cache, FUA and write protection", () => {
    expect(parseCachingMode6(bytes(`17 00 10 00 ${PAGE}`))).toEqual({
      writeCache: true,
      fua: true,
      readOnly: false,
    });
    expect(parseCachingMode6(bytes(`1f 00 80 08 0000000000000200 ${PAGE.replace("04", "00")}`))).toEqual({
      writeCache: false,
      fua: false,
      readOnly: true,
    });
    expect(parseCachingMode10(bytes(`001a 00 10 0000 0000 ${PAGE}`))).toEqual({
      writeCache: true,
      fua: true,
      readOnly: false,
    });
  });

  it("is found behind other pages", () => {
    expect(parseCachingMode6(bytes(`2b 00 10 00 01 02 0000 ca 05 0002 0000 ${PAGE}`))?.writeCache).toBe(true);
  });

  it("may be missing or cut off", () => {
    expect(parseCachingMode6(bytes("03 00 90 00"))).toEqual({ writeCache: false, fua: true, readOnly: true });
    expect(parseCachingMode6(bytes("17 00 10 00 08 12"))).toMatchObject({ writeCache: false });
    expect(parseCachingMode6(bytes("17 00"))).toBeUndefined();
    expect(parseCachingMode10(bytes("001a 00 10"))).toBeUndefined();
  });

  it("ends, whatever comes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (data) => {
        parseCachingMode6(data);
        parseCachingMode10(data);
      }),
    );
  });
});

describe("sense", () => {
  const code = senseCode(SenseKey.UnitAttention, Asc.CapacityChanged);

  it("is key, ASC and ASCQ in one number", () => {
    expect(code).toBe(0x062a09);
    expect([senseKey(code), senseAsc(code)]).toEqual([6, 0x2a09]);
  });

  it("comes in fixed format as it was written", () => {
    const data = new Uint8Array(FIXED_SENSE_BYTES + 2).fill(0xaa);
    writeFixedSense(data, 1, code);
    expect(Buffer.from(data).toString("hex")).toBe("aa700006000000000a000000002a0900000000aa");
    expect(readSense(data, 1, 1 + FIXED_SENSE_BYTES)).toBe(code);
  });

  it.each([
    ["descriptor format", "72 05 24 00 00000000", 0x052400],
    ["descriptor format, deferred", "73 03 11 04 00000000", 0x031104],
    ["fixed format that ends before its ASC", "70 00 03 00000000 04 00000000 11 00", 0x030000],
    ["fixed format cut off by the answer", "70 00 03 00000000 0a 00000000", 0x030000],
    ["fixed format without a length", "71 00 04 00", 0x040000],
    ["a vendor's format", "7f 05 24 00 00000000", 0],
    ["too little", "72 05 24", 0],
  ])("is read from %s", (_name, form, expected) => {
    const data = bytes(form);
    expect(readSense(data, 0, data.length)).toBe(expected);
  });

  it("is bounded by what came, never by the length that it claims", () => {
    expect(readResponseSense(bytes("ffff 72 05 24 00"), 0, 6)).toBe(0x052400);
    expect(readResponseSense(bytes("0002 72 05 24 00"), 0, 6)).toBe(0);
    expect(readResponseSense(bytes("0004 72 05 24 00"), 0, 4)).toBe(0);
    expect(readResponseSense(bytes("00"), 0, 1)).toBe(0);
  });
});
