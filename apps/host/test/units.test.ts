import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatSize, parseByteRange, parseDuration, parseRate, parseSize } from "../src/config/units.js";

const SIZES = { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3, TiB: 1024 ** 4 };
const DURATIONS = { ms: 1, s: 1000, min: 60_000, h: 3_600_000 };

describe("sizes", () => {
  it("are the number times the unit, or nothing where that is not exact", () => {
    fc.assert(
      fc.property(fc.nat(10_000_000), fc.constantFrom(...Object.entries(SIZES)), (number, [unit, factor]) => {
        const bytes = number * factor;
        expect(parseSize(`${number}${unit}`)).toBe(Number.isSafeInteger(bytes) ? bytes : undefined);
        expect(parseSize(`${number} ${unit}`)).toBe(parseSize(`${number}${unit}`));
      }),
    );
  });

  it("have no unit that is not listed, and no other form", () => {
    const wrong = [
      "",
      "64",
      "64K",
      "64KB",
      "64kib",
      "-1KiB",
      "1e3KiB",
      "0x10B",
      " 1B",
      "1B ",
      "1  B",
      "1.5B",
    ];
    for (const text of [...wrong, "NaNB", "١KiB", "9007199254740993B", "1KiB\n", "1toString"])
      expect(parseSize(text), text).toBeUndefined();
    expect(parseSize("1.5KiB")).toBe(1536);
    expect(parseSize("9007199254740991B")).toBe(Number.MAX_SAFE_INTEGER);
  });

  it("never take long, whatever stands there", () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 10_000 }), (text) => {
        const startedMs = performance.now();
        const bytes = parseSize(text);
        const ms = parseDuration(text);
        expect(performance.now() - startedMs).toBeLessThan(100);
        if (bytes !== undefined) expect(Number.isSafeInteger(bytes) && bytes >= 0).toBe(true);
        if (ms !== undefined) expect(ms).toBeGreaterThanOrEqual(0);
      }),
    );
  });
});

describe("durations", () => {
  it("are milliseconds", () => {
    fc.assert(
      fc.property(
        fc.nat(1_000_000),
        fc.constantFrom(...Object.entries(DURATIONS)),
        (number, [unit, factor]) => {
          expect(parseDuration(`${number}${unit}`)).toBe(number * factor);
        },
      ),
    );
    expect(parseDuration("0.5s")).toBe(500);
  });

  it("need a unit that says which", () => {
    for (const text of ["30", "5m", "30 sec", "-1s", "s", "1s2ms", "Infinitys", "30S"])
      expect(parseDuration(text), text).toBeUndefined();
  });
});

describe("rates", () => {
  it("are bytes or commands per second", () => {
    expect(parseRate("50MiB/s")).toEqual({ bytesPerSecond: 50 * 1024 ** 2 });
    expect(parseRate("3000iops")).toEqual({ commandsPerSecond: 3000 });
  });

  it("are more than nothing and have a unit", () => {
    for (const text of ["0iops", "0B/s", "50MiB", "50MB/s", "3000", "iops", "/s", "-1iops", "1.5iops"])
      expect(parseRate(text), text).toBeUndefined();
  });
});

describe("ranges", () => {
  it("give the start the end's unit where it has none", () => {
    const GIB = 1024 ** 3;
    expect(parseByteRange("0-20GiB")).toEqual({ startBytes: 0, endBytes: 20 * GIB });
    expect(parseByteRange("20-40GiB")).toEqual({ startBytes: 20 * GIB, endBytes: 40 * GIB });
    expect(parseByteRange("512MiB-1GiB")).toEqual({ startBytes: GIB / 2, endBytes: GIB });
    expect(parseByteRange("40GiB-")).toEqual({ startBytes: 40 * GIB, endBytes: undefined });
    expect(parseByteRange("0-")).toEqual({ startBytes: 0, endBytes: undefined });
  });

  it("end behind their start", () => {
    for (const text of [
      "",
      "-",
      "5",
      "20GiB",
      "-20GiB",
      "2-1GiB",
      "1-1GiB",
      "1-5",
      "1GiB-2",
      "0-1GiB-2GiB",
      "5-",
    ])
      expect(parseByteRange(text), text).toBeUndefined();
  });
});

describe("sizes for people", () => {
  it("take the largest unit that fits", () => {
    expect([0, 512, 1536, 20 * 1024 ** 3, 1024 ** 5].map(formatSize)).toEqual([
      "0 B",
      "512 B",
      "1.5 KiB",
      "20 GiB",
      "1024 TiB",
    ]);
  });
});
