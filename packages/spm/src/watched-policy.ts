import {
  type AdmissionPolicy,
  type Command,
  type EntrySettings,
  type EntryStatus,
  type EventSink,
  FairleadError,
  type Path,
  type VmId,
} from "@fairlead/core";
import { described } from "@fairlead/multipath";
import { merged } from "./entry-settings.js";
import { Heritage } from "./heritage.js";
import { checkedStatus, faultOf, isRefusal, refusePromise, stranger, WrongAnswer } from "./policy-answers.js";
import { STUCK_MS, StuckWatch, soon } from "./stuck-watch.js";
import { drained, Tickets } from "./tickets.js";

export interface GuardedAdmissionParts {
  /** The policy's, in events and for the console. */
  readonly name: string;
  /** Names the LUN in events. */
  readonly team: string;
  /** Makes what takes the policy's place where it fails: one that can't fail, or is guarded itself. A new one at each call. */
  successor(): AdmissionPolicy;
  readonly onEvent: EventSink;
}

interface WatchedPolicyParts extends GuardedAdmissionParts {
  /** It gets every call from now on. */
  tookOver(successor: AdmissionPolicy): void;
}

/** Somebody's policy while it has made no mistake: each call of it is checked, and the first that is wrong is its last. */
export class WatchedPolicy implements Omit<AdmissionPolicy, "configure"> {
  readonly name: string;
  readonly #policy: AdmissionPolicy;
  readonly #parts: WatchedPolicyParts;
  readonly #tickets = new Tickets();
  readonly #watch = new StuckWatch();
  readonly #heritage: Heritage;

  constructor(policy: AdmissionPolicy, parts: WatchedPolicyParts) {
    this.name = parts.name;
    this.#policy = policy;
    this.#parts = parts;
    this.#heritage = new Heritage(parts);
  }

  /** By its own record. */
  get queuedCommands(): number {
    return this.#tickets.queuedCommands;
  }

  enqueue(command: Command, nowMs: number): void {
    this.#heritage.nowMs = nowMs;
    const ticket = this.#tickets.enqueue(command); // Before the call: where it throws, the successor gets this one too.
    try {
      this.#done(this.#policy.enqueue(ticket, nowMs));
    } catch (error) {
      this.#fail("enqueue", error);
    }
  }

  next(nowMs: number): Command | undefined {
    this.#heritage.nowMs = nowMs;
    try {
      const answer: unknown = this.#policy.next(nowMs);
      if (answer === undefined) {
        this.#gaveNothing(nowMs);
        return undefined;
      }
      const command = this.#tickets.commandOf(answer);
      if (command === undefined) {
        refusePromise(answer);
        throw stranger("answered", answer);
      }
      this.#checkCount(this.#tickets.queuedCommands - 1); // While the record still has it.
      this.#tickets.give(answer);
      this.#watch.reset();
      return command;
    } catch (error) {
      return this.#fail("next", error).next(nowMs);
    }
  }

  nextAt(nowMs: number): number {
    this.#heritage.nowMs = nowMs;
    try {
      const answer: unknown = this.#policy.nextAt(nowMs);
      if (typeof answer !== "number" || Number.isNaN(answer)) {
        refusePromise(answer);
        throw new WrongAnswer(`answered ${described(answer)}, expected a time`);
      }
      if (this.#mustGive()) return this.#watch.nextAt(answer, nowMs);
      return answer > nowMs ? answer : soon(nowMs);
    } catch (error) {
      this.#fail("nextAt", error);
      return nowMs; // The successor has not been asked yet.
    }
  }

  requeue(command: Command, nowMs: number): void {
    this.#heritage.nowMs = nowMs;
    const ticket = this.#tickets.requeue(command);
    try {
      this.#done(this.#policy.requeue(ticket, nowMs));
    } catch (error) {
      this.#fail("requeue", error);
    }
  }

  completed(command: Command, nowMs: number): void {
    this.#heritage.nowMs = nowMs;
    const ticket = this.#tickets.complete(command);
    try {
      this.#done(this.#policy.completed(ticket, nowMs));
    } catch (error) {
      this.#fail("completed", error).completed(command, nowMs);
    }
  }

  /** By its own record: the policy is asked only for what is queued. */
  cancel(command: Command): boolean {
    const ticket = this.#tickets.cancel(command);
    if (ticket === undefined) return false;
    try {
      const answer: unknown = this.#policy.cancel(ticket);
      refusePromise(answer);
      if (answer !== true) {
        throw new WrongAnswer(`answered ${described(answer)} for a command that is queued, expected true`);
      }
      this.#checkCount(this.#tickets.queuedCommands);
    } catch (error) {
      this.#fail("cancel", error);
    }
    return true;
  }

  /** Throws what the policy refuses with, or its successor. */
  setEntry(vm: VmId, settings: EntrySettings, nowMs: number): void {
    this.#heritage.nowMs = nowMs;
    const change = merged(undefined, settings);
    try {
      this.#done(this.#policy.setEntry(vm, change, nowMs));
    } catch (error) {
      if (isRefusal(error)) throw error;
      this.#fail("setEntry", error).setEntry(vm, settings, nowMs);
      return;
    }
    this.#heritage.setLevel(vm, change);
  }

  removeEntry(vm: VmId): void {
    this.#heritage.removeLevel(vm);
    try {
      this.#done(this.#policy.removeEntry(vm));
    } catch (error) {
      this.#fail("removeEntry", error);
    }
  }

  entry(vm: VmId): EntryStatus | undefined {
    try {
      return checkedStatus(this.#policy.entry(vm));
    } catch (error) {
      return this.#fail("entry", error).entry(vm);
    }
  }

  pathsChanged(paths: readonly Path[], capacity: number, nowMs: number): void {
    this.#heritage.nowMs = nowMs;
    this.#heritage.setPaths(paths, capacity);
    try {
      this.#done(this.#policy.pathsChanged(paths, capacity, nowMs));
    } catch (error) {
      this.#fail("pathsChanged", error);
    }
  }

  drain(visit: (command: Command) => void): void {
    let commands: Iterable<Command>;
    try {
      commands = drained(this.#policy, this.#tickets);
      this.#checkCount(0);
    } catch (error) {
      this.#fail("drain", error).drain(visit);
      return;
    }
    this.#tickets.takeQueued();
    for (const command of commands) visit(command);
  }

  /** Throws what the policy refuses with; `POLICY_FAILED` where it failed, and its successor has no such options. */
  get configure(): ((options: object) => void) | undefined {
    try {
      if (this.#policy.configure === undefined) return undefined;
    } catch (error) {
      return this.#fail("configure", error).configure;
    }
    return (options) => this.#configure(options);
  }

  #configure(options: object): void {
    try {
      this.#done(this.#policy.configure?.(options));
    } catch (error) {
      if (isRefusal(error)) throw error;
      const { name } = this.#fail("configure", error);
      throw new FairleadError(
        "POLICY_FAILED",
        `configure of ${this.#parts.name} ${faultOf(error)}; ${name} has taken its place, without these options`,
      );
    }
  }

  /** After a method that answers nothing. Throws WrongAnswer. */
  #done(answer: unknown): void {
    if (answer !== undefined) refusePromise(answer);
    this.#checkCount(this.#tickets.queuedCommands);
  }

  #checkCount(expected: number): void {
    const count: unknown = this.#policy.queuedCommands;
    if (count === expected) return;
    throw new WrongAnswer(`left queuedCommands at ${described(count)}, expected ${expected}`);
  }

  #gaveNothing(nowMs: number): void {
    this.#checkCount(this.#tickets.queuedCommands);
    if (!this.#mustGive()) this.#watch.reset();
    else if (this.#watch.stuck(nowMs)) {
      throw new WrongAnswer(
        `gave nothing for ${STUCK_MS} ms although ${this.#tickets.queuedCommands} commands are queued and none is outstanding`,
      );
    }
  }

  /** Something is queued, and no completion would help: what is outstanding may have been given by a predecessor. */
  #mustGive(): boolean {
    const { queuedCommands, outstandingCommands } = this.#tickets;
    return queuedCommands > 0 && outstandingCommands === 0 && !this.#heritage.pending;
  }

  /** The policy is asked nothing any more. Answers with what has taken its place. */
  #fail(method: string, error: unknown): AdmissionPolicy {
    const reason = `${method} ${faultOf(error)}`;
    const { name } = this.#parts;
    this.#event("admission-fault", `${name}: ${reason}`, { policy: name, method });
    const commands = this.#tickets.takeQueued();
    const { successor, hitch } = this.#heritage.handOver(commands);
    this.#parts.tookOver(successor);
    const to = successor.name;
    const inputs = { from: name, to, method, queuedCommands: commands.length };
    this.#event("admission-replaced", `${name} failed: ${reason}; ${to} takes its place${hitch}`, inputs);
    return successor;
  }

  #event(kind: string, reason: string, inputs: Record<string, string | number>): void {
    this.#parts.onEvent({ kind, severity: "error", subject: this.#parts.team, reason, inputs });
  }
}
