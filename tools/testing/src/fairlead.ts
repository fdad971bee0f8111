import { mkdir, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { dirname, join } from "node:path";
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
    /** Where the config file is. */
    readonly directory: string,
    private readonly args: readonly string[],
    readonly runDir: string,
  ) {}

  /**
   * `config` without `host`, which is the harness's; `files` by name are written beside it. Resolves when the disks'
   * socket takes connections.
   */
  static async start(
    scope: Scope,
    config: object,
    files: Readonly<Record<string, string>> = {},
  ): Promise<Fairlead> {
    const directory = await scope.directory();
    for (const [name, text] of Object.entries(files)) {
      await mkdir(dirname(join(directory, name)), { recursive: true });
      await writeFile(join(directory, name), text);
    }
    const runDir = join(directory, "run");
    const file = join(directory, "fairlead.yaml");
    const whole = { host: { name: "e2e", runDir }, ...config };
    await writeFile(file, JSON.stringify(whole, undefined, 2)); // JSON is YAML.
    const host = new Fairlead(scope, directory, ["up", "--config", file], runDir);
    await host.launch();
    return host;
  }

  /** Without a config, on its embedded SAN. */
  static async demo(scope: Scope): Promise<Fairlead> {
    const directory = await scope.directory();
    const host = new Fairlead(scope, directory, ["up"], join(directory, "fairlead-demo"));
    await host.launch();
    return host;
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
    this.#process = await start(this.scope, process.execPath, [...fromSource(CLI), ...this.args], {
      cwd: ROOT,
      env: { XDG_RUNTIME_DIR: this.directory },
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

  /** A command of the command line, asked of this host. */
  cli(...args: readonly string[]): Promise<RunResult> {
    return fairleadCli(["--socket", join(this.runDir, "api.sock"), ...args]);
  }

  /** What `fairlead get KIND -o json` prints. */
  async get(kind: "paths" | "luns" | "disks" | "vms"): Promise<readonly Record<string, unknown>[]> {
    return JSON.parse((await this.cli("get", kind, "-o", "json")).stdout) as Record<string, unknown>[];
  }
}
