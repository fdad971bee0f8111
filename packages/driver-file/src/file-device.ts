import { constants, type Stats } from "node:fs";
import { type FileHandle, open, readFile, realpath, stat } from "node:fs/promises";
import { type Clock, type DiscoveredPath, FairleadError, type LunDescription } from "@fairlead/core";
import { FilePath } from "./file-path.js";

const BLOCK_BYTES = 512;
const TRANSFER_BYTES_MAX = 32 * 1024 * 1024;

/** One file or block device that is to be LUN 0 of a device. */
export interface FileSettings {
  path: string;
  /** Opened for reading only; writes end as `write-protected`. @default false */
  readOnly?: boolean;
  /** A missing file is made with this size, sparse. One that exists keeps its size. Bytes. */
  sizeBytes?: number;
}

/** A configured file: opens it at a scan, looks at it again at the next, serves one path. */
export class FileDevice {
  readonly id: string;
  readonly settings: FileSettings;
  readonly #hbaName: string;
  readonly #clock: Clock;
  #handle: FileHandle | undefined;
  #path: FilePath | undefined;
  #scanning: Promise<DiscoveredPath> | undefined;

  constructor(hbaName: string, index: number, settings: FileSettings, clock: Clock) {
    this.id = `${hbaName}:${index}`;
    this.settings = settings;
    this.#hbaName = hbaName;
    this.#clock = clock;
  }

  /** Errors: `FILE_MISSING`, `FILE_OPEN_FAILED`, `FILE_UNSUITABLE`. */
  scan(): Promise<DiscoveredPath> {
    this.#scanning ??= this.#scan().finally(() => {
      this.#scanning = undefined;
    });
    return this.#scanning;
  }

  async close(): Promise<void> {
    await this.#scanning?.catch(() => undefined);
    this.#path?.failed("closed", `${this.settings.path} is closed`);
    await this.#release();
  }

  async #scan(): Promise<DiscoveredPath> {
    try {
      if (this.#handle !== undefined && !(await this.#stillThere(this.#handle))) {
        this.#path?.failed("lun-gone", `${this.settings.path} is no longer the file that was opened`);
        await this.#release();
      }
      this.#handle ??= await this.#open();
      return await this.#describe(this.#handle);
    } catch (error) {
      throw error instanceof FairleadError ? error : this.#openFailed(error);
    }
  }

  /** The path may lead to another file by now, or to none. */
  async #stillThere(handle: FileHandle): Promise<boolean> {
    const [opened, named] = await Promise.all([handle.stat(), statIfThere(this.settings.path)]);
    return named !== undefined && named.dev === opened.dev && named.ino === opened.ino;
  }

  async #open(): Promise<FileHandle> {
    const { path, readOnly = false, sizeBytes } = this.settings;
    const access = readOnly ? constants.O_RDONLY : constants.O_RDWR;
    // Without O_NONBLOCK, opening a FIFO would wait for its other end.
    const flags = access | constants.O_NONBLOCK;
    if (sizeBytes === undefined || (await statIfThere(path)) !== undefined) return open(path, flags);
    const handle = await open(path, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, 0o600);
    try {
      await handle.truncate(sizeBytes);
    } finally {
      if (readOnly) await handle.close();
    }
    return readOnly ? open(path, flags) : handle;
  }

  async #describe(handle: FileHandle): Promise<DiscoveredPath> {
    const { path, readOnly = false } = this.settings;
    const stats = await handle.stat();
    const sizeBytes = await sizeOf(path, stats);
    const capacityBytes = sizeBytes - (sizeBytes % BLOCK_BYTES);
    if (capacityBytes === 0)
      throw new FairleadError("FILE_UNSUITABLE", `${path} has ${sizeBytes} bytes, expected 512 or more`);
    const id = `file:${await realpath(path)}`;
    this.#path ??= new FilePath({
      id: `${this.id}:0`,
      sessionId: this.id,
      components: [`hba:${this.#hbaName}`, id],
      clock: this.#clock,
    });
    this.#path.capacityBytes = capacityBytes;
    if (!this.#path.up) this.#path.opened(handle.fd, readOnly);
    const lun: LunDescription = {
      id,
      ids: [id, `file.${stats.dev}-${stats.ino}`],
      capacityBytes,
      blockSizeBytes: BLOCK_BYTES,
      maxTransferBytes: TRANSFER_BYTES_MAX,
      readOnly,
      writeCache: true,
      fua: true,
      vendor: "local",
      product: stats.isBlockDevice() ? "block device" : "file",
    };
    return { adapter: this.#path, lun };
  }

  async #release(): Promise<void> {
    const handle = this.#handle;
    this.#handle = undefined;
    await this.#path?.settled();
    await handle?.close();
  }

  #openFailed(error: unknown): FairleadError {
    const { path } = this.settings;
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT")
      return new FairleadError("FILE_MISSING", `${path} does not exist`, { cause: error });
    const reason = error instanceof Error ? error.message : String(error);
    return new FairleadError("FILE_OPEN_FAILED", `can't open ${path}: ${reason}`, { cause: error });
  }
}

/** Errors: `FILE_UNSUITABLE`. */
async function sizeOf(path: string, stats: Stats): Promise<number> {
  if (stats.isFile()) return stats.size;
  if (!stats.isBlockDevice()) {
    throw new FairleadError("FILE_UNSUITABLE", `${path} is neither a file nor a block device`);
  }
  // stat says 0 for a block device; the kernel tells its size in units of 512 bytes, whatever its sectors are.
  const sectors = await readFile(`/sys/dev/block/${major(stats.rdev)}:${minor(stats.rdev)}/size`, "utf8");
  return Number(sectors) * 512;
}

function major(device: number): number {
  return Math.floor(device / 256) % 4096;
}

function minor(device: number): number {
  return (device % 256) + Math.floor(device / 2 ** 20) * 256;
}

async function statIfThere(path: string): Promise<Stats | undefined> {
  try {
    return await stat(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
