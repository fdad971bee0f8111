import { describe, expect, it } from "vitest";
import { FairleadError, OptionError, refuseUnknownOptions } from "../src/index.js";

describe("FairleadError", () => {
  it("carries its code, its cause and the name of its class", () => {
    const cause = new Error("why");
    const error = new FairleadError("DISK_UNKNOWN", "there is no disk a", { cause });
    expect(error).toMatchObject({ name: "FairleadError", code: "DISK_UNKNOWN", cause });
    expect(new OptionError("quantum", "1 or more", 0).name).toBe("OptionError");
  });
});

describe("OptionError", () => {
  it.each([
    [0, "0"],
    [Number.NaN, "NaN"],
    ["a\nb", '"a\\nb"'],
    ["x".repeat(65), `"${"x".repeat(64)}…"`],
    [undefined, "undefined"],
    [null, "null"],
    [[1], "an array"],
    [{ secret: "s" }, "an object"],
    [10n, "10"],
  ])("names the option, what was expected and %o", (received, shown) => {
    const error = new OptionError("quantum", "a whole number", received);
    expect(error.message).toBe(`option quantum must be a whole number, but is ${shown}`);
    expect(error).toMatchObject({ code: "OPTION_INVALID", option: "quantum", expected: "a whole number" });
  });
});

describe("refuseUnknownOptions", () => {
  it("names the option that does not exist and those that do", () => {
    expect(() => refuseUnknownOptions({ quantum: 8, quantun: 4 }, ["quantum", "floor"])).toThrow(
      expect.objectContaining({
        code: "OPTION_UNKNOWN",
        message: 'there is no option "quantun", known are quantum, floor',
      }),
    );
    refuseUnknownOptions({ floor: undefined }, ["quantum", "floor"]);
  });
});
