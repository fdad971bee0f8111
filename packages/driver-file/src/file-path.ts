import type {
  AdapterListener,
  Clock,
  Command,
  FailureReason,
  Outcome,
  PathAdapter,
  Session,
} from "@fairlead/core";
import { Operation, type OperationOwner } from "./operation.js";

const NOBODY: AdapterListener = { completed: () => {}, notice: () => {} };
const IDLE_OPERATIONS_MAX = 256;

/** Somebody who waits until everything up to a sequence number has ended. */
interface Waiter {
  readonly upTo: number;
  remaining: number;
  readonly done: () => void;
}

export interface FilePathInit {
  readonly id: string;
  readonly sessionId: string;
  readonly components: readonly string[];
  readonly clock: Clock;
}

/** One open file as a path. The kernel ends every command, so none is ever in doubt. */
export class FilePath implements PathAdapter, OperationOwner {
  readonly id: string;
  readonly session: Session;
  readonly components: readonly string[];
  listener: AdapterListener = NOBODY;
  up = false;
  fd = -1;
  readOnly = false;
  capacityBytes = 0;
  flushFailure: Outcome | undefined;
  #pending = 0;
  #sequence = 0;
  readonly #idle: Operation[] = [];
  #waiters: Waiter[] = [];
  readonly #clock: Clock;

  constructor(init: FilePathInit) {
    this.id = init.id;
    this.components = init.components;
    this.#clock = init.clock;
    this.session = {
      id: init.sessionId,
      // The kernel gives no proof about writes of a file that it has lost; only their end is one.
      fence: (done) => this.#later(() => done("unfenceable")),
    };
  }

  submit(command: Command): void {
    command.senseCode = 0;
    const refusal = this.#refusal(command);
    if (refusal !== undefined) {
      this.#later(() => this.listener.completed(command, refusal));
      return;
    }
    this.#pending++;
    this.#sequence++;
    const operation = this.#idle.pop() ?? new Operation(this);
    operation.start(command, this.#sequence);
  }

  /** The kernel can't take a command back: done as soon as everything submitted so far has ended. */
  resetLun(done: (succeeded: boolean) => void): void {
    this.#whenEnded(() => done(this.up));
  }

  ended(operation: Operation, outcome: Outcome): void {
    const { command, sequence } = operation;
    if (command === null) return;
    operation.command = null;
    this.#pending--;
    if (this.#idle.length < IDLE_OPERATIONS_MAX) this.#idle.push(operation);
    this.listener.completed(command, outcome);
    if (this.#waiters.length > 0) this.#tellWaiters(sequence);
  }

  opened(fd: number, readOnly: boolean): void {
    this.fd = fd;
    this.readOnly = readOnly;
    this.flushFailure = undefined;
    this.up = true;
    this.listener.notice({ kind: "path-restored" });
  }

  /** No more commands are taken; those in the kernel still end. */
  failed(reason: FailureReason, detail: string): void {
    if (!this.up) return;
    this.up = false;
    this.listener.notice({ kind: "path-failed", reason, detail });
  }

  /** Resolves when every command submitted so far has ended. */
  settled(): Promise<void> {
    return new Promise((resolve) => this.#whenEnded(resolve));
  }

  #refusal(command: Command): Outcome | undefined {
    if (!this.up) return "not-sent";
    if (command.op === "flush") return this.flushFailure;
    const { offsetBytes, lengthBytes } = command;
    if (
      lengthBytes === 0 ||
      offsetBytes > this.capacityBytes ||
      lengthBytes > this.capacityBytes - offsetBytes
    ) {
      return "invalid";
    }
    if (command.op === "read") return undefined;
    if (this.readOnly) return "write-protected";
    return command.fua ? this.flushFailure : undefined;
  }

  #whenEnded(done: () => void): void {
    if (this.#pending === 0) this.#later(done);
    else this.#waiters.push({ upTo: this.#sequence, remaining: this.#pending, done });
  }

  #tellWaiters(sequence: number): void {
    for (const waiter of [...this.#waiters]) {
      if (sequence > waiter.upTo) continue;
      waiter.remaining--;
      if (waiter.remaining > 0) continue;
      this.#waiters = this.#waiters.filter((other) => other !== waiter);
      waiter.done();
    }
  }

  /** Answers come after the call that asked for them has returned. */
  #later(callback: () => void): void {
    this.#clock.schedule(callback, 0);
  }
}
