import type { LogicalUnit } from "./logical-unit.js";
import type { StoreDone } from "./store.js";
import type { Task } from "./task.js";

/** Work that is neither a plain read, write nor flush. True: complete when it returns. */
export function performSpecial(_task: Task, _unit: LogicalUnit, _done: StoreDone): boolean {
  return true;
}
