import { fork } from "node:child_process";
import { FairleadError } from "@fairlead/core";
import type { VerifyReport, VerifyRequest } from "./report.js";

/** The command that runs the verification, and is killed where it does not end. */
const VERIFY_COMMAND = ["plugins", "verify-in-this-process"] as const;

export interface Verdict {
  readonly kept: number;
  readonly failed: number;
  /** Measurements in which it threw. */
  readonly unmeasured: number;
}

/**
 * Verifies a plugin in a process of its own; `onReport` hears each step.
 * Errors: `PLUGIN_VERIFY_TIMED_OUT`, `PLUGIN_VERIFY_ENDED`, and those with which a plugin is refused.
 */
export function verifyPlugin(
  request: VerifyRequest,
  timeoutMs: number,
  onReport: (report: VerifyReport) => void,
): Promise<Verdict> {
  // What a plugin prints is no result.
  const child = fork(process.argv[1] ?? "", [...VERIFY_COMMAND, JSON.stringify(request)], {
    stdio: ["ignore", 2, 2, "ipc"],
  });
  return new Promise((resolve, reject) => {
    let [kept, failed, unmeasured, busyWith, settled] = [0, 0, 0, "starting", false];
    const end = (settle: () => void): void => {
      if (settled) return;
      settled = true;
      clearTimeout(timer);
      child.kill("SIGKILL");
      settle();
    };
    const timer = setTimeout(() => {
      const message = `timed out in ${busyWith} (${timeoutMs / 1000} s)`;
      end(() => reject(new FairleadError("PLUGIN_VERIFY_TIMED_OUT", message)));
    }, timeoutMs);
    child.on("message", (report: VerifyReport) => {
      if (settled) return;
      onReport(report);
      if (report.step === "begins") busyWith = report.what;
      else if (report.step === "law") report.failure === undefined ? kept++ : failed++;
      else if (report.step === "unmeasured") unmeasured++;
      else if (report.step === "refused") {
        end(() => reject(new FairleadError(report.code, report.message)));
      } else if (report.step === "done") end(() => resolve({ kept, failed, unmeasured }));
    });
    child.once("error", (error) => end(() => reject(error)));
    child.once("exit", (code, signal) => {
      const message = `the process ended with ${signal ?? code} in ${busyWith}`;
      end(() => reject(new FairleadError("PLUGIN_VERIFY_ENDED", message)));
    });
  });
}
