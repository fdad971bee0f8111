import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { FairleadError } from "@fairlead/core";

const SECRET_BYTES_MAX = 1024;
const OTHERS = 0o007;

/**
 * The one line of a file that others can't read. The secret never stands in a message.
 * Errors: `SECRET_UNREADABLE`, `SECRET_EXPOSED`.
 */
export function readSecret(file: string): string {
  let descriptor: number;
  try {
    // Without O_NONBLOCK, opening a FIFO would wait for its other end.
    descriptor = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    throw new FairleadError("SECRET_UNREADABLE", `can't read the secret: ${(error as Error).message}`);
  }
  try {
    const stats = fstatSync(descriptor);
    if (!stats.isFile()) throw new FairleadError("SECRET_UNREADABLE", `${file} is not a file`);
    if ((stats.mode & OTHERS) !== 0) {
      const mode = (stats.mode & 0o777).toString(8).padStart(4, "0");
      throw new FairleadError(
        "SECRET_EXPOSED",
        `${file} has mode ${mode}, so that others can reach it; chmod 600 it`,
      );
    }
    const buffer = Buffer.alloc(SECRET_BYTES_MAX + 1);
    const secret = buffer.toString("utf8", 0, readSync(descriptor, buffer)).replace(/\r?\n$/, "");
    if (secret === "" || secret.length > SECRET_BYTES_MAX || /[\r\n]/.test(secret)) {
      throw new FairleadError(
        "SECRET_UNREADABLE",
        `${file} must hold one line of 1 to ${SECRET_BYTES_MAX} bytes`,
      );
    }
    return secret;
  } finally {
    closeSync(descriptor);
  }
}
