import { mkdtemp, rm, statfs } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** What a test opened; closed in reverse order, each once, even where an earlier one fails. */
export class Scope {
  readonly #closers: (() => void | Promise<void>)[] = [];

  defer(close: () => void | Promise<void>): void {
    this.#closers.push(close);
  }

  /** @throws AggregateError with everything that failed to close. */
  async close(): Promise<void> {
    const failures: unknown[] = [];
    for (let close = this.#closers.pop(); close !== undefined; close = this.#closers.pop()) {
      try {
        await close();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw new AggregateError(failures, "closing what the test opened failed");
  }

  /** A new directory (mode 0700), removed with what it holds. Short, since socket paths end at 107 bytes. */
  async directory(parent = tmpdir()): Promise<string> {
    const path = await mkdtemp(join(parent, "fairlead-"));
    this.defer(() => rm(path, { recursive: true, force: true }));
    return path;
  }

  /** In memory where `bytes` fit there, else on disk: containers have little of /dev/shm. */
  async fastDirectory(bytes: number): Promise<string> {
    const { bavail, bsize } = await statfs("/dev/shm");
    return this.directory(bavail * bsize >= bytes ? "/dev/shm" : tmpdir());
  }
}
