/** `stopped`: it does not exist any more for this driver, or runs on another host. */
export type VmRunState = "running" | "suspended" | "stopped";

export interface VmListener {
  /** After each change, whoever made it; `reason` in words. */
  stateChanged(state: VmRunState, reason: string): void;
}

export interface MigrationSteps {
  /**
   * Called once, with the guest at rest on both sides and before the destination can write: the moment to hand the disks
   * over. Where it rejects, the guest goes on here and `migrate` rejects with the same error. [0120]
   */
  switchOver(): Promise<void>;
}

/** Control of one VM that a hypervisor runs. [0076] Errors: `VM_STOPPED` from each method once the VM has stopped. */
export interface VmDriver {
  readonly name: string;
  readonly state: VmRunState;
  /** Set once by the layer above. */
  listener: VmListener;
  /** The guest executes nothing from when it resolves until `resume`. Resolves at once where it is suspended. */
  suspend(): Promise<void>;
  /** Resolves at once where it runs. */
  resume(): Promise<void>;
  /** Ends the VM. */
  stop(): Promise<void>;
  /** Moves the VM, running, to where `destination` says; resolves once it runs there and has stopped here. */
  migrate(destination: string, steps: MigrationSteps): Promise<void>;
  /** Gives the control back and leaves the VM as it is. */
  close(): Promise<void>;
}
