import { Command, type Outcome, Request } from "@fairlead/core";
import type { Lun } from "./lun.js";

const NO_REQUEST = new Request();

/** A command of a virtual disk: it knows the guest's request that it serves. */
export class DiskCommand extends Command {
  lun: Lun | undefined;
  request: Request = NO_REQUEST;
  /** The next command of the same request. */
  sibling: DiskCommand | null = null;
  /** Called once when it ends; the same function for the disk's every command. */
  ended: (command: DiskCommand, outcome: Outcome) => void = () => {};
}
