export { Fairlead, fairleadCli } from "./fairlead.js";
export { figure, SOAK } from "./figure.js";
export { type FioDirection, type FioJob, type FioResult, fio } from "./fio.js";
export { NbdClient, NbdError, requestHeader } from "./nbd-client.js";
export { nbdUri } from "./nbd-uri.js";
export { peers } from "./peers.js";
export { type Direction, type HoldOptions, PortalProxy } from "./portal-proxy.js";
export { cpuSeconds, residentBytes } from "./proc.js";
export {
  type ExitStatus,
  type Running,
  type RunOptions,
  type RunResult,
  run,
  type SpawnOptions,
  start,
} from "./process.js";
export { seededBytes, seededIntegers } from "./random.js";
export { San } from "./san.js";
export { Scope } from "./scope.js";
export { ScriptedAdapter } from "./scripted-adapter.js";
export {
  Tgtd,
  type TgtdConnection,
  type TgtdLun,
  type TgtdLunStatistics,
  type TgtdOptions,
  untilSessions,
} from "./tgtd.js";
export { staysTrue, until } from "./until.js";
