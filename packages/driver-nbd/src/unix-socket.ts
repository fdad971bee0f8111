import { chmodSync, lstatSync, mkdtempSync, renameSync, rmSync, type Stats, unlinkSync } from "node:fs";
import net from "node:net";
import { dirname, join } from "node:path";
import { FairleadError } from "@fairlead/core";

const OWNER_ONLY = 0o600;
/** sizeof(sun_path) − 1 */
const PATH_BYTES_MAX = 107;

/** A listening unix socket with mode 0600, that appears at its path whole, or not at all. */
export class UnixSocket {
  readonly path: string;
  readonly #inode: number;

  private constructor(path: string, inode: number) {
    this.path = path;
    this.#inode = inode;
  }

  /**
   * Errors: `NBD_SOCKET_REFUSED` (something other than a socket stands there, a symbolic link included),
   * `NBD_SOCKET_IN_USE` (somebody answers there), `NBD_LISTEN_FAILED`.
   */
  static async listen(server: net.Server, path: string): Promise<UnixSocket> {
    if (Buffer.byteLength(path) > PATH_BYTES_MAX) {
      throw new FairleadError(
        "NBD_LISTEN_FAILED",
        `socket path ${path} is longer than ${PATH_BYTES_MAX} bytes`,
      );
    }
    await refuseOccupied(path);
    // Bound under another name first: a socket that can be found at its path has its mode already.
    const hiddenFolder = makeFolder(path);
    try {
      const hidden = join(hiddenFolder, "s");
      await bind(server, hidden);
      chmodSync(hidden, OWNER_ONLY);
      await refuseOccupied(path);
      renameSync(hidden, path);
    } catch (error) {
      if (server.listening) server.close();
      throw error instanceof FairleadError ? error : listenFailed(path, error);
    } finally {
      rmSync(hiddenFolder, { recursive: true });
    }
    return new UnixSocket(path, lstatSync(path).ino);
  }

  /** Removes the socket, if it is still the one that was made. */
  remove(): void {
    if (statIfThere(this.path)?.ino === this.#inode) unlinkIfThere(this.path);
  }
}

function makeFolder(path: string): string {
  try {
    return mkdtempSync(join(dirname(path), ".n"));
  } catch (error) {
    throw listenFailed(path, error);
  }
}

function bind(server: net.Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ path }, () => {
      server.off("error", reject);
      resolve();
    });
  });
}

/** Nothing, or a socket behind which nobody listens any more, may stand at the path. */
async function refuseOccupied(path: string): Promise<void> {
  const stat = statIfThere(path);
  if (stat === undefined) return;
  if (!stat.isSocket()) {
    const what = stat.isSymbolicLink() ? "a symbolic link" : "not a socket";
    throw new FairleadError("NBD_SOCKET_REFUSED", `${path} is ${what}, expected nothing or a stale socket`);
  }
  if (await answers(path)) {
    throw new FairleadError("NBD_SOCKET_IN_USE", `somebody listens at ${path} already`);
  }
}

/** Anything but a refused connection counts as an answer, so that a full backlog is not taken for a stale socket. */
function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect({ path });
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", (error: NodeJS.ErrnoException) => {
      resolve(error.code !== "ECONNREFUSED" && error.code !== "ENOENT");
    });
  });
}

function statIfThere(path: string): Stats | undefined {
  return lstatSync(path, { throwIfNoEntry: false });
}

function unlinkIfThere(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
}

function listenFailed(path: string, error: unknown): FairleadError {
  const reason = error instanceof Error ? error.message : String(error);
  return new FairleadError("NBD_LISTEN_FAILED", `can't listen at ${path}: ${reason}`, { cause: error });
}
