import type { Command, HostEvent, Path, PathAdapter, PathNotice, PathState } from "@fairlead/core";

/** One adapter in its team: its state and its counters, which the team alone changes. */
export class Member implements Path {
  readonly id: string;
  /** What strategies and policies see of it. */
  readonly shown: Path;
  #state: PathState;
  #reason = "";
  #failures = 0;
  #pendingBytes = 0;
  #pendingCommands = 0;
  #completedBytes = 0;
  #completedCommands = 0;
  #busyMs = 0;
  #busySinceMs = 0;
  #enabled = true;

  constructor(
    readonly adapter: PathAdapter,
    readonly share: number,
  ) {
    this.id = adapter.id;
    this.shown = new ShownPath(this);
    this.#state = adapter.up ? "active" : "failed";
    if (!adapter.up) this.#reason = "not up yet";
  }

  get state(): PathState {
    return this.#state;
  }

  /** Why it can't be used, in words; empty while it can. */
  get reason(): string {
    return this.#reason;
  }

  /** How often it failed since it joined; tells one failure from the next. */
  get failures(): number {
    return this.#failures;
  }

  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  get pendingCommands(): number {
    return this.#pendingCommands;
  }

  get completedBytes(): number {
    return this.#completedBytes;
  }

  get completedCommands(): number {
    return this.#completedCommands;
  }

  /** Up to the last change between busy and idle; a stretch that still runs is added when it ends. */
  get busyMs(): number {
    return this.#busyMs;
  }

  get usable(): boolean {
    return this.#state === "active" || this.#state === "marginal";
  }

  sent(command: Command, nowMs: number): void {
    if (this.#pendingCommands++ === 0) this.#busySinceMs = nowMs;
    this.#pendingBytes += command.lengthBytes;
  }

  ended(command: Command, good: boolean, nowMs: number): void {
    this.#pendingBytes -= command.lengthBytes;
    if (--this.#pendingCommands === 0) this.#busyMs += nowMs - this.#busySinceMs;
    if (!good) return;
    this.#completedCommands++;
    this.#completedBytes += command.lengthBytes;
  }

  /** Takes its adapter's word for its state; answers with what there is to tell of it. */
  noticed(notice: PathNotice): HostEvent {
    const failed = notice.kind === "path-failed";
    this.#reason = failed ? `${notice.reason}: ${notice.detail}` : "";
    if (failed) this.#failures++;
    if (this.#enabled) this.#state = failed ? "failed" : "active";
    return {
      kind: notice.kind,
      severity: failed ? "error" : "info",
      subject: this.id,
      reason: failed ? this.#reason : "the path answers again",
    };
  }

  setEnabled(enabled: boolean): void {
    this.#enabled = enabled;
    this.#state = !enabled ? "disabled" : this.adapter.up ? "active" : "failed";
  }
}

/**
 * A member without its adapter and without what changes it, for strategies of others: nothing that one does to it reaches
 * the member, and to assign throws.
 */
class ShownPath implements Path {
  readonly #member: Member;

  constructor(member: Member) {
    this.#member = member;
    Object.freeze(this);
  }

  get id(): string {
    return this.#member.id;
  }

  get state(): PathState {
    return this.#member.state;
  }

  get pendingBytes(): number {
    return this.#member.pendingBytes;
  }

  get pendingCommands(): number {
    return this.#member.pendingCommands;
  }

  get completedBytes(): number {
    return this.#member.completedBytes;
  }

  get completedCommands(): number {
    return this.#member.completedCommands;
  }

  get busyMs(): number {
    return this.#member.busyMs;
  }

  get share(): number {
    return this.#member.share;
  }
}
