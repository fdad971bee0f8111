import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { fileStore, memoryStore, type Store, volatileCache } from "../src/index.js";

const directory = mkdtempSync(join(tmpdir(), "fairlead-stores-"));
afterAll(() => rmSync(directory, { recursive: true }));

const SIZE_BYTES = (2 << 20) + 512;
const SECTORS = SIZE_BYTES / 512;
let files = 0;

function whole(run: (done: (error: Error | null) => void) => boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    const done = (error: Error | null) => (error === null ? resolve() : reject(error));
    if (run(done)) resolve();
  });
}

async function readAll(store: Store): Promise<Buffer> {
  const bytes = Buffer.alloc(store.sizeBytes, 0xee);
  await whole((done) => store.read(0, bytes, 0, bytes.length, done));
  return bytes;
}

const path = () => join(directory, `store-${files++}`);
const makers: Record<string, () => Store> = {
  memory: () => memoryStore({ sizeBytes: SIZE_BYTES }),
  file: () => fileStore({ path: path(), sizeBytes: SIZE_BYTES }),
  "memory with a volatile cache": () => volatileCache(memoryStore({ sizeBytes: SIZE_BYTES })),
  "file with a volatile cache": () => volatileCache(fileStore({ path: path(), sizeBytes: SIZE_BYTES })),
};

const range = fc
  .tuple(fc.nat(SECTORS - 1), fc.integer({ min: 1, max: 300 }))
  .map(([sector, count]) => ({ at: sector * 512, bytes: Math.min(count, SECTORS - sector) * 512 }));
const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant("write"), range, byte: fc.nat(255), fua: fc.boolean() }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("zero"), range, byte: fc.constant(0), fua: fc.constant(false) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("flush"),
      range,
      byte: fc.constant(0),
      fua: fc.constant(false),
    }),
  },
);

describe.each(Object.entries(makers))("%s", (_name, make) => {
  test("reads what was written last, and zeros elsewhere", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 6, maxLength: 20 }), async (steps) => {
        const store = make();
        const model = Buffer.alloc(SIZE_BYTES);
        for (const { kind, range, byte, fua } of steps) {
          if (kind === "flush") {
            await whole((done) => store.flush(done));
            continue;
          }
          // Another byte in each sector, and an offset into the source.
          const source = Buffer.alloc(range.bytes + 16, byte);
          for (let at = 0; at < range.bytes; at += 512) source[16 + at] = at >> 9;
          if (kind === "zero") await whole((done) => store.zero(range.at, range.bytes, done));
          else await whole((done) => store.write(range.at, source, 16, range.bytes, fua, done));
          if (kind === "zero") model.fill(0, range.at, range.at + range.bytes);
          else source.copy(model, range.at, 16);
        }
        const read = await readAll(store);
        await store.close();
        expect(read.equals(model)).toBe(true);
      }),
      { numRuns: 12, seed: 7 },
    );
  });

  test("what is cut off by a resize reads as zeros when it comes back", async () => {
    const store = make();
    const source = Buffer.alloc(SIZE_BYTES, 5);
    await whole((done) => store.write(0, source, 0, SIZE_BYTES, true, done));
    await store.resize((1 << 20) + 1024);
    await store.resize(SIZE_BYTES);
    const read = await readAll(store);
    await store.close();
    expect(read.indexOf(0)).toBe((1 << 20) + 1024);
    expect(read.lastIndexOf(5)).toBe((1 << 20) + 1023);
  });
});

test("10 GiB in memory cost nothing until they are written", () => {
  const before = process.memoryUsage().arrayBuffers;
  const store = memoryStore({ sizeBytes: 10 * 2 ** 30 });
  store.write(9 * 2 ** 30, Buffer.alloc(4096, 1), 0, 4096, false, () => {});
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(4 << 20);
});

test("a loss of power takes what was neither flushed nor written with FUA", async () => {
  const store = volatileCache(memoryStore({ sizeBytes: 8192 }));
  const write = (sector: number, byte: number, fua: boolean) =>
    whole((done) => store.write(sector * 512, Buffer.alloc(512, byte), 0, 512, fua, done));
  await write(0, 1, false);
  await whole((done) => store.flush(done));
  await write(1, 2, true);
  await write(2, 3, false);
  await write(0, 4, false);
  expect(store.dirtySectors).toBe(2);
  store.dropCache();
  const read = await readAll(store);
  expect([read[0], read[512], read[1024]]).toEqual([1, 2, 0]);
});

test("a size that is no multiple of 512 is refused", () => {
  expect(() => memoryStore({ sizeBytes: 1000 })).toThrow("sizeBytes must be a multiple of 512");
});
