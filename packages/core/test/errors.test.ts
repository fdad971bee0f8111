import { describe, expect, it } from "vitest";
import { checkNumber, FairleadError, OptionError, refuseUnknownOptions } from "../src/index.js";

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
    [() => "source", "a function"],
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

  it.each([
    [undefined, "undefined"],
    [null, "null"],
    [5, "5"],
    ["quantum", '"quantum"'],
    [[], "an array"],
    [() => 1, "a function"],
  ])("refuses %o, which is no object, and tells what there is", (options, shown) => {
    const expected = `an object { quantum, floor }, but is ${shown}`;
    expect(() => refuseUnknownOptions(options as never, ["quantum", "floor"])).toThrow(
      `option options must be ${expected}`,
    );
    expect(() => refuseUnknownOptions(options as never, ["quantum", "floor"], "factors")).toThrow(
      `option factors must be ${expected}`,
    );
  });
});

describe("checkNumber", () => {
  const check = (value: unknown) => checkNumber("floor", value as never, (part) => part >= 0, "0 or more");

  it.each([
    ["8", 'a number, 0 or more, but is "8"'],
    [8n, "a number, 0 or more, but is 8"],
    [null, "a number, 0 or more, but is null"],
    [undefined, "a number, 0 or more, but is undefined"],
    [Symbol("s"), "a number, 0 or more, but is Symbol(s)"],
    [Object.create(null), "a number, 0 or more, but is an object"],
    [-1, "0 or more, but is -1"],
    [Number.NaN, "0 or more, but is NaN"],
  ])("refuses %o", (value, message) => {
    expect(() => check(value)).toThrow(OptionError);
    expect(() => check(value)).toThrow(`option floor must be ${message}`);
  });

  it("takes what is in the range", () => {
    for (const value of [0, 0.5, Infinity]) check(value);
  });
});
