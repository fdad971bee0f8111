export { createIscsiDriver, type IscsiDriver } from "./driver.js";
export { IscsiError } from "./errors.js";
export type { ChapOptions, IscsiDriverOptions, IscsiHbaOptions } from "./options.js";
