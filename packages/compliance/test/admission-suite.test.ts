import { type EntrySettings, OptionError, type VmId } from "@fairlead/core";
import { describe, expect, it } from "vitest";
import { admissionSuite } from "../src/index.js";
import { BROKEN_IN_LARGE, WithSettings } from "./broken-in-large.js";
import { BROKEN as BROKEN_IN_CALLS } from "./broken-policies.js";
import { verdict } from "./collect.js";
import { Turns } from "./turns.js";

const NONE = /(?!)/;
const BROKEN = [...BROKEN_IN_CALLS, ...BROKEN_IN_LARGE];

/** Refuses what it would not keep. */
function refusing(...names: ("limit" | "guarantee")[]) {
  return class extends Turns {
    override setEntry(vm: VmId, settings: EntrySettings, nowMs: number): void {
      for (const name of names) {
        if (settings[name]) throw new OptionError(name, "null: this policy keeps none", settings[name]);
      }
      super.setEntry(vm, settings, nowMs);
    }
  };
}

describe("admissionSuite", () => {
  it("accepts a sound policy", async () => {
    const { broken } = await verdict((runner) => admissionSuite(runner, () => new Turns()));
    expect(broken).toEqual([]);
  });

  it("accepts a policy that can be configured and tells its settings", async () => {
    const { broken } = await verdict(
      (runner) => admissionSuite(runner, () => new WithSettings()),
      /configured/,
    );
    expect(broken).toEqual([]);
  });

  it("accepts a sound policy that takes neither limits nor guarantees, and has no options", async () => {
    const create = () =>
      Object.assign(new (refusing("limit", "guarantee"))(), { configure: undefined as never });
    const options = { limits: false, guarantees: false };
    const { broken } = await verdict((runner) => admissionSuite(runner, create, options));
    expect(broken).toEqual([]);
  });

  it.each(BROKEN)("rejects: %s", async (_name, law, Policy) => {
    const { broken } = await verdict((runner) => admissionSuite(runner, () => new Policy()), law);
    expect(broken).toHaveLength(1);
  });

  it("has a broken policy for each of its laws", async () => {
    const { laws } = await verdict((runner) => admissionSuite(runner, () => new Turns()), NONE);
    expect(laws.filter((name) => !BROKEN.some(([, law]) => law.test(name)))).toEqual([]);
  });

  it.each([
    ["limits", /refuses a limit/, /its limit|limited/],
    ["guarantees", /refuses a guarantee/, /guaranteed/],
  ] as const)("wants what is not taken to be refused: %s", async (option, refusal, keeping) => {
    const options = { [option]: false };
    const { broken, laws } = await verdict(
      (runner) => admissionSuite(runner, () => new Turns(), options),
      refusal,
    );
    expect(broken).toHaveLength(1);
    expect(laws.filter((name) => keeping.test(name))).toEqual([]);
    const name = option === "limits" ? "limit" : "guarantee";
    const sound = await verdict(
      (runner) => admissionSuite(runner, () => new (refusing(name))(), options),
      refusal,
    );
    expect(sound.broken).toEqual([]);
  });
});
