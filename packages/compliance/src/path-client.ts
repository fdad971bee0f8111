import assert from "node:assert/strict";
import {
  type AdapterListener,
  Command,
  type Op,
  type Outcome,
  type PathAdapter,
  type PathNotice,
} from "@fairlead/core";
import { within } from "./deadline.js";

interface Waiter {
  readonly resolve: (outcome: Outcome) => void;
}

/** The layer above one adapter: submits, waits, and remembers what the adapter did that it must not do. */
export class PathClient implements AdapterListener {
  readonly notices: PathNotice[] = [];
  /** Broken promises of the adapter, in words. */
  readonly faults: string[] = [];
  /** The HBA is being closed: what is pending may end without a notice. */
  closing = false;
  readonly #pending = new Map<Command, Waiter>();
  readonly #noticeWaiters: { readonly kind: PathNotice["kind"]; readonly resolve: () => void }[] = [];
  #submitting = false;

  constructor(
    readonly adapter: PathAdapter,
    readonly waitMs: number,
  ) {
    adapter.listener = this;
  }

  get pendingCommands(): number {
    return this.#pending.size;
  }

  completed(command: Command, outcome: Outcome): void {
    if (this.#submitting) this.faults.push(`${command.op} completed from within submit`);
    const waiter = this.#pending.get(command);
    if (waiter === undefined) {
      this.faults.push(`${command.op} at ${command.offsetBytes} completed twice`);
      return;
    }
    const failed = this.closing || this.notices.at(-1)?.kind === "path-failed";
    if (outcome === "in-doubt" && !failed) this.faults.push("in-doubt came before the notice path-failed");
    this.#pending.delete(command);
    waiter.resolve(outcome);
  }

  notice(notice: PathNotice): void {
    this.notices.push(notice);
    for (const waiter of this.#noticeWaiters.splice(0)) {
      if (waiter.kind === notice.kind) waiter.resolve();
      else this.#noticeWaiters.push(waiter);
    }
  }

  submit(command: Command): Promise<Outcome> {
    return new Promise((resolve) => {
      this.#pending.set(command, { resolve });
      this.#submitting = true;
      this.adapter.submit(command);
      this.#submitting = false;
    });
  }

  /** The outcome of a new command, within the time that the suite allows. */
  run(op: Op, offsetBytes: number, data: Uint8Array, fua = false): Promise<Outcome> {
    return this.within(this.submit(newCommand(op, offsetBytes, data, fua)), `${op} at ${offsetBytes}`);
  }

  async write(offsetBytes: number, data: Uint8Array, fua = false): Promise<void> {
    const outcome = await this.run("write", offsetBytes, data, fua);
    assert.equal(outcome, "good", `write of ${data.length} bytes at ${offsetBytes}`);
  }

  async read(offsetBytes: number, lengthBytes: number): Promise<Uint8Array> {
    const data = new Uint8Array(lengthBytes).fill(0xee);
    assert.equal(
      await this.run("read", offsetBytes, data),
      "good",
      `read of ${lengthBytes} bytes at ${offsetBytes}`,
    );
    return data;
  }

  /** Resolves with the next notice of this kind. */
  next(kind: PathNotice["kind"]): Promise<void> {
    const notice = new Promise<void>((resolve) => this.#noticeWaiters.push({ kind, resolve }));
    return this.within(notice, `notice ${kind}`);
  }

  within<T>(promise: Promise<T>, what: string): Promise<T> {
    return within(promise, this.waitMs, `${what} on ${this.adapter.id}`);
  }

  /** One more round trip, in which a second completion would show, then the verdict. */
  async verify(): Promise<void> {
    if (this.adapter.up) await this.run("flush", 0, new Uint8Array(0));
    assert.deepEqual(this.faults, []);
  }
}

export function newCommand(op: Op, offsetBytes: number, data: Uint8Array, fua = false): Command {
  const command = new Command();
  command.op = op;
  command.offsetBytes = offsetBytes;
  command.lengthBytes = data.length;
  command.data = data;
  command.fua = fua;
  return command;
}

/** Bytes that differ from place to place and from seed to seed. */
export function pattern(lengthBytes: number, seed: number): Uint8Array {
  const data = new Uint8Array(lengthBytes);
  let state = (seed * 2654435761 + 1) >>> 0;
  for (let index = 0; index < lengthBytes; index++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    data[index] = state >>> 24;
  }
  return data;
}
