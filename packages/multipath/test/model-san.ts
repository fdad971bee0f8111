import type { AdapterListener, Command, PathAdapter, Session } from "@fairlead/core";

/** A whole number below `limit`, from a seed; mulberry32. */
export function seeded(seed: number): (limit: number) => number {
  let state = seed >>> 0;
  return (limit) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit;
  };
}

/** What is wrong with a SAN whose initiator does not fence as it should. */
export type Mutation = "none" | "no-fence" | "no-reset";

/** A command on its way: in the network of its session, or taken by the target and not yet run. */
interface Travelling {
  readonly command: Command;
  readonly path: ModelPath;
  readonly login: number;
  readonly first: number;
  readonly values: readonly number[];
  /** The initiator still waits for it on this very path and login. */
  awaited: boolean;
}

export const BLOCK_BYTES = 512;

/** One LUN whose every block is one number; what is sent takes its time, and outlives its connection. */
export class ModelSan {
  readonly blocks: number[];
  readonly paths: ModelPath[];
  readonly taken: Travelling[] = [];
  readonly todo: (() => void)[] = [];

  constructor(
    blocks: number,
    paths: number,
    readonly mutation: Mutation,
  ) {
    this.blocks = new Array<number>(blocks).fill(0);
    this.paths = Array.from({ length: paths }, (_, index) => new ModelPath(this, `vmhba${index}:0:1`));
  }

  /** Runs one command of those that the target has taken, whichever; one that nobody waits for only if told so. */
  run(index: number, late: boolean): void {
    if (this.taken[index]?.awaited === false && !late) return;
    const [travelling] = this.taken.splice(index, 1);
    if (travelling === undefined) return;
    const { command, first, values, path } = travelling;
    values.forEach((value, offset) => {
      this.blocks[first + offset] = value;
    });
    if (!travelling.awaited) return;
    if (command.op === "read") {
      const view = new DataView(command.data.buffer);
      for (let block = 0; block < command.lengthBytes / BLOCK_BYTES; block++) {
        view.setUint32(block * BLOCK_BYTES, this.blocks[first + block] ?? 0);
      }
    }
    path.answered(command);
  }
}

export class ModelPath implements PathAdapter {
  listener: AdapterListener = { completed: () => {}, notice: () => {} };
  up = true;
  readonly components = [];
  readonly session: Session;
  readonly #san: ModelSan;
  readonly transit: Travelling[] = [];
  #pending: Command[] = [];
  #login = 0;

  constructor(
    san: ModelSan,
    readonly id: string,
  ) {
    this.#san = san;
    this.session = { id, fence: (done) => san.todo.push(() => this.#fence(done)) };
  }

  submit(command: Command): void {
    const view = new DataView(command.data.buffer);
    const blocks = command.op === "write" ? command.lengthBytes / BLOCK_BYTES : 0;
    this.#pending.push(command);
    this.transit.push({
      command,
      path: this,
      login: this.#login,
      first: command.offsetBytes / BLOCK_BYTES,
      values: Array.from({ length: blocks }, (_, block) => view.getUint32(block * BLOCK_BYTES)),
      awaited: true,
    });
  }

  /** The target takes the oldest command that is on its way; what a dead connection left on its way only if told so. */
  deliver(late: boolean): void {
    const index = this.transit.findIndex(({ awaited }) => awaited || late); // A new login has a connection of its own.
    if (index !== -1) this.#san.taken.push(...this.transit.splice(index, 1));
  }

  answered(command: Command): void {
    this.#pending = this.#pending.filter((pending) => pending !== command);
    this.listener.completed(command, "good");
  }

  fail(): void {
    if (!this.up) return;
    this.up = false;
    for (const travelling of [...this.transit, ...this.#san.taken]) {
      if (travelling.path === this) travelling.awaited = false;
    }
    const pending = this.#pending;
    this.#pending = [];
    this.listener.notice({ kind: "path-failed", reason: "connection-lost", detail: "modelled" });
    for (const command of pending) this.listener.completed(command, "in-doubt");
  }

  restore(): void {
    if (this.up) return;
    this.up = true;
    this.#login++;
    this.listener.notice({ kind: "path-restored" });
  }

  /** Reinstatement ends the old session: what is still on its way can't arrive. What was taken can still run. */
  #fence(done: (result: "fenced") => void): void {
    if (this.#san.mutation !== "no-fence") {
      const login = this.up ? this.#login : this.#login + 1;
      const alive = this.transit.filter((travelling) => travelling.login >= login);
      this.transit.splice(0, this.transit.length, ...alive);
    }
    done("fenced");
  }

  resetLun(done: (succeeded: boolean) => void): void {
    this.#san.todo.push(() => {
      if (!this.up) return done(false);
      if (this.#san.mutation !== "no-reset") while (this.#san.taken.length > 0) this.#san.run(0, true);
      done(true);
    });
  }
}
