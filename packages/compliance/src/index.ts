/// <reference types="node" />
export { type AdmissionSuiteOptions, admissionSuite } from "./admission-suite.js";
export type { HbaFixture } from "./hba-bench.js";
export { type HbaSuiteOptions, hbaSuite } from "./hba-suite.js";
export { createManualClock, type ManualClock } from "./manual-clock.js";
export type { FarEnd, NicFixture } from "./nic-bench.js";
export { type NicSuiteOptions, nicSuite } from "./nic-suite.js";
export type { SuiteRunner } from "./runner.js";
export { strategySuite } from "./strategy-suite.js";
export type { VmFixture } from "./vm-bench.js";
export { type VmSuiteOptions, vmSuite } from "./vm-suite.js";
