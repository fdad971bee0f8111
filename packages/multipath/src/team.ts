import type {
  Command,
  EntrySettings,
  LoadDistributionStrategy,
  Outcome,
  Path,
  PathAdapter,
  PathNotice,
  VmId,
} from "@fairlead/core";
import { Fencing } from "./fencing.js";
import { GuardedStrategy } from "./guarded-strategy.js";
import { Member } from "./member.js";
import { NoPath } from "./no-path.js";
import { type PathTeamOptions, type PathTeamParts, settingsFrom } from "./options.js";
import { Retries } from "./retries.js";
import { WriteOrder } from "./write-order.js";

/** Several adapters that lead to one LUN, used as one. */
export class PathTeam {
  readonly name: string;
  readonly #parts: PathTeamParts;
  readonly #members: Member[] = [];
  #usable: readonly Member[] = [];
  /** The same as others see them; frozen. */
  #shown: readonly Path[] = [];
  readonly #strategy: GuardedStrategy;
  readonly #fencing: Fencing;
  readonly #order: WriteOrder;
  readonly #again: Retries;
  readonly #noPath: NoPath;
  #sent = 0;
  #closed = false;

  constructor(parts: PathTeamParts, options: PathTeamOptions = {}) {
    const settings = settingsFrom(options);
    const { name, clock, onEvent } = parts;
    const common = { name, clock, onEvent };
    this.name = name;
    this.#parts = parts;
    this.#strategy = new GuardedStrategy(parts.strategies, {
      ...common,
      stopwatchMs: parts.stopwatchMs ?? (() => clock.now()),
      faultsMax: settings.strategyFaultsMax,
      slowMs: settings.strategySlowMs,
    });
    this.#fencing = new Fencing({
      ...common,
      quiesceMs: settings.quiesceMs,
      sentCommands: () => this.#sent,
      usableMember: (turn) => this.#usable[turn % this.#usable.length],
      settled: (commands) => this.#settled(commands),
    });
    this.#order = new WriteOrder(this.#fencing);
    this.#again = new Retries({
      ...common,
      triedMsMax: settings.noPathQueueMs + settings.retryMs,
      onDue: () => {
        this.#pump();
        parts.onChanged();
      },
    });
    this.#noPath = new NoPath({
      ...common,
      queueForMs: settings.noPathQueueMs,
      onGivenUp: () => {
        this.#failWaiting();
        parts.onChanged();
      },
    });
  }

  /** True while a command can be sent. */
  get ready(): boolean {
    return this.#usable.length > 0 && !this.#fencing.frozen;
  }

  /** The last path has been gone for longer than commands may wait: they fail at once until one is back. */
  get givenUp(): boolean {
    return this.#noPath.givenUp;
  }

  /** Of the strategy in use. */
  get strategyName(): string {
    return this.#strategy.name;
  }

  /** In order of preference. */
  get strategyNames(): readonly string[] {
    return this.#strategy.names;
  }

  /** Of all strategies since they were set. */
  get strategyFaults(): number {
    return this.#strategy.faults;
  }

  /** Commands with a path, or waiting to be sent again: what counts against the LUN's room. */
  get outstandingCommands(): number {
    return this.#sent + this.#again.size;
  }

  /** Commands that wait behind an overlapping write. */
  get heldCommands(): number {
    return this.#order.heldCommands;
  }

  /** A write that was given to a path, by this process or a predecessor, may still be on its way. */
  get doubtful(): boolean {
    return this.#fencing.doubtful;
  }

  get doubtfulWrites(): number {
    return this.#fencing.doubtfulWrites;
  }

  /** In the order in which they joined. */
  get members(): readonly Member[] {
    return this.#members;
  }

  /** What a strategy sees. */
  get usablePaths(): readonly Path[] {
    return this.#shown;
  }

  /** The adapter joins; it may be down. `share` is its load-balancing share, greater than 0. */
  add(adapter: PathAdapter, share = 1): void {
    const member = new Member(adapter, share);
    adapter.listener = {
      completed: (command, outcome) => this.#completed(member, command, outcome),
      notice: (notice) => this.#noticed(member, notice),
    };
    this.#members.push(member);
    this.#usablePathsChanged();
  }

  /** The adapter leaves; what is still with it ends as it would have. */
  remove(member: Member): void {
    member.setEnabled(false);
    const index = this.#members.indexOf(member);
    if (index !== -1) this.#members.splice(index, 1);
    this.#usablePathsChanged();
  }

  setEnabled(member: Member, enabled: boolean): void {
    member.setEnabled(enabled);
    this.#usablePathsChanged();
  }

  /**
   * From the next command on; what is with a path stays there. In order of preference, at least one, else OptionError.
   * [0115]
   */
  setStrategies(strategies: readonly LoadDistributionStrategy[]): void {
    this.#strategy.setList(strategies);
    this.#pump();
    this.#parts.onChanged();
  }

  /** A VM's level of service, for strategies that heed it; `undefined`: it has none any more. 001.c25 */
  setVm(vm: VmId, settings: EntrySettings | undefined): void {
    this.#strategy.setVm(vm, settings);
  }

  /**
   * Takes a command: it is sent, or held behind an overlapping write, and ends with one `onCompleted`. False where it
   * was not taken: no path is ready, or the strategy wants none just now; ask again after the next `onChanged`.
   */
  submit(command: Command): boolean {
    return this.#order.holds(command) || this.#send(command);
  }

  /** Takes a command that is not with a path and not in doubt out again. False where it has gone already. */
  cancel(command: Command): boolean {
    if (!this.#order.delete(command) && !this.#again.delete(command)) return false;
    this.#finish(command, "cancelled");
    return true;
  }

  /**
   * To be called before the first command where an earlier process may have left writes on their way over these or other
   * paths: writes wait until `predecessorFenced`, and then a LUN RESET, or until the quiesce time has passed.
   */
  inheritDoubt(): void {
    this.#fencing.inherit();
  }

  /** Each session that the earlier process may have had is reinstated. */
  predecessorFenced(): void {
    this.#fencing.predecessorFenced();
  }

  /** The end: what waits fails, what is with a path fails too unless it ends well, and nothing is reported any more. */
  close(): void {
    this.#closed = true;
    this.#noPath.close();
    this.#fencing.close();
    this.#again.close();
    this.#failWaiting();
  }

  #send(command: Command): boolean {
    if (this.#fencing.frozen) return false;
    const nowMs = this.#parts.clock.now();
    command.sentAtMs = nowMs; // Before the strategy is asked: it has no other clock.
    const member = this.#usable[this.#strategy.select(this.#shown, command)];
    if (member === undefined) return false;
    this.#order.opened(command);
    this.#sent++;
    member.sent(command, nowMs);
    member.adapter.submit(command);
    return true;
  }

  #completed(member: Member, command: Command, outcome: Outcome): void {
    const nowMs = this.#parts.clock.now();
    member.ended(command, outcome === "good", nowMs);
    this.#sent--;
    this.#strategy.completed(member.shown, command, nowMs - command.sentAtMs, outcome);
    if (command.troubleSinceMs === -1) command.troubleSinceMs = nowMs; // Reset where it ends.
    switch (outcome) {
      case "not-sent":
        this.#again.push(command);
        break;
      case "in-doubt":
        if (command.op === "write" && !this.#closed) this.#fencing.add(member, command);
        else this.#again.push(command);
        break;
      case "busy":
        this.#again.rest(command);
        break;
      default:
        if (outcome === "good") this.#again.answered();
        this.#finish(command, outcome);
    }
    if (this.#fencing.frozen) this.#fencing.advance();
    if (this.#noPath.givenUp) this.#failWaiting();
    if (this.#again.size > 0) this.#pump();
    this.#parts.onChanged();
  }

  #finish(command: Command, outcome: Outcome): void {
    this.#order.ended(command);
    command.troubleSinceMs = -1;
    // First: its owner may use the same object for the next one.
    if (this.#order.heldCommands > 0) this.#sendAll(this.#order.released(command));
    this.#parts.onCompleted(command, outcome);
  }

  /** These writes can no longer arrive by the old way, or dispatch may go on. */
  #settled(commands: readonly Command[]): void {
    for (const command of commands) this.#again.push(command);
    this.#pump();
    this.#sendAll(this.#order.releasedFromDoubt());
    this.#parts.onChanged();
  }

  #sendAll(commands: readonly Command[]): void {
    for (const command of commands) {
      if (this.#send(command)) continue;
      command.troubleSinceMs = this.#parts.clock.now();
      this.#again.push(command);
    }
  }

  /** Sends again what has to be sent again, oldest first. */
  #pump(): void {
    for (let command = this.#again.next; command !== undefined; command = this.#again.next) {
      const expired = this.#again.expired(command);
      if (!expired && !this.#send(command)) return;
      this.#again.shift();
      if (expired) this.#finish(command, "no-path");
    }
  }

  #noticed(member: Member, notice: PathNotice): void {
    if (this.#closed) return;
    this.#parts.onEvent(member.noticed(notice));
    this.#usablePathsChanged();
  }

  #usablePathsChanged(): void {
    this.#usable = this.#members.filter(({ usable }) => usable);
    this.#shown = Object.freeze(this.#usable.map(({ shown }) => shown));
    this.#strategy.pathsChanged(this.#shown);
    this.#parts.onPathsChanged?.();
    if (this.#usable.length > 0) this.#noPath.end();
    else if (this.#members.length > 0) this.#noPath.begin();
    this.#fencing.advance();
    this.#pump();
    this.#parts.onChanged();
  }

  #failWaiting(): void {
    const waiting = [...this.#again.takeAll(), ...this.#order.takeHeld()];
    for (const command of waiting) this.#finish(command, "no-path");
    this.#fencing.abandon((command) => this.#finish(command, "no-path"));
  }
}
