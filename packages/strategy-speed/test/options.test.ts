import { strategySuite } from "@fairlead/compliance";
import { FairleadError } from "@fairlead/core";
import { describe, expect, it } from "vitest";
import { speed } from "../src/index.js";

strategySuite({ describe, it }, () => speed({ intervalMs: 5, probePart: 0.3, overheadBytes: 0 }));

const KNOWN = "intervalMs, probePart, overheadBytes";
const RANGES: [option: string, range: string, values: unknown[]][] = [
  ["intervalMs", "greater than 0 and finite", [0, -1, Number.NaN, Infinity]],
  ["intervalMs", "a number, greater than 0 and finite", ["500", null, [500], 500n]],
  ["probePart", "0 to 0.5", [-0.01, 0.51, Number.NaN, Infinity]],
  ["probePart", "a number, 0 to 0.5", ["0.1", null, [], false]],
  ["overheadBytes", "0 or more and finite", [-1, Number.NaN, Infinity]],
  ["overheadBytes", "a number, 0 or more and finite", ["16384", null, {}, true]],
];

describe("options", () => {
  it.each(RANGES)("%s must be %s", (option, range, values) => {
    for (const value of values) {
      const make = () => speed({ [option]: value });
      expect(make).toThrow(FairleadError);
      expect(make).toThrow(`option ${option} must be ${range}, but is `);
    }
  });

  it("are an object, with none of another name", () => {
    for (const options of [null, 5, "500", [], () => 500]) {
      expect(() => speed(options as never)).toThrow(`option options must be an object { ${KNOWN} }, but is `);
    }
    expect(() => speed({ intervalMs: 5, interval: 5 } as never)).toThrow(
      `there is no option "interval", known are ${KNOWN}`,
    );
  });

  it("that are undefined are left out", () => {
    const options = { intervalMs: undefined, probePart: undefined, overheadBytes: undefined };
    expect(() => speed(options as never)).not.toThrow();
  });
});
