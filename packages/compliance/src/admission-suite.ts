import type { AdmissionPolicy } from "@fairlead/core";
import { bandwidthLaws } from "./admission-bandwidth.js";
import { configureLaws } from "./admission-configure.js";
import { floodLaws } from "./admission-floods.js";
import { memoryLaws } from "./admission-memory.js";
import { queueLaws } from "./admission-queue.js";
import { rangeLaws } from "./admission-ranges.js";
import { settingsLaws } from "./admission-settings.js";
import type { SuiteRunner } from "./runner.js";

export interface AdmissionSuiteOptions {
  /** Whether the policy keeps limits; one that does not must refuse them. @default true */
  limits?: boolean;
  /** Whether the policy keeps guarantees; one that does not must refuse them. @default true */
  guarantees?: boolean;
}

/** Laws that every admission policy keeps. `create` makes a new instance for each. */
export function admissionSuite(
  runner: SuiteRunner,
  create: () => AdmissionPolicy,
  options: AdmissionSuiteOptions = {},
): void {
  const { limits = true, guarantees = true } = options;
  const taken = { limits, guarantees };
  runner.describe("admission policy", () => {
    // First: what a compiler makes of the policy depends on all that was done with it before.
    memoryLaws(runner, create, taken);
    queueLaws(runner, create, taken);
    settingsLaws(runner, create, taken);
    configureLaws(runner, create, taken);
    rangeLaws(runner, create, taken);
    bandwidthLaws(runner, create, taken);
    floodLaws(runner, create, taken);
  });
}
