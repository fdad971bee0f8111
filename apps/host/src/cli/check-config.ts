import { loadConfig } from "../config/load.js";
import { formatProblem } from "../config/problem.js";
import type { LoadingHook } from "../plugins/choose.js";
import { counted } from "./counted.js";

export interface CheckedConfig {
  readonly warnings: readonly string[];
  /** What the file describes. */
  readonly text: string;
}

/** Errors: as `loadConfig`. */
export async function checkConfigHere(file: string, hook: LoadingHook): Promise<CheckedConfig> {
  const { config, warnings } = await loadConfig(file, hook);
  const vms = Object.values(config.vms);
  const disks = vms.reduce((sum, vm) => sum + Object.keys(vm.disks).length, 0);
  const counts = [
    counted(Object.keys(config.hbas).length, "HBA"),
    counted(vms.length, "VM"),
    counted(disks, "disk"),
  ];
  return {
    warnings: warnings.map((warning) => `warning ${formatProblem(file, warning)}`),
    text: `${file}: ok, ${counts.join(", ")}`,
  };
}
