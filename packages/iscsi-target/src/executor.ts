import { Asc, ScsiStatus, SenseKey, senseCode } from "@fairlead/iscsi-codec";
import type { BufferPool } from "./buffer-pool.js";
import { sendData, sendStatus } from "./data-in.js";
import type { LogicalUnit } from "./logical-unit.js";
import { performSpecial } from "./special-work.js";
import { Stage, type Task, Work } from "./task.js";

const READ_FAILED = senseCode(SenseKey.MediumError, Asc.UnrecoveredReadError);
const WRITE_FAILED = senseCode(SenseKey.MediumError, Asc.WriteError);

/** A connection that has this much to send gets no more data until the peer takes some. Bytes. */
export const OUTPUT_BYTES_MAX = 2 << 20;

/** Takes tasks through the medium to their end. One for all units of a target. */
export class Executor {
  constructor(private readonly buffers: BufferPool) {}

  /** All data of the task has come. */
  submit(task: Task): void {
    if (task.work === Work.None || task.unit === null) {
      this.finish(task);
      return;
    }
    task.stage = Stage.Queued;
    task.unit.service.enqueue(task);
  }

  /** The unit's service is over, or a hold. */
  readonly perform = (task: Task): void => {
    const { unit } = task;
    if (unit === null || (task.aborted && task.stage !== Stage.Stored)) {
      this.release(task);
      return;
    }
    trace(task, unit);
    const { store } = unit;
    const { offsetBytes, lengthBytes, buffer } = task;
    let now = true;
    switch (task.work) {
      case Work.Read:
        this.read(task);
        return;
      case Work.Write:
        task.stage = Stage.Stored;
        if (buffer !== null) now = store.write(offsetBytes, buffer, 0, lengthBytes, task.fua, task.stored);
        break;
      case Work.Flush:
        task.stage = Stage.Stored;
        now = store.flush(task.stored);
        break;
      default:
        task.stage = Stage.Stored;
        performSpecial(task, unit, task.stored);
        return;
    }
    if (now) this.finish(task);
  };

  /** Also called when a parked read has room. */
  read(task: Task): void {
    const { unit, session } = task;
    if (task.aborted || session.ended || unit === null) {
      this.release(task);
      return;
    }
    const { connection } = session;
    if (connection.sender.pendingBytes + connection.readBytes >= OUTPUT_BYTES_MAX) {
      task.stage = Stage.Parked;
      connection.park(task);
      return;
    }
    if (unit.store.synchronous) {
      this.finish(task);
      return;
    }
    const buffer = this.buffers.take(Math.max(1, task.lengthBytes));
    if (buffer === undefined) {
      task.status = ScsiStatus.TaskSetFull;
      this.finish(task);
      return;
    }
    task.buffer = buffer;
    task.stage = Stage.Stored;
    connection.readBytes += task.lengthBytes;
    if (unit.store.read(task.offsetBytes, buffer, 0, task.lengthBytes, task.stored)) this.stored(task, null);
  }

  /** A store that answered later has ended. */
  readonly stored = (task: Task, error: Error | null): void => {
    if (task.work === Work.Read) task.session.connection.readBytes -= task.lengthBytes;
    if (error !== null) task.fail(task.work === Work.Read ? READ_FAILED : WRITE_FAILED);
    this.finish(task);
  };

  /** Answers and ends the task. */
  finish(task: Task): void {
    const { session, nexus } = task;
    const { connection } = session;
    if (!task.aborted && !session.ended) this.answer(task);
    if (nexus !== null) {
      if (task.status !== ScsiStatus.Good) nexus.counters.failed++;
      else if (task.work === Work.Read) nexus.counters.readBytes += task.lengthBytes;
      else if (task.work === Work.Write) nexus.counters.writtenBytes += task.lengthBytes;
    }
    this.release(task);
    connection.flushSoon();
  }

  private answer(task: Task): void {
    const { connection } = task.session;
    const good = task.status === ScsiStatus.Good;
    if (good && task.work === Work.Read && task.lengthBytes > 0)
      sendData(connection, task, task.buffer, task.lengthBytes);
    else if (good && task.reply !== null && Math.min(task.reply.length, task.expectedInBytes) > 0)
      sendData(connection, task, task.reply, Math.min(task.reply.length, task.expectedInBytes));
    else sendStatus(connection, task);
  }

  /**
   * Takes a task back: it gets no answer, and what the medium has not begun never happens. What it has begun ends by
   * itself; `Stage.Stored` says so.
   */
  abort(task: Task): void {
    if (task.aborted || task.stage === Stage.Free) return;
    task.aborted = true;
    if (task.nexus !== null) task.nexus.counters.aborted++;
    // The other stages come by here at their next step.
    if (task.stage === Stage.Collecting) {
      if (task.session.connection.forsake(task) && task.buffer !== null) {
        this.buffers.forget(task.buffer);
        task.buffer = null;
      }
      this.release(task);
    }
  }

  /** The end of every task, answered or not. */
  release(task: Task): void {
    const { unit, buffer, waiters, session } = task;
    if (buffer !== null) this.buffers.give(buffer);
    unit?.leave(task);
    session.give(task);
    if (waiters !== null) for (const waiter of waiters) waiter.ended();
  }
}

function trace(task: Task, unit: LogicalUnit): void {
  if (unit.trace === null || task.nexus === null) return;
  const op = task.work === Work.Read ? "read" : task.work === Work.Flush ? "flush" : "write";
  const { offsetBytes, lengthBytes } = task;
  const { portal } = task.nexus.counters;
  unit.trace({ op, offsetBytes, lengthBytes, portal, initiator: task.session.identity.initiator });
}
