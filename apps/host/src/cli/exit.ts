import { FairleadError } from "@fairlead/core";
import { printable } from "../printable.js";

/** What an exit code of the command line means. */
export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 2,
  notRunning: 3,
  config: 4,
  unknown: 5,
  inUse: 6,
  crashed: 70,
} as const;

const EXIT_OF: Readonly<Record<string, number>> = {
  HOST_NOT_RUNNING: EXIT.notRunning,
  CONFIG_INVALID: EXIT.config,
  CONFIG_UNREADABLE: EXIT.config,
  CONFIG_TOO_LARGE: EXIT.config,
  POLICY_NONE_USABLE: EXIT.config,
  SECRET_EXPOSED: EXIT.config,
  SECRET_UNREADABLE: EXIT.config,
  DISK_OVERLAP: EXIT.config,
  DISK_RANGE_INVALID: EXIT.config,
  PATH_UNKNOWN: EXIT.unknown,
  VM_UNKNOWN: EXIT.unknown,
  LUN_UNKNOWN: EXIT.unknown,
  SAN_NONE: EXIT.unknown,
  SAN_PORTAL_UNKNOWN: EXIT.unknown,
  RUN_DIR_IN_USE: EXIT.inUse,
};

const FIXES: Readonly<Record<string, string>> = {
  HOST_NOT_RUNNING: "start one with `fairlead up`, or name its socket with --socket or FAIRLEAD_SOCKET",
  HOST_FORBIDDEN: "call this as the user that the host runs as",
  CONFIG_UNREADABLE: "give the path of a config file that you may read",
  CONFIG_TOO_LARGE: "a config is at most 1 MiB",
  RUN_DIR_REFUSED: "choose another with host.runDir, or make it yours alone: chmod 700",
  API_SOCKET_REFUSED: "move it away, or choose another place with api.socket",
  NBD_LISTEN_IN_USE: "choose another port with nbd.listen",
  PATH_UNKNOWN: "`fairlead get paths` lists them",
  VM_UNKNOWN: "`fairlead get vms` lists them",
  LUN_UNKNOWN: "`fairlead get luns` lists them",
  SAN_PORTAL_UNKNOWN: "`fairlead san portals` lists them",
};

export function exitCodeOf(error: unknown): number {
  if (!(error instanceof FairleadError)) return EXIT.failed;
  return EXIT_OF[error.code] ?? EXIT.failed;
}

/** For stderr: code and message, and what to do where that is known. No stack. */
export function errorText(error: unknown): string {
  if (!(error instanceof FairleadError)) {
    return `error: ${printable(error instanceof Error ? error.message : String(error))}\n`;
  }
  const lines = error.message.split("\n").map(printable);
  const text =
    lines.length > 1 ? `error ${error.code}:\n${lines.join("\n")}` : `error ${error.code}: ${lines[0]}`;
  const fix = FIXES[error.code];
  return fix === undefined ? `${text}\n` : `${text}\n  to fix it: ${fix}\n`;
}
