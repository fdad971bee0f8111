import type { AdapterListener, Command, FailureReason, LunDescription, PathAdapter } from "@fairlead/core";
import type { LoopTurn, LoopWork } from "./loop-turn.js";
import { ResetKnowledge } from "./reset-knowledge.js";
import type { IscsiSession } from "./session.js";

const SILENT: AdapterListener = { completed: () => {}, notice: () => {} };

/** One LUN behind one session. */
export class LunPath implements PathAdapter, LoopWork {
  readonly id: string;
  listener: AdapterListener = SILENT;
  up = false;
  /** Why it is down; undefined while it is up. */
  failure: FailureReason | undefined;
  lun: LunDescription;
  blockSizeBytes: number;
  /** What this path's session knows of a LUN RESET by this host. */
  readonly reset = new ResetKnowledge();
  readonly #turn: LoopTurn;
  #refused: Command | null = null;
  #refusedLast: Command | null = null;

  constructor(
    readonly session: IscsiSession,
    readonly lunNumber: number,
    lun: LunDescription,
    turn: LoopTurn,
  ) {
    this.id = `${session.id}:${lunNumber}`;
    this.lun = lun;
    this.blockSizeBytes = lun.blockSizeBytes;
    this.#turn = turn;
  }

  get components(): readonly string[] {
    return this.session.components;
  }

  submit(command: Command): void {
    const connection = this.session.connection;
    if (this.up && connection?.submit(this, command)) return;
    this.#refuse(command);
  }

  resetLun(done: (succeeded: boolean) => void): void {
    this.session.resetLun(this, done);
  }

  /** Notices of a path that is down already tell of a change of reason. */
  fail(reason: FailureReason, detail: string): void {
    if (this.failure === reason) return;
    this.up = false;
    this.reset.forget();
    this.failure = reason;
    this.listener.notice({ kind: "path-failed", reason, detail });
  }

  restore(): void {
    if (this.up) return;
    this.up = true;
    this.failure = undefined;
    this.listener.notice({ kind: "path-restored" });
  }

  /** Same unit, same blocks; it may have grown. */
  mayLeadTo(lun: LunDescription): boolean {
    const { id, blockSizeBytes, capacityBytes } = this.lun;
    return id === lun.id && blockSizeBytes === lun.blockSizeBytes && lun.capacityBytes >= capacityBytes;
  }

  /** Completes what was submitted while the path was down. */
  runTurn(): void {
    let command = this.#refused;
    this.#refused = null;
    this.#refusedLast = null;
    while (command !== null) {
      const next: Command | null = command.next;
      command.next = null;
      command.senseCode = 0;
      this.listener.completed(command, "not-sent");
      command = next;
    }
  }

  #refuse(command: Command): void {
    command.next = null;
    if (this.#refusedLast === null) {
      this.#refused = command;
      this.#turn.add(this);
    } else this.#refusedLast.next = command;
    this.#refusedLast = command;
  }
}
