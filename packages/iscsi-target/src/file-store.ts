import {
  close,
  constants,
  fdatasync,
  fstatSync,
  ftruncate,
  ftruncateSync,
  openSync,
  read as readFile,
  write as writeFile,
} from "node:fs";
import { promisify } from "node:util";
import { checkedSize } from "./memory-store.js";
import type { Store, StoreDone } from "./store.js";

const ZEROS = Buffer.alloc(1 << 18);

export interface FileStoreOptions {
  /** Made where it doesn't exist. */
  readonly path: string;
  /** A multiple of 512; the file is made that long. Bytes. @default the file's own size */
  readonly sizeBytes?: number;
}

/**
 * Keeps bytes in a file; a flush is an fdatasync.
 * @throws the system's error where the file can't be opened; OptionError where its size is no multiple of 512.
 */
export function fileStore(options: FileStoreOptions): Store {
  const descriptor = openSync(options.path, constants.O_RDWR | constants.O_CREAT, 0o600);
  let sizeBytes = checkedSize(options.sizeBytes ?? fstatSync(descriptor).size);
  if (fstatSync(descriptor).size !== sizeBytes) ftruncateSync(descriptor, sizeBytes);

  function read(
    offsetBytes: number,
    target: Uint8Array,
    at: number,
    lengthBytes: number,
    done: StoreDone,
  ): boolean {
    readFile(descriptor, target, at, lengthBytes, offsetBytes, (error, count) => {
      if (error !== null) done(error);
      else if (count === lengthBytes) done(null);
      else if (count === 0) {
        // Beyond the end of a file that someone else has cut.
        target.fill(0, at, at + lengthBytes);
        done(null);
      } else read(offsetBytes + count, target, at + count, lengthBytes - count, done);
    });
    return false;
  }

  function write(
    offsetBytes: number,
    source: Uint8Array,
    at: number,
    lengthBytes: number,
    fua: boolean,
    done: StoreDone,
  ): boolean {
    writeFile(descriptor, source, at, lengthBytes, offsetBytes, (error, count) => {
      if (error !== null) done(error);
      else if (count < lengthBytes)
        write(offsetBytes + count, source, at + count, lengthBytes - count, fua, done);
      else if (fua) fdatasync(descriptor, done);
      else done(null);
    });
    return false;
  }

  function zero(offsetBytes: number, lengthBytes: number, done: StoreDone): boolean {
    const step = Math.min(lengthBytes, ZEROS.length);
    return write(offsetBytes, ZEROS, 0, step, false, (error) => {
      if (error !== null || step === lengthBytes) done(error);
      else zero(offsetBytes + step, lengthBytes - step, done);
    });
  }

  return {
    get sizeBytes() {
      return sizeBytes;
    },
    synchronous: false,
    read,
    write,
    zero,
    flush(done) {
      fdatasync(descriptor, done);
      return false;
    },
    async resize(newSizeBytes) {
      await promisify(ftruncate)(descriptor, checkedSize(newSizeBytes));
      sizeBytes = newSizeBytes;
    },
    close: () => promisify(close)(descriptor),
  };
}
