import { type Running, start } from "./process.js";
import type { Scope } from "./scope.js";
import { fromSource, ROOT } from "./source.js";
import { until } from "./until.js";

/** The embedded target in a process of its own. */
export class San {
  #commands = 0;

  private constructor(private readonly running: Running) {}

  /** With the arguments of `fairlead-san`. */
  static async start(scope: Scope, args: readonly string[]): Promise<San> {
    const running = await start(
      scope,
      process.execPath,
      [...fromSource("packages/iscsi-target/src/cli.ts"), ...args],
      {
        cwd: ROOT,
        input: true,
        readyTimeoutMs: 30_000,
        ready: ({ stdout }) => stdout.includes("\n"), // It prints its addresses when it listens.
      },
    );
    return new San(running);
  }

  /** SIGKILL: what it held in memory is gone. */
  async kill(): Promise<void> {
    await this.running.kill();
  }

  /** A fault or a question, as `fairlead-san` takes it on its standard input; its answer. One at a time. */
  async command(command: object): Promise<unknown> {
    const line = ++this.#commands; // The first line were the addresses.
    this.running.write(`${JSON.stringify(command)}\n`);
    const text = await until("answer of the target", () => {
      const lines = this.running.stdout.split("\n");
      return lines.length > line + 1 && lines[line];
    });
    const answer = JSON.parse(text) as { ok: boolean; result?: unknown };
    if (!answer.ok) throw new Error(`${JSON.stringify(command)}: ${text}`);
    return answer.result;
  }
}
