import { OptionError } from "@fairlead/core";
import type { Store } from "./store.js";

const CHUNK_BYTES = 1 << 20;

export interface MemoryStoreOptions {
  /** A multiple of 512. Bytes. */
  readonly sizeBytes: number;
}

/** Keeps bytes in memory, in chunks of 1 MiB that are allocated at their first write. */
export function memoryStore(options: MemoryStoreOptions): Store {
  let sizeBytes = checkedSize(options.sizeBytes);
  const chunks = new Map<number, Uint8Array>();

  function read(offsetBytes: number, target: Uint8Array, at: number, lengthBytes: number): boolean {
    const end = offsetBytes + lengthBytes;
    let to = at;
    for (let from = offsetBytes; from < end; ) {
      const inChunk = from % CHUNK_BYTES;
      const step = Math.min(CHUNK_BYTES - inChunk, end - from);
      const chunk = chunks.get((from - inChunk) / CHUNK_BYTES);
      if (chunk === undefined) target.fill(0, to, to + step);
      else copy(chunk, inChunk, target, to, step);
      from += step;
      to += step;
    }
    return true;
  }

  function write(offsetBytes: number, source: Uint8Array, at: number, lengthBytes: number): boolean {
    const end = offsetBytes + lengthBytes;
    let from = at;
    for (let to = offsetBytes; to < end; ) {
      const inChunk = to % CHUNK_BYTES;
      const step = Math.min(CHUNK_BYTES - inChunk, end - to);
      copy(source, from, chunkAt((to - inChunk) / CHUNK_BYTES), inChunk, step);
      from += step;
      to += step;
    }
    return true;
  }

  function chunkAt(index: number): Uint8Array {
    let chunk = chunks.get(index);
    if (chunk === undefined) {
      chunk = Buffer.alloc(CHUNK_BYTES);
      chunks.set(index, chunk);
    }
    return chunk;
  }

  function zero(offsetBytes: number, lengthBytes: number): boolean {
    const end = offsetBytes + lengthBytes;
    for (let at = offsetBytes; at < end; ) {
      const inChunk = at % CHUNK_BYTES;
      const step = Math.min(CHUNK_BYTES - inChunk, end - at);
      const index = (at - inChunk) / CHUNK_BYTES;
      if (step === CHUNK_BYTES) chunks.delete(index);
      else chunks.get(index)?.fill(0, inChunk, inChunk + step);
      at += step;
    }
    return true;
  }

  async function resize(newSizeBytes: number): Promise<void> {
    const size = checkedSize(newSizeBytes);
    if (size < sizeBytes) {
      const first = Math.floor(size / CHUNK_BYTES);
      chunks.get(first)?.fill(0, size % CHUNK_BYTES);
      for (const index of chunks.keys()) if (index > first) chunks.delete(index);
    }
    sizeBytes = size;
  }

  return {
    get sizeBytes() {
      return sizeBytes;
    },
    synchronous: true,
    read,
    write,
    zero,
    flush: () => true,
    resize,
    async close() {
      chunks.clear();
    },
  };
}

function copy(source: Uint8Array, from: number, target: Uint8Array, to: number, bytes: number): void {
  target.set(source.subarray(from, from + bytes), to);
}

export function checkedSize(sizeBytes: number): number {
  if (!Number.isSafeInteger(sizeBytes) || sizeBytes < 512 || sizeBytes % 512 !== 0)
    throw new OptionError("sizeBytes", "a multiple of 512 from 512 on", sizeBytes);
  return sizeBytes;
}
