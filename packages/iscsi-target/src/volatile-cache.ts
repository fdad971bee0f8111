import type { Store, StoreDone } from "./store.js";

const SECTOR_BYTES = 512;

/** A store behind a write cache that a loss of power empties. */
export interface VolatileCache extends Store {
  /** Sectors of 512 bytes that are written and not yet on the medium. */
  readonly dirtySectors: number;
  /** Loss of power: what was not flushed is gone. */
  dropCache(): void;
}

/** Holds writes apart until a flush, or FUA, takes them to `medium`; a copy per sector, so for tests. */
export function volatileCache(medium: Store): VolatileCache {
  const dirty = new Map<number, Uint8Array>();

  function read(
    offsetBytes: number,
    target: Uint8Array,
    at: number,
    lengthBytes: number,
    done: StoreDone,
  ): boolean {
    const overlay = () => {
      for (let passed = 0; passed < lengthBytes; passed += SECTOR_BYTES) {
        const sector = dirty.get((offsetBytes + passed) / SECTOR_BYTES);
        if (sector !== undefined) target.set(sector, at + passed);
      }
    };
    const now = medium.read(offsetBytes, target, at, lengthBytes, (error) => {
      overlay();
      done(error);
    });
    if (now) overlay();
    return now;
  }

  function write(
    offsetBytes: number,
    source: Uint8Array,
    at: number,
    lengthBytes: number,
    fua: boolean,
    done: StoreDone,
  ): boolean {
    const written = new Map<number, Uint8Array>();
    for (let passed = 0; passed < lengthBytes; passed += SECTOR_BYTES)
      written.set(
        (offsetBytes + passed) / SECTOR_BYTES,
        Buffer.from(source.subarray(at + passed, at + passed + SECTOR_BYTES)),
      );
    for (const [sector, bytes] of written) dirty.set(sector, bytes);
    return fua ? destage(written, done) : true;
  }

  /** Writes `sectors` to the medium and flushes it; they stay readable here until that is complete. */
  function destage(sectors: ReadonlyMap<number, Uint8Array>, done: StoreDone): boolean {
    const clean = (error: Error | null) => {
      if (error !== null) return;
      for (const [sector, bytes] of sectors) if (dirty.get(sector) === bytes) dirty.delete(sector);
    };
    const flushed: StoreDone = (error) => {
      clean(error);
      done(error);
    };
    let open = 0;
    let failure: Error | null = null;
    const written: StoreDone = (error) => {
      failure ??= error;
      if (--open > 0) return;
      if (failure !== null) done(failure);
      else if (medium.flush(flushed)) flushed(null);
    };
    // All are counted first: an asynchronous medium never calls back from within `write`.
    for (const [sector, bytes] of sectors)
      if (!medium.write(sector * SECTOR_BYTES, bytes, 0, SECTOR_BYTES, false, written)) open++;
    if (open > 0) return false;
    const now = medium.flush(flushed);
    if (now) clean(null);
    return now;
  }

  return {
    get sizeBytes() {
      return medium.sizeBytes;
    },
    get dirtySectors() {
      return dirty.size;
    },
    synchronous: medium.synchronous,
    read,
    write,
    zero(offsetBytes, lengthBytes) {
      for (let passed = 0; passed < lengthBytes; passed += SECTOR_BYTES)
        dirty.set((offsetBytes + passed) / SECTOR_BYTES, new Uint8Array(SECTOR_BYTES));
      return true;
    },
    flush: (done) => destage(new Map(dirty), done),
    async resize(sizeBytes) {
      for (const sector of dirty.keys()) if (sector * SECTOR_BYTES >= sizeBytes) dirty.delete(sector);
      await medium.resize(sizeBytes);
    },
    close: () => medium.close(),
    dropCache() {
      dirty.clear();
    },
  };
}
