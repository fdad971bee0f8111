import { closeSync, constants, fstatSync, openSync, readSync, realpathSync } from "node:fs";
import { extname } from "node:path";
import { FairleadError } from "@fairlead/core";

const FILE_BYTES_MAX = 4 * 1024 * 1024;
const WRITABLE_BY_OTHERS = 0o022;
const EXTENSIONS = [".ts", ".js", ".mjs"];
/** `data:`, `node:`, `https:` and the like. */
const SCHEME = /^[A-Za-z][A-Za-z0-9+.-]*:/;

/** Code that is about to run with the host's rights. */
export interface PluginFile {
  /** Absolute, without symbolic links. */
  readonly path: string;
  readonly source: string;
}

/** Refuses what is no path of a file with code. Errors: `PLUGIN_SPECIFIER_INVALID`. */
export function checkFileSpecifier(file: string): void {
  if (!file.includes("\0") && !SCHEME.test(file) && EXTENSIONS.includes(extname(file))) return;
  const message = `the file of a plugin must be a path that ends in ${EXTENSIONS.join(", ")}, but is ${JSON.stringify(file)}`;
  throw new FairleadError("PLUGIN_SPECIFIER_INVALID", message);
}

/**
 * Reads the file where nobody but root and the host's user can have written it: what is checked is what runs.
 * Errors: `PLUGIN_NOT_FOUND`, `PLUGIN_FILE_REFUSED`.
 */
export function readPluginFile(file: string): PluginFile {
  try {
    // Without O_NONBLOCK, opening a FIFO would wait for its other end.
    const descriptor = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      return readOpen(descriptor, file);
    } finally {
      closeSync(descriptor);
    }
  } catch (cause) {
    if (cause instanceof FairleadError) throw cause;
    const { code, message } = cause as NodeJS.ErrnoException;
    if (code === "ENOENT") {
      throw new FairleadError("PLUGIN_NOT_FOUND", `there is no plugin file ${file}`, { cause });
    }
    throw new FairleadError("PLUGIN_FILE_REFUSED", `plugin ${file} can't be read: ${message}`, { cause });
  }
}

function readOpen(descriptor: number, file: string): PluginFile {
  const { uid, mode, size, isFile } = statOf(descriptor);
  const refuse = (why: string) =>
    new FairleadError("PLUGIN_FILE_REFUSED", `plugin ${file} is not loaded: ${why}`);
  if (!isFile) throw refuse("it is not a file");
  if (uid !== 0 && uid !== process.getuid?.()) {
    throw refuse(`it belongs to user ${uid}, expected root or the host's user`);
  }
  if ((mode & WRITABLE_BY_OTHERS) !== 0) {
    const shown = (mode & 0o777).toString(8).padStart(4, "0");
    throw refuse(`its mode is ${shown}, so that others can write it; chmod go-w it`);
  }
  if (size > FILE_BYTES_MAX) throw refuse(`it is larger than ${FILE_BYTES_MAX} bytes`);
  const buffer = Buffer.alloc(size);
  const source = buffer.toString("utf8", 0, readSync(descriptor, buffer));
  return { path: realpathSync(file), source }; // It may be gone by now.
}

function statOf(descriptor: number) {
  const stats = fstatSync(descriptor);
  return { uid: stats.uid, mode: stats.mode, size: stats.size, isFile: stats.isFile() };
}
