import { fork } from "node:child_process";

export interface OwnProcess<Report, Result> {
  /** A command of this command line that sends reports to its parent. */
  readonly args: readonly string[];
  /** From its start, or from the last `restart`. */
  readonly timeoutMs: number;
  /** What it answers or throws ends the process; undefined: it goes on. */
  onReport(report: Report, restart: () => void): Result | undefined;
  onTimeout(): Result;
  /** It ended by itself; `how`: its exit code, or the signal. */
  onExit(how: string): Result;
}

/** Runs a command where it can neither hold up nor end this process, and kills it when it has said what it has to say. */
export function inOwnProcess<Report, Result>(parts: OwnProcess<Report, Result>): Promise<Result> {
  // What a plugin prints is no result.
  const child = fork(process.argv[1] ?? "", parts.args, { stdio: ["ignore", 2, 2, "ipc"] });
  return new Promise((resolve, reject) => {
    let settled = false;
    const settle = (result: () => Result | undefined): void => {
      if (settled) return;
      try {
        const value = result();
        if (value === undefined) return;
        resolve(value);
      } catch (error) {
        reject(error);
      }
      settled = true;
      clearTimeout(timer);
      child.kill("SIGKILL");
    };
    const timer = setTimeout(() => settle(parts.onTimeout), parts.timeoutMs);
    child.on("message", (report) =>
      settle(() => parts.onReport(report as Report, () => void timer.refresh())),
    );
    child.once("error", (error) =>
      settle(() => {
        throw error;
      }),
    );
    child.once("exit", (code, signal) => settle(() => parts.onExit(String(signal ?? code))));
  });
}
