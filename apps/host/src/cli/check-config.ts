import { loadConfig } from "../config/load.js";
import { formatProblem } from "../config/problem.js";
import { counted } from "./counted.js";

/** Errors: as `loadConfig`. Warnings go to `warn`; the answer says what the file describes. */
export async function checkConfig(file: string, warn: (line: string) => void): Promise<string> {
  const { config, warnings } = await loadConfig(file);
  for (const warning of warnings) warn(`warning ${formatProblem(file, warning)}`);
  const vms = Object.values(config.vms);
  const disks = vms.reduce((sum, vm) => sum + Object.keys(vm.disks).length, 0);
  const counts = [
    counted(Object.keys(config.hbas).length, "HBA"),
    counted(vms.length, "VM"),
    counted(disks, "disk"),
  ];
  return `${file}: ok, ${counts.join(", ")}`;
}
