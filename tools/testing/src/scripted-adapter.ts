import type { AdapterListener, Command, FailureReason, Outcome, PathAdapter, Session } from "@fairlead/core";

const NOBODY: AdapterListener = {
  completed: () => {
    throw new Error("completed before a team took the adapter");
  },
  notice: () => {},
};

/** An adapter that does what the test says, when it says so. */
export class ScriptedAdapter implements PathAdapter {
  listener = NOBODY;
  up = true;
  readonly pending: Command[] = [];
  readonly fences: ((result: "fenced" | "unfenceable") => void)[] = [];
  readonly resets: ((succeeded: boolean) => void)[] = [];
  readonly session: Session;
  readonly components: readonly string[];

  constructor(readonly id: string) {
    this.components = [`hba:${id.split(":")[0]}`];
    this.session = { id: id.slice(0, id.lastIndexOf(":")), fence: (done) => this.fences.push(done) };
  }

  submit(command: Command): void {
    this.pending.push(command);
  }

  resetLun(done: (succeeded: boolean) => void): void {
    this.resets.push(done);
  }

  complete(command: Command, outcome: Outcome = "good"): void {
    const index = this.pending.indexOf(command);
    if (index === -1) throw new Error(`${this.id} does not have the command`);
    this.pending.splice(index, 1);
    this.listener.completed(command, outcome);
  }

  fail(outcome: "not-sent" | "in-doubt" = "in-doubt", reason: FailureReason = "connection-lost"): void {
    this.up = false;
    this.listener.notice({ kind: "path-failed", reason, detail: "as scripted" });
    for (const command of this.pending.splice(0)) this.listener.completed(command, outcome);
  }

  restore(): void {
    this.up = true;
    this.listener.notice({ kind: "path-restored" });
  }
}
