import { FairleadError, type VmId } from "@fairlead/core";
import type { VmConfig } from "./config/schema.js";

export interface Vm {
  readonly id: VmId;
  readonly name: string;
  readonly config: VmConfig;
}

/** The VMs of the config: names for people, numbers from 1 on for policies. 0 is the host. */
export class Vms {
  readonly #byName = new Map<string, Vm>();

  constructor(configs: Readonly<Record<string, VmConfig>>) {
    for (const [name, config] of Object.entries(configs)) {
      this.#byName.set(name, { id: this.#byName.size + 1, name, config });
    }
  }

  all(): Vm[] {
    return [...this.#byName.values()];
  }

  /** Errors: `VM_UNKNOWN`. */
  get(name: string): Vm {
    const vm = this.#byName.get(name);
    if (vm !== undefined) return vm;
    const known = [...this.#byName.keys()].join(", ") || "none";
    throw new FairleadError("VM_UNKNOWN", `there is no VM ${JSON.stringify(name)}; known are ${known}`);
  }
}
