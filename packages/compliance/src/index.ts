/// <reference types="node" />
export { admissionSuite } from "./admission-suite.js";
export { type HbaFixture, type HbaSuiteOptions, hbaSuite } from "./hba-suite.js";
export { createManualClock, type ManualClock } from "./manual-clock.js";
export type { SuiteRunner } from "./runner.js";
export { strategySuite } from "./strategy-suite.js";
