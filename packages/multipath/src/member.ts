import type { Command, HostEvent, Path, PathAdapter, PathNotice, PathState } from "@fairlead/core";

/** One adapter in its team: the state and the counters that strategies and the console read. */
export class Member implements Path {
  readonly id: string;
  state: PathState;
  /** Why it can't be used, in words; empty while it can. */
  reason = "";
  /** How often it failed since it joined; tells one failure from the next. */
  failures = 0;
  pendingBytes = 0;
  pendingCommands = 0;
  completedBytes = 0;
  completedCommands = 0;
  #busyMs = 0;
  #busySinceMs = 0;
  #enabled = true;

  constructor(
    readonly adapter: PathAdapter,
    readonly share: number,
  ) {
    this.id = adapter.id;
    this.state = adapter.up ? "active" : "failed";
    if (!adapter.up) this.reason = "not up yet";
  }

  /** Up to the last change between busy and idle; a stretch that still runs is added when it ends. */
  get busyMs(): number {
    return this.#busyMs;
  }

  get usable(): boolean {
    return this.state === "active" || this.state === "marginal";
  }

  sent(command: Command, nowMs: number): void {
    if (this.pendingCommands++ === 0) this.#busySinceMs = nowMs;
    this.pendingBytes += command.lengthBytes;
  }

  ended(command: Command, good: boolean, nowMs: number): void {
    this.pendingBytes -= command.lengthBytes;
    if (--this.pendingCommands === 0) this.#busyMs += nowMs - this.#busySinceMs;
    if (!good) return;
    this.completedCommands++;
    this.completedBytes += command.lengthBytes;
  }

  /** Takes its adapter's word for its state; answers with what there is to tell of it. */
  noticed(notice: PathNotice): HostEvent {
    const failed = notice.kind === "path-failed";
    this.reason = failed ? `${notice.reason}: ${notice.detail}` : "";
    if (failed) this.failures++;
    if (this.#enabled) this.state = failed ? "failed" : "active";
    return {
      kind: notice.kind,
      severity: failed ? "error" : "info",
      subject: this.id,
      reason: failed ? this.reason : "the path answers again",
    };
  }

  setEnabled(enabled: boolean): void {
    this.#enabled = enabled;
    this.state = !enabled ? "disabled" : this.adapter.up ? "active" : "failed";
  }
}
