import { type ChildProcess, spawn } from "node:child_process";
import type { Scope } from "./scope.js";
import { until } from "./until.js";

/** What is kept of each output stream; a process that talks without end must not fill the test's memory. */
const OUTPUT_KEPT_CHARS = 4 * 1024 * 1024;

/** Process groups still running: a test runner that leaves early takes them with it. */
const groups = new Set<number>();
process.on("exit", () => {
  for (const group of groups) signalGroup(group, "SIGKILL");
});

export interface SpawnOptions {
  env?: NodeJS.ProcessEnv;
  cwd?: string;
  /** Asked until true; the process that ends before is an error with its output. */
  ready?: (started: Running) => boolean | Promise<boolean>;
  /** Time to become ready, ms. @default 10000 */
  readyTimeoutMs?: number;
  /** Its standard input stays open for `write`. @default false */
  input?: boolean;
}

export interface ExitStatus {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A process in a group of its own. */
export class Running {
  readonly pid: number;
  readonly exited: Promise<ExitStatus>;
  stdout = "";
  stderr = "";
  exitStatus: ExitStatus | undefined;

  constructor(
    readonly name: string,
    private readonly child: ChildProcess,
  ) {
    if (child.pid === undefined) throw new Error(`${name}: could not be started`);
    this.pid = child.pid;
    groups.add(this.pid);
    child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      this.stdout = (this.stdout + text).slice(-OUTPUT_KEPT_CHARS);
    });
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.stderr = (this.stderr + text).slice(-OUTPUT_KEPT_CHARS);
    });
    this.exited = new Promise((resolve) => {
      child.once("close", (code, signal) => {
        this.exitStatus = { code, signal };
        groups.delete(this.pid);
        resolve(this.exitStatus);
      });
    });
  }

  get output(): string {
    return `${this.stdout}${this.stderr}`;
  }

  /** To its standard input. */
  write(text: string): void {
    if (this.child.stdin === null) throw new Error(`${this.name}: started without input`);
    this.child.stdin.write(text);
  }

  /** To the process alone. */
  signal(name: NodeJS.Signals): void {
    if (this.exitStatus === undefined) process.kill(this.pid, name);
  }

  /** SIGKILL to the whole group; returns when the process is gone. */
  async kill(): Promise<ExitStatus> {
    if (this.exitStatus === undefined) signalGroup(this.pid, "SIGKILL");
    return this.exited;
  }
}

/** Starts a process and waits until it is ready; killed when the scope closes. */
export async function start(
  scope: Scope,
  command: string,
  args: readonly string[],
  options: SpawnOptions = {},
): Promise<Running> {
  const running = launch(command, args, options);
  scope.defer(async () => {
    await running.kill();
  });
  const { ready, readyTimeoutMs = 10_000 } = options;
  if (ready !== undefined) await untilReady(running, ready, readyTimeoutMs);
  return running;
}

async function untilReady(
  running: Running,
  ready: (started: Running) => boolean | Promise<boolean>,
  timeoutMs: number,
): Promise<void> {
  try {
    await until(`${running.name} ready`, () => running.exitStatus !== undefined || ready(running), timeoutMs);
  } catch (error) {
    throw new Error(`${running.name} did not get ready:\n${running.output}`, { cause: error });
  }
  if (running.exitStatus !== undefined) {
    throw new Error(`${running.name} ended with ${describe(running.exitStatus)}:\n${running.output}`);
  }
}

export interface RunOptions {
  env?: NodeJS.ProcessEnv;
  cwd?: string;
  /** The group is killed after this time, and the run is an error. ms. @default 60000 */
  timeoutMs?: number;
  /** Exit codes that are no error. @default [0] */
  allow?: readonly number[];
}

export interface RunResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly elapsedMs: number;
}

/** Runs a program to its end. An exit code that is not allowed is an error with the program's output. */
export async function run(
  command: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<RunResult> {
  const { timeoutMs = 60_000, allow = [0] } = options;
  const startedMs = performance.now();
  const running = launch(command, args, options);
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    signalGroup(running.pid, "SIGKILL");
  }, timeoutMs);
  const status = await running.exited;
  clearTimeout(timer);
  const call = `${command} ${args.join(" ")}`;
  if (timedOut) throw new Error(`${call}: not done within ${timeoutMs} ms:\n${running.output}`);
  if (status.code === null || !allow.includes(status.code)) {
    throw new Error(`${call}: ended with ${describe(status)}:\n${running.output}`);
  }
  const { stdout, stderr } = running;
  return { code: status.code, stdout, stderr, elapsedMs: performance.now() - startedMs };
}

function launch(
  command: string,
  args: readonly string[],
  options: { env?: NodeJS.ProcessEnv; cwd?: string; input?: boolean },
): Running {
  const child = spawn(command, args, {
    cwd: options.cwd,
    env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin`, ...options.env },
    detached: true, // A group of its own, so that its children end with it.
    stdio: [options.input === true ? "pipe" : "ignore", "pipe", "pipe"],
  });
  let failure: Error | undefined;
  child.once("error", (error) => {
    failure = error;
  });
  if (child.pid === undefined) throw new Error(`${command}: could not be started`, { cause: failure });
  return new Running(command, child);
}

function signalGroup(group: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-group, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error; // It ended by itself.
  }
}

function describe(status: ExitStatus): string {
  return status.signal ?? `exit code ${status.code}`;
}
