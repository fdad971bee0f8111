import type { AdmissionPolicy, Command } from "@fairlead/core";
import { type TestPath, testPaths } from "./strategy-model.js";

/** The paths of one LUN as a policy sees them: their counters follow what is outstanding. */
export class LunPaths {
  readonly #known = new Map<string, TestPath>();
  readonly #sentOver = new Map<Command, TestPath>();
  #turn = 0;
  #told = false;
  #shown: TestPath[] = [];

  constructor(readonly policy: AdmissionPolicy) {}

  /** Whether `next` may be called: before the policy has been told of any path, too. */
  get usable(): boolean {
    return !this.#told || this.#shown.length > 0;
  }

  change(ids: readonly string[], capacity: number, nowMs: number): void {
    const before = this.#shown;
    this.#shown = ids.map((id) => this.#path(id));
    this.#told = true;
    this.policy.pathsChanged(this.#shown, capacity, nowMs);
    // It was lent until this call.
    before.length = 0;
  }

  sent(command: Command): void {
    const path = this.#shown[this.#turn++ % Math.max(1, this.#shown.length)];
    if (path === undefined) return;
    this.#sentOver.set(command, path);
    path.pendingCommands++;
    path.pendingBytes += command.lengthBytes;
  }

  ended(command: Command): void {
    const path = this.#sentOver.get(command);
    if (path === undefined) return;
    this.#sentOver.delete(command);
    path.pendingCommands--;
    path.pendingBytes -= command.lengthBytes;
    path.completedCommands++;
    path.completedBytes += command.lengthBytes;
  }

  #path(id: string): TestPath {
    const path = this.#known.get(id) ?? (testPaths([id])[0] as TestPath);
    this.#known.set(id, path);
    return path;
  }
}
