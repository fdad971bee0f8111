import type { AdmissionPolicy, Command } from "@fairlead/core";
import { Queue } from "./queue.js";

/** Methods that a host calls in the course of its work. */
export const METHODS = [
  "enqueue",
  "next",
  "nextAt",
  "requeue",
  "completed",
  "cancel",
  "setEntry",
  "removeEntry",
  "entry",
  "pathsChanged",
  "drain",
] as const;

type Method = (typeof METHODS)[number];

/** Each a way to be wrong from one call on; all but the first two in what one method does. */
export const WAYS = [
  "throws",
  "rejects",
  "forgets",
  "hides what it forgets",
  "gives twice",
  "gives a stranger",
  "gives nothing",
  "keeps on drain",
  "drains twice",
  "miscounts",
  "names no time",
  "denies at cancel",
] as const;

type Way = (typeof WAYS)[number];

interface Flaw {
  readonly way: Way;
  /** Where it throws or rejects. */
  readonly method: Method;
  /** Calls that go well before. */
  readonly from: number;
  readonly thrown?: unknown;
}

/** A queue that is sound for a while, and then is not, for good. */
export function flawed({ way, method, from, thrown = new Error("broken") }: Flaw): AdmissionPolicy {
  const queue = new Queue("flawed");
  const kept: Command[] = [];
  let calls = 0;
  let last: Command | undefined;
  const broken = (): boolean => calls >= from;
  const policy: AdmissionPolicy = {
    name: "flawed",
    get queuedCommands() {
      if (broken() && way === "miscounts") return queue.queuedCommands + 1;
      return queue.queuedCommands + (way === "hides what it forgets" ? kept.length : 0);
    },
    enqueue(command) {
      if (broken() && (way === "forgets" || way === "hides what it forgets")) kept.push(command);
      else queue.enqueue(command);
    },
    next(nowMs) {
      if (broken() && way === "gives nothing") return undefined;
      if (broken() && way === "gives twice" && last !== undefined) return last;
      if (broken() && way === "gives a stranger") return { ...queue.next(nowMs) } as Command;
      last = queue.next(nowMs);
      return last;
    },
    nextAt: () => (broken() && way === "names no time" ? Number.NaN : Number.POSITIVE_INFINITY),
    requeue: (command) => queue.requeue(command),
    completed: (command) => queue.completed(command),
    cancel: (command) => queue.cancel(command) && !(broken() && way === "denies at cancel"),
    setEntry: (vm, settings) => queue.setEntry(vm, settings),
    removeEntry: (vm) => queue.removeEntry(vm),
    entry: (vm) => queue.entry(vm),
    pathsChanged: (paths, capacity) => queue.pathsChanged(paths, capacity),
    drain(visit) {
      let first = true;
      queue.drain((command) => {
        if (!(broken() && way === "keeps on drain" && first)) visit(command);
        if (broken() && way === "drains twice") visit(command);
        first = false;
      });
    },
  };
  for (const name of METHODS) {
    const sound = policy[name] as (...args: unknown[]) => unknown;
    const counted = (...args: unknown[]): unknown => {
      calls++;
      if (calls > from && name === method) {
        if (way === "throws") throw thrown;
        if (way === "rejects") return Promise.reject(thrown);
      }
      return sound(...args);
    };
    Object.assign(policy, { [name]: counted });
  }
  return policy;
}
