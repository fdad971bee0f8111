import { type EntryStatus, FairleadError, type Rate } from "@fairlead/core";
import { described, describedError, silencedPromise } from "@fairlead/multipath";

/** An answer that no admission policy may give; the message says which, in words that follow the method's name. */
export class WrongAnswer extends Error {}

/** A method that has nothing to answer must not be asynchronous. Throws WrongAnswer. */
export function refusePromise(answer: unknown): void {
  if (silencedPromise(answer)) throw new WrongAnswer("answered a promise, which nobody waits for");
}

/** For something given as a command that is none of those that are queued. */
export function stranger(what: string, given: unknown): WrongAnswer {
  return new WrongAnswer(`${what} ${described(given)}, which is no command that is queued here`);
}

/** What a policy did wrong, in words that follow the method's name: of a WrongAnswer those, else what it threw. */
export function faultOf(error: unknown): string {
  try {
    if (error instanceof WrongAnswer) return error.message;
  } catch {
    return "threw something that can't be looked at";
  }
  return `threw ${describedError(error)}`;
}

/** An error that the contract allows, which is for whoever wanted the change. */
export function isRefusal(error: unknown): error is FairleadError {
  try {
    return error instanceof FairleadError;
  } catch {
    return false; // A proxy; refusals are none.
  }
}

/** A copy, since a getter may throw later. Throws WrongAnswer, and whatever the answer throws when it is looked at. */
export function checkedStatus(answer: unknown): EntryStatus | undefined {
  if (answer === undefined) return undefined;
  refusePromise(answer);
  if (typeof answer !== "object" || answer === null)
    throw wrong("answered", answer, "an object or undefined");
  const status = { ...(answer as { [field in keyof EntryStatus]: unknown }) };
  const state = status.state;
  if (state !== "idle" && state !== "waiting" && state !== "limited" && state !== "deferred") {
    throw wrong("answered a state of", state, "idle, waiting, limited or deferred");
  }
  if (typeof status.latencyCritical !== "boolean") {
    throw wrong("answered a latencyCritical of", status.latencyCritical, "true or false");
  }
  return {
    shares: finite("shares", status.shares),
    priority: finite("priority", status.priority),
    guarantee: rate("guarantee", status.guarantee),
    limit: rate("limit", status.limit),
    quantum: status.quantum === null ? null : finite("quantum", status.quantum),
    latencyCritical: status.latencyCritical,
    queuedCommands: finite("queuedCommands", status.queuedCommands),
    consumedUnits: finite("consumedUnits", status.consumedUnits),
    virtualTime: finite("virtualTime", status.virtualTime),
    state,
    unmetMs: finite("unmetMs", status.unmetMs),
  };
}

function finite(field: string, value: unknown): number {
  if (typeof value === "number" && Number.isFinite(value)) return value;
  throw wrong(`answered a ${field} of`, value, "a finite number");
}

function rate(field: string, value: unknown): Rate | null {
  if (value === null) return null;
  if (typeof value === "object" && value !== undefined) {
    if ("bytesPerSecond" in value) return { bytesPerSecond: finite(field, value.bytesPerSecond) };
    if ("commandsPerSecond" in value) return { commandsPerSecond: finite(field, value.commandsPerSecond) };
  }
  throw wrong(`answered a ${field} of`, value, "null or a rate");
}

function wrong(what: string, value: unknown, expected: string): WrongAnswer {
  return new WrongAnswer(`${what} ${described(value)}, expected ${expected}`);
}
