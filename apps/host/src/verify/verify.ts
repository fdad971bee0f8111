import { FairleadError } from "@fairlead/core";
import { inOwnProcess } from "./own-process.js";
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
  let [kept, failed, unmeasured, busyWith] = [0, 0, 0, "starting"];
  return inOwnProcess<VerifyReport, Verdict>({
    args: [...VERIFY_COMMAND, JSON.stringify(request)],
    timeoutMs,
    onReport(report) {
      onReport(report);
      if (report.step === "begins") busyWith = report.what;
      else if (report.step === "law") report.failure === undefined ? kept++ : failed++;
      else if (report.step === "unmeasured") unmeasured++;
      else if (report.step === "refused") throw new FairleadError(report.code, report.message);
      return report.step === "done" ? { kept, failed, unmeasured } : undefined;
    },
    onTimeout() {
      const message = `timed out in ${busyWith} (${timeoutMs / 1000} s)`;
      throw new FairleadError("PLUGIN_VERIFY_TIMED_OUT", message);
    },
    onExit(how) {
      throw new FairleadError("PLUGIN_VERIFY_ENDED", `the process ended with ${how} in ${busyWith}`);
    },
  });
}
