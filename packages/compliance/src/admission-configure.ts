import assert from "node:assert/strict";
import type { AdmissionPolicy } from "@fairlead/core";
import { AdmissionDriver, isOptionError } from "./admission-model.js";
import { checkSteps, type Taken } from "./admission-steps.js";
import type { SuiteRunner } from "./runner.js";

/** Law of the options that can be changed while commands wait. Their names come from `settings`, where the policy has it. */
export function configureLaws({ it }: SuiteRunner, create: () => AdmissionPolicy, taken: Taken): void {
  it("is configured by the options that it has, and refuses others; where it can be configured", () => {
    if (create().configure === undefined) return;
    const refused = refusedOptions(create);
    let turn = 0;
    checkSteps(taken, (steps) => {
      const [plain, configured] = [new AdmissionDriver(create()), new AdmissionDriver(create())];
      const settings = settingsTold(configured.policy);
      for (const step of steps) {
        plain.step(step);
        configured.policy.configure?.({});
        assertRefused(configured.policy, { noSuchOption: 1 }, isUnknownOption);
        assertRefused(configured.policy, refused[turn++ % refused.length] ?? { noSuchOption: 1 });
        configured.step(step);
      }
      assert.deepEqual(settingsTold(configured.policy), settings, "settings after options that were refused");
      plain.exhaust();
      configured.exhaust();
      assert.deepEqual(
        configured.given,
        plain.given,
        "configure changed what is decided although it refused",
      );
    });
    for (const options of refused) {
      const policy = create();
      const settings = settingsTold(policy);
      assertRefused(policy, options);
      assert.deepEqual(settingsTold(policy), settings, `settings after ${inWords(options)} was refused`);
    }
  });
}

/** Each option that can be changed, in one object with one that can't be so: before it, and behind it. */
function refusedOptions(create: () => AdmissionPolicy): object[] {
  const settings = Object.entries(settingsTold(create()));
  const changes = settings.flatMap(([name, value]) => changed(create, name, value));
  const wrong = settings.flatMap(([name]) => outOfRange(create, name));
  const refused: object[] = [];
  for (const [name, value] of changes) {
    refused.push({ [name]: value, noSuchOption: 1 }, { noSuchOption: 1, [name]: value });
    for (const [other, bad] of wrong) {
      if (other !== name) refused.push({ [name]: value, [other]: bad }, { [other]: bad, [name]: value });
    }
  }
  return refused;
}

/** The option with another value that the policy takes, or nothing where none was found. */
function changed(create: () => AdmissionPolicy, name: string, value: unknown): [string, unknown][] {
  const candidates =
    typeof value === "number"
      ? [2 * value, value / 2, value + 1]
      : typeof value === "boolean"
        ? [!value]
        : [];
  const found = candidates.find((candidate) => candidate !== value && takes(create(), { [name]: candidate }));
  return found === undefined ? [] : [[name, found]];
}

function outOfRange(create: () => AdmissionPolicy, name: string): [string, unknown][] {
  const found = [Number.NaN, -1, "no such value"].find((value) => !takes(create(), { [name]: value }));
  return found === undefined ? [] : [[name, found]];
}

function takes(policy: AdmissionPolicy, options: object): boolean {
  try {
    policy.configure?.(options);
    return true;
  } catch (error) {
    if (!isOptionError(error) && !isUnknownOption(error)) throw error;
    return false;
  }
}

function assertRefused(
  policy: AdmissionPolicy,
  options: object,
  isExpected = (error: unknown) => isUnknownOption(error) || isOptionError(error),
): void {
  assert.throws(
    () => policy.configure?.(options),
    isExpected,
    `configure must throw OPTION_UNKNOWN or OPTION_INVALID for ${inWords(options)}`,
  );
}

function settingsTold(policy: AdmissionPolicy): object {
  const settings: unknown = "settings" in policy ? policy.settings : undefined;
  return typeof settings === "object" && settings !== null ? { ...settings } : {};
}

function isUnknownOption(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "OPTION_UNKNOWN";
}

/** Unlike in JSON, NaN can be told from null. */
function inWords(options: object): string {
  return Object.entries(options)
    .map(([name, value]) => `${name} = ${String(value)}`)
    .join(", ");
}
