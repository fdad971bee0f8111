import { writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { type RunOptions, type RunResult, run, type Scope, start } from "@fairlead/testing";

const VERDACCIO = join(
  dirname(createRequire(import.meta.url).resolve("verdaccio/package.json")),
  "bin/verdaccio",
);
const SECONDS = 1000;

/** An npm registry of this machine: holds what is published to it, and passes on what others hold. */
export class Registry {
  private constructor(
    private readonly url: string,
    private readonly upstream: string,
    private readonly env: NodeJS.ProcessEnv,
  ) {}

  /** With storage, settings and cache of its own. `upstream`: the registry that npm has here, unless it is given. */
  static async start(scope: Scope, port: number, upstream?: string): Promise<Registry> {
    const directory = await scope.directory();
    const above = upstream ?? (await run("npm", ["config", "get", "registry"])).stdout.trim();
    const url = `http://127.0.0.1:${port}/`;
    const config = {
      storage: join(directory, "storage"),
      uplinks: { upstream: { url: above, timeout: "60s" } },
      packages: {
        "@fairlead/*": { access: "$all", publish: "$all" },
        "**": { access: "$all", proxy: "upstream" },
      },
      web: { enable: false },
      log: { type: "stdout", level: "warn" },
    };
    writeFileSync(join(directory, "config.yaml"), JSON.stringify(config));
    // npm wants a token before it publishes, also where anybody may.
    const npmrc = `registry=${url}\n//127.0.0.1:${port}/:_authToken=anybody\n`;
    writeFileSync(join(directory, "npmrc"), npmrc);
    const args = ["--config", join(directory, "config.yaml"), "--listen", `127.0.0.1:${port}`];
    await start(scope, process.execPath, [VERDACCIO, ...args], {
      cwd: directory,
      readyTimeoutMs: 30 * SECONDS,
      ready: ({ stdout }) => stdout.includes("http address"),
    });
    return new Registry(url, above, {
      npm_config_userconfig: join(directory, "npmrc"),
      npm_config_globalconfig: join(directory, "no-global-npmrc"),
      npm_config_registry: url,
      npm_config_cache: join(directory, "cache"),
      npm_config_update_notifier: "false",
      npm_config_audit: "false",
      npm_config_fund: "false",
    });
  }

  /** Rejects where what others published can't be had: a test that needs it can say nothing then. */
  async checkUpstream(name: string): Promise<void> {
    const response = await fetch(new URL(name, this.url), { signal: AbortSignal.timeout(60 * SECONDS) });
    await response.arrayBuffer();
    if (response.ok) return;
    throw new Error(
      `${this.upstream} does not answer (${name}: ${response.status}); the test installs from it`,
    );
  }

  /** npm, with this as its registry. */
  npm(args: readonly string[], options: RunOptions): Promise<RunResult> {
    return run("npm", args, { timeoutMs: 80 * SECONDS, ...options, env: { ...this.env, ...options.env } });
  }
}
