import { FairleadError } from "@fairlead/core";
import type { LunStatus } from "@fairlead/spm";
import { hasName } from "../policies.js";

/** By id, another of its names, or the name of a path to it. Errors: `LUN_UNKNOWN`. */
export function findLun(luns: readonly LunStatus[], name: string): LunStatus {
  const lun = luns.find((one) => hasName(one, name));
  if (lun !== undefined) return lun;
  const known = luns.map(({ id }) => id).join(", ") || "none";
  throw new FairleadError("LUN_UNKNOWN", `there is no LUN ${JSON.stringify(name)}; known are ${known}`);
}
