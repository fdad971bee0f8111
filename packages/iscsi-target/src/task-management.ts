import { Asc, At, getLun, getU32, TaskFunction, TaskResponse } from "@fairlead/iscsi-codec";
import type { Connection } from "./connection.js";
import type { LogicalUnit } from "./logical-unit.js";
import { sendTaskResponse } from "./responses.js";
import type { Session } from "./session.js";
import type { SessionHost } from "./session-host.js";
import { Stage, type Task, TaskWaiter } from "./task.js";

/** Task management, RFC 7143, 11.5: the answer goes once nothing of what was aborted is left at the medium. */
export function manageTasks(
  host: SessionHost,
  connection: Connection,
  session: Session,
  header: Uint8Array,
): void {
  const initiatorTag = getU32(header, At.InitiatorTag);
  const unit = session.nexuses.get(getLun(header, At.Lun))?.unit;
  const answer = (response: number) => {
    if (connection.ended) return;
    sendTaskResponse(connection, initiatorTag, response);
    connection.flushSoon();
  };
  const done = () => answer(TaskResponse.Complete);
  const taskFunction = header[At.Flags]! & 0x7f;
  switch (taskFunction) {
    case TaskFunction.AbortTask:
      if (!abortTask(host, session, getU32(header, At.ReferencedTag), done)) answer(TaskResponse.NoTask);
      return;
    case TaskFunction.AbortTaskSet:
    case TaskFunction.ClearTaskSet:
    case TaskFunction.LunReset:
      if (unit === undefined) answer(TaskResponse.NoLun);
      else clear(host, session, unit, taskFunction, done);
      return;
    case TaskFunction.TargetWarmReset:
      resetAll(host, session, done);
      return;
    case TaskFunction.TaskReassign:
      answer(TaskResponse.ReassignUnsupported);
      return;
    default:
      answer(TaskResponse.Unsupported);
  }
}

function abortTask(host: SessionHost, session: Session, tag: number, done: () => void): boolean {
  const task = session.slots.find((slot) => slot.stage !== Stage.Free && slot.initiatorTag === tag);
  if (task === undefined) return false;
  const waiter = new TaskWaiter(done);
  take(host, task, waiter);
  waiter.ended();
  return true;
}

function clear(
  host: SessionHost,
  session: Session,
  unit: LogicalUnit,
  taskFunction: number,
  done: () => void,
): void {
  const waiter = new TaskWaiter(done);
  if (taskFunction === TaskFunction.LunReset) resetUnit(host, unit, waiter);
  else
    unit.forEachTask((task) => {
      if (task.session === session) take(host, task, waiter);
      else if (taskFunction === TaskFunction.ClearTaskSet) {
        task.nexus?.establish(COMMANDS_CLEARED);
        take(host, task, waiter);
      }
    });
  waiter.ended();
}

function resetAll(host: SessionHost, session: Session, done: () => void): void {
  const waiter = new TaskWaiter(done);
  const units = new Set([...session.nexuses.values()].map((nexus) => nexus.unit));
  for (const unit of units) resetUnit(host, unit, waiter);
  waiter.ended();
}

/** LUN RESET: every task of every session goes, also of sessions that are gone; each nexus hears of it. SAM-5, 6.3.3 */
function resetUnit(host: SessionHost, unit: LogicalUnit, waiter: TaskWaiter): void {
  unit.service.pump();
  unit.forEachTask((task) => take(host, task, waiter));
  unit.establish(Asc.BusDeviceReset);
  host.report("lun-reset", "warning", `lun ${unit.number}`, "a LUN RESET took back every command");
}

/** With TAS=0 nobody is told. What is at the medium already is waited for. */
function take(host: SessionHost, task: Task, waiter: TaskWaiter): void {
  if (task.stage === Stage.Stored) waiter.add(task);
  host.abort(task);
}

/** Commands cleared by another initiator. */
const COMMANDS_CLEARED = 0x2f00;
