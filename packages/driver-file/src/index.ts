export type { FileSettings } from "./file-device.js";
export { createFileHba, type FileHbaOptions } from "./file-hba.js";
