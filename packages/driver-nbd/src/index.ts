export type { NbdAddress } from "./listener.js";
export type { NbdExports, NbdServerOptions } from "./options.js";
export { createNbdServer, type NbdServer } from "./server.js";
export type { NbdConnectionStatus, NbdExportStatus, NbdServerStatus } from "./status.js";
