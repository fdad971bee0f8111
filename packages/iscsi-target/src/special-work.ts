import { SenseKey, senseCode } from "@fairlead/iscsi-codec";
import type { LogicalUnit } from "./logical-unit.js";
import type { Store, StoreDone } from "./store.js";
import { type Task, Work } from "./task.js";
import { unmapRanges } from "./unmap-list.js";

const MISCOMPARE = senseCode(SenseKey.Miscompare, 0x1d00);
/** Written at a time by WRITE SAME. */
const PATTERN_BYTES = 64 << 10;
const NO_DATA = new Uint8Array(0);

/**
 * Work that is neither a plain read, write nor flush. Rare, so that it may allocate. `done` comes once, possibly from
 * within; a task that found a difference has its sense by then.
 */
export function performSpecial(task: Task, unit: LogicalUnit, done: StoreDone): void {
  const { store } = unit;
  const data = task.buffer?.subarray(0, task.outBytes) ?? NO_DATA;
  switch (task.work) {
    case Work.Compare:
      compare(task, store, data, data.length, done);
      break;
    case Work.CompareAndWrite:
      compareAndWrite(task, store, data, done);
      break;
    case Work.OrWrite:
      orWrite(task, store, data, done);
      break;
    case Work.Same:
      writeSame(task, store, data, done);
      break;
    case Work.Unmap:
      unmap(task, unit, data, done);
      break;
    default:
      done(null);
  }
}

function read(
  store: Store,
  offsetBytes: number,
  lengthBytes: number,
  then: (bytes: Uint8Array) => void,
  failed: StoreDone,
): void {
  const bytes = new Uint8Array(lengthBytes);
  const end: StoreDone = (error) => (error === null ? then(bytes) : failed(error));
  if (store.read(offsetBytes, bytes, 0, lengthBytes, end)) end(null);
}

function write(store: Store, offsetBytes: number, bytes: Uint8Array, fua: boolean, done: StoreDone): void {
  if (store.write(offsetBytes, bytes, 0, bytes.length, fua, done)) done(null);
}

/** `data` holds `periodBytes` that are compared again and again along the range. */
function compare(task: Task, store: Store, data: Uint8Array, periodBytes: number, done: StoreDone): void {
  read(
    store,
    task.offsetBytes,
    task.lengthBytes,
    (stored) => {
      for (let at = 0; at < stored.length; at += periodBytes)
        if (Buffer.compare(stored.subarray(at, at + periodBytes), data.subarray(0, periodBytes)) !== 0) {
          task.fail(MISCOMPARE);
          break;
        }
      done(null);
    },
    done,
  );
}

function compareAndWrite(task: Task, store: Store, data: Uint8Array, done: StoreDone): void {
  const half = data.length / 2;
  compare(task, store, data.subarray(0, half), half, (error) => {
    if (error !== null || task.senseCode !== 0) done(error);
    else write(store, task.offsetBytes, data.subarray(half), task.fua, done);
  });
}

function orWrite(task: Task, store: Store, data: Uint8Array, done: StoreDone): void {
  read(
    store,
    task.offsetBytes,
    data.length,
    (stored) => {
      for (let at = 0; at < stored.length; at++) stored[at]! |= data[at]!;
      write(store, task.offsetBytes, stored, task.fua, done);
    },
    done,
  );
}

function writeSame(task: Task, store: Store, block: Uint8Array, done: StoreDone): void {
  const end = task.offsetBytes + task.lengthBytes;
  if (block.every((byte) => byte === 0)) {
    if (store.zero(task.offsetBytes, task.lengthBytes, done)) done(null);
    return;
  }
  const pattern = new Uint8Array(Math.max(PATTERN_BYTES, block.length));
  for (let at = 0; at < pattern.length; at += block.length) pattern.set(block, at);
  const step = (offsetBytes: number): void => {
    const bytes = pattern.subarray(0, end - offsetBytes);
    write(store, offsetBytes, bytes, false, (error) => {
      if (error !== null || offsetBytes + bytes.length >= end) done(error);
      else step(offsetBytes + bytes.length);
    });
  };
  step(task.offsetBytes);
}

function unmap(task: Task, unit: LogicalUnit, list: Uint8Array, done: StoreDone): void {
  const ranges = unmapRanges(list, unit);
  if (typeof ranges === "number") {
    task.fail(ranges);
    done(null);
    return;
  }
  const step = (index: number): void => {
    const range = ranges[index];
    if (range === undefined) {
      done(null);
      return;
    }
    const end: StoreDone = (error) => (error === null ? step(index + 1) : done(error));
    if (unit.store.zero(range.offsetBytes, range.lengthBytes, end)) end(null);
  };
  step(0);
}
