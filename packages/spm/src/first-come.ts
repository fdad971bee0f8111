import type { AdmissionPolicy, Command } from "@fairlead/core";

/** One queue for all: what takes over where a guarded policy failed and no successor could be made. */
export function firstCome(): AdmissionPolicy {
  let queue: Command[] = [];
  return {
    name: "first-come",
    get queuedCommands() {
      return queue.length;
    },
    enqueue(command) {
      queue.push(command);
    },
    next: () => queue.shift(),
    nextAt: () => Number.POSITIVE_INFINITY,
    requeue(command) {
      queue.unshift(command);
    },
    completed() {},
    cancel(command) {
      const index = queue.indexOf(command);
      if (index !== -1) queue.splice(index, 1);
      return index !== -1;
    },
    setEntry() {},
    removeEntry() {},
    entry: () => undefined,
    pathsChanged() {},
    drain(visit) {
      const commands = queue;
      queue = [];
      for (const command of commands) visit(command);
    },
  };
}
