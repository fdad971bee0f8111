import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  chapResponse,
  chooseFromList,
  FormatError,
  formatBinary,
  formatText,
  KEY_BYTES_MAX,
  LONG_VALUE_BYTES_MAX,
  negotiate,
  OPERATIONAL_DEFAULTS,
  OPERATIONAL_KEYS,
  parseBinary,
  parseBoolean,
  parseNumber,
  parseText,
  VALUE_BYTES_MAX,
} from "../src/index.js";

const parse = (text: string) => {
  const data = Buffer.from(text);
  return parseText(data, 0, data.length);
};

describe("text", () => {
  it("comes back as it was written, repeated keys included", () => {
    const pairs = [
      ["TargetName", "iqn.2026-01.org.example:a"],
      ["TargetAddress", "192.0.2.1:3260,1"],
      ["TargetAddress", "[2001:db8::1]:3260,2"],
    ] as const;
    const data = formatText(pairs);
    expect(data.toString()).toBe(
      "TargetName=iqn.2026-01.org.example:a\0TargetAddress=192.0.2.1:3260,1\0TargetAddress=[2001:db8::1]:3260,2\0",
    );
    expect(parseText(data, 0, data.length)).toEqual(pairs);
  });

  it("is read within its bounds alone, from anywhere in a buffer", () => {
    const data = Buffer.from("Xx=1\0A=b=c\0Yy=2\0");
    expect(parseText(data, 5, 11)).toEqual([["A", "b=c"]]);
    expect(parseText(data, 0, 0)).toEqual([]);
    expect(() => parseText(data, 5, 10)).toThrow(FormatError);
  });

  it("passes over empty strings", () => {
    expect(parse("A=1\0\0\0")).toEqual([["A", "1"]]);
  });

  it.each([
    ["no =", "InitiatorName\0"],
    ["no NUL at the end", "A=1"],
    ["an empty key", "=1\0"],
    ["a small first letter", "abc=1\0"],
    ["a blank in the key", "A b=1\0"],
    ["a long key", `${"K".repeat(KEY_BYTES_MAX + 1)}=1\0`],
    ["a long value", `A=${"v".repeat(VALUE_BYTES_MAX + 1)}\0`],
    ["a long list", `A=${"v,".repeat(LONG_VALUE_BYTES_MAX / 2)}v\0`],
  ])("is refused with %s", (_what, text) => {
    expect(() => parse(text)).toThrow(FormatError);
  });

  it.each([
    `${"K".repeat(KEY_BYTES_MAX)}=1\0`,
    `A=${"v".repeat(VALUE_BYTES_MAX)}\0`,
    `A=${"v,".repeat(LONG_VALUE_BYTES_MAX / 2)}\0`,
    `A=0x${"0f".repeat(1024)}\0`,
  ])("is taken up to its limits", (text) => {
    expect(parse(text)).toHaveLength(1);
  });

  it("never fails otherwise, whatever comes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (data) => {
        try {
          parseText(data, 0, data.length);
        } catch (error) {
          if (!(error instanceof FormatError)) throw error;
        }
      }),
    );
  });
});

describe("values", () => {
  it("are numbers in decimal or hex, within their range", () => {
    expect(parseNumber("262144", 512, 0xffffff)).toBe(262144);
    expect(parseNumber("0x200", 512, 0xffffff)).toBe(512);
    for (const wrong of ["511", "16777216", "-1", "1e3", "", " 512", "0x", "99999999999"])
      expect(parseNumber(wrong, 512, 0xffffff)).toBeUndefined();
  });

  it("are Yes or No", () => {
    expect(["Yes", "No", "yes", ""].map(parseBoolean)).toEqual([true, false, undefined, undefined]);
  });

  it("are binary in hex or base 64, bounded", () => {
    const data = Uint8Array.of(0, 1, 254, 255);
    expect(formatBinary(data)).toBe("0x0001feff");
    expect(parseBinary("0x0001FEff", 4)).toEqual(Buffer.from(data));
    expect(parseBinary("0bAAH+/w==", 4)).toEqual(Buffer.from(data));
    for (const wrong of ["0x0001feff00", "0x1", "0x", "0001", "0bA*==", "0x00zz"])
      expect(parseBinary(wrong, 4)).toBeUndefined();
  });
});

describe("negotiation", () => {
  const result = (key: string, offered: string, own: string) => {
    const rule = OPERATIONAL_KEYS.get(key);
    return rule === undefined ? "no rule" : negotiate(rule, offered, own);
  };

  it.each([
    ["MaxBurstLength", "262144", "1048576", "262144"],
    ["FirstBurstLength", "1048576", "65536", "65536"],
    ["DefaultTime2Wait", "2", "0", "2"],
    ["InitialR2T", "No", "Yes", "Yes"],
    ["InitialR2T", "No", "No", "No"],
    ["ImmediateData", "Yes", "No", "No"],
    ["ImmediateData", "Yes", "Yes", "Yes"],
    ["MaxRecvDataSegmentLength", "8192", "262144", "8192"],
    ["HeaderDigest", "CRC32C,None", "None", "None"],
  ])("of %s: %s and %s give %s", (key, offered, own, expected) => {
    expect(result(key, offered, own)).toBe(expected);
  });

  it.each([
    ["MaxBurstLength", "511"],
    ["MaxBurstLength", "many"],
    ["ErrorRecoveryLevel", "3"],
    ["ImmediateData", "true"],
    ["HeaderDigest", "CRC32C"],
  ])("of %s refuses %s", (key, offered) => {
    expect(result(key, offered, OPERATIONAL_DEFAULTS[key] ?? "")).toBeUndefined();
  });

  it("has a default for each key, which agrees with itself", () => {
    for (const [key, rule] of OPERATIONAL_KEYS) {
      const own = OPERATIONAL_DEFAULTS[key] ?? "";
      expect(negotiate(rule, own, own)).toBe(own);
    }
  });

  it("takes the first entry of the offer that is supported", () => {
    expect(chooseFromList("7,5", ["5", "7"])).toBe("7");
    expect(chooseFromList("6", ["5", "7"])).toBeUndefined();
  });
});

describe("CHAP", () => {
  it("hashes id, secret and challenge, in MD5 and SHA-256", () => {
    // md5("\x01" + "secret" + "challenge") and sha256 of the same, from md5sum and sha256sum.
    const challenge = Buffer.from("challenge");
    expect(chapResponse(5, 1, "secret", challenge)?.toString("hex")).toBe("46e47770030e2b4e26a0db72a7efec00");
    expect(chapResponse(7, 1, "secret", challenge)?.toString("hex")).toBe(
      "2dfa0526f4764864b7c3c5bc6596bcead3d8dbd984f4fc1d9f330299f0beced4",
    );
    expect(chapResponse(6, 1, "secret", challenge)).toBeUndefined();
  });
});
