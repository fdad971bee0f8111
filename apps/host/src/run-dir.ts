import { existsSync, lstatSync, mkdirSync, rmdirSync, unlinkSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FairleadError } from "@fairlead/core";

const OWNER_ONLY = 0o700;
const OTHERS = 0o077;

/** Where a host's sockets stand if its config does not say. */
export function defaultRunDir(env: NodeJS.ProcessEnv = process.env): string {
  if (env.XDG_RUNTIME_DIR?.startsWith("/")) return join(env.XDG_RUNTIME_DIR, "fairlead");
  return userId() === 0 ? "/run/fairlead" : join(tmpdir(), `fairlead-${userId()}`);
}

function userId(): number {
  return process.getuid?.() ?? 0;
}

/** A run directory that this process alone uses until it is released. */
export class RunDir {
  readonly path: string;
  /** The host that was here before did not end cleanly: writes of it may still be on their way to the targets. */
  readonly recovering: boolean;
  readonly #lock: Server;
  readonly #made: boolean;

  private constructor(path: string, lock: Server, made: boolean) {
    this.path = path;
    this.#lock = lock;
    this.#made = made;
    this.recovering = existsSync(this.#marker);
    writeFileSync(this.#marker, "", { mode: 0o600 });
  }

  /** Stands from the start of a host to its clean end. On a file system that a reboot empties, as /run is. */
  get #marker(): string {
    return this.file("unsettled");
  }

  /** Errors: `RUN_DIR_REFUSED`, `RUN_DIR_IN_USE`. */
  static async claim(path: string): Promise<RunDir> {
    const made = prepare(path);
    return new RunDir(path, await lock(path), made);
  }

  file(name: string): string {
    return join(this.path, name);
  }

  /** `settled`: nothing can be on its way to the targets any more. */
  async release(settled: boolean): Promise<void> {
    if (settled) unlinkIfThere(this.#marker);
    if (this.#made) removeIfEmpty(this.path);
    await new Promise((resolve) => this.#lock.close(resolve));
  }
}

/** True where it was made. */
function prepare(path: string): boolean {
  const refused = (reason: string, cause?: unknown) =>
    new FairleadError("RUN_DIR_REFUSED", `run directory ${path} ${reason}`, { cause });
  let made = true;
  try {
    mkdirSync(path, { mode: OWNER_ONLY }); // Not its parents: a wrong path should not leave directories behind.
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") {
      throw refused(`can't be made: ${(error as Error).message}`, error);
    }
    made = false;
  }
  const stats = lstatSync(path);
  if (!stats.isDirectory()) throw refused("is not a directory; a symbolic link is not followed");
  if (stats.uid !== userId()) throw refused(`belongs to user ${stats.uid}, expected ${userId()}`);
  if ((stats.mode & OTHERS) !== 0) {
    throw refused(`has mode ${(stats.mode & 0o7777).toString(8)}, so that others can enter it; expected 700`);
  }
  return made;
}

/**
 * A socket in the abstract name space: one process can have it, and it goes with the process however that ends, so
 * that nothing stale is left to be told from something live.
 */
function lock(path: string): Promise<Server> {
  const { dev, ino } = lstatSync(path);
  const server = createServer((socket) => socket.destroy());
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      const taken = error.code === "EADDRINUSE";
      const message = taken
        ? `another host runs in ${path}; stop it, or give this one its own host.runDir`
        : `can't lock ${path}: ${error.message}`;
      reject(new FairleadError(taken ? "RUN_DIR_IN_USE" : "RUN_DIR_REFUSED", message, { cause: error }));
    });
    server.listen({ path: `\0fairlead-${userId()}-${dev}-${ino}` }, () => {
      server.unref();
      resolve(server);
    });
  });
}

function removeIfEmpty(path: string): void {
  try {
    rmdirSync(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "ENOTEMPTY" && code !== "ENOENT" && code !== "EBUSY") throw error;
  }
}

/** Removes a file, if it is there. */
export function unlinkIfThere(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
}
