import type { VmDriver } from "@fairlead/core";
import type { VmClient } from "./vm-client.js";

/** What a driver's author sets up for each law. */
export interface VmFixture {
  /** Running, with a guest that works all the time. */
  readonly vm: VmDriver;
  /** How much work the guest has done here; grows while it runs, also while the driver is closed. */
  progress(): Promise<number> | number;
  /** Ends the VM wherever it is and gives back what the fixture made; the suite has closed the driver. */
  cleanup(): Promise<void> | void;
  /** Where the VM can be moved to. */
  readonly migration?: {
    /** As `migrate` takes it. */
    readonly destination: string;
    /** How much work the guest has done there, what it had done here before included; 0 where it has never run. */
    progress(): Promise<number> | number;
  };
  /** Ends the VM behind the driver's back. */
  kill?(): Promise<void> | void;
}

/** One law's VM, in use. */
export interface VmBench {
  readonly fixture: VmFixture;
  readonly vm: VmDriver;
  readonly client: VmClient;
}

export type VmLaw = (name: string, body: (bench: VmBench) => Promise<void>) => void;
