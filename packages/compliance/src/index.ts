/// <reference types="node" />

export { admissionSuite } from "./admission-suite.js";
export { createManualClock, type ManualClock } from "./manual-clock.js";
export type { SuiteRunner } from "./runner.js";
export { strategySuite } from "./strategy-suite.js";
