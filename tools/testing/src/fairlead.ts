import { writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { nbdUri } from "./nbd-uri.js";
import { type Running, type RunOptions, type RunResult, run, start } from "./process.js";
import type { Scope } from "./scope.js";
import { fromSource, ROOT } from "./source.js";
import { until } from "./until.js";

const CLI = "apps/host/src/cli.ts";

/** Runs the host's command line to its end. */
export function fairleadCli(args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  return run(process.execPath, [...fromSource(CLI), ...args], { cwd: ROOT, ...options });
}

function accepts(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path });
    socket.once("error", () => resolve(false));
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
  });
}

/** The host as a process, with its run directory in a temporary one. */
export class Fairlead {
  #process: Running | undefined;

  private constructor(
    private readonly scope: Scope,
    readonly runDir: string,
    readonly configFile: string,
    private readonly env: NodeJS.ProcessEnv,
  ) {}

  /** `config` without `host` and `api`, which are the harness's. Resolves when the control socket answers. */
  static async start(scope: Scope, config: object, env: NodeJS.ProcessEnv = {}): Promise<Fairlead> {
    const directory = await scope.directory();
    const host = new Fairlead(scope, join(directory, "run"), join(directory, "fairlead.yaml"), env);
    await host.writeConfig(config);
    await host.launch();
    return host;
  }

  /** JSON is YAML. */
  async writeConfig(config: object): Promise<void> {
    const whole = { host: { name: "e2e", runDir: this.runDir }, ...config };
    await writeFile(this.configFile, JSON.stringify(whole, undefined, 2));
  }

  get process(): Running {
    if (this.#process === undefined) throw new Error("fairlead: not started");
    return this.#process;
  }

  get nbdSocket(): string {
    return join(this.runDir, "nbd.sock");
  }

  uri(exportName: string): string {
    return nbdUri(this.nbdSocket, exportName);
  }

  /** After the process has ended: again with the same configuration. */
  async launch(): Promise<void> {
    const args = [...fromSource(CLI), "up", "--config", this.configFile];
    this.#process = await start(this.scope, process.execPath, args, {
      cwd: ROOT,
      env: this.env,
      readyTimeoutMs: 30_000,
      ready: () => accepts(this.nbdSocket),
    });
  }

  /** Waits until a client can open the disk. */
  async untilServed(exportName: string, timeoutMs = 20_000): Promise<void> {
    const uri = this.uri(exportName);
    await until(
      `export ${exportName}`,
      async () => (await run("nbdinfo", ["--size", uri], { allow: [0, 1], timeoutMs: 20_000 })).code === 0,
      timeoutMs,
    );
  }
}
