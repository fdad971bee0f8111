import {
  type AdmissionPolicy,
  type EntrySettings,
  type EntryStatus,
  FairleadError,
  OptionError,
  type TeamContext,
} from "@fairlead/core";
import type { StoragePathManager } from "@fairlead/spm";
import { refusedText } from "./config/refused-level.js";
import type { Vms } from "./vms.js";

/** LUNs and the VMs that have levels of service on them. */
export interface Served {
  readonly spm: StoragePathManager;
  readonly vms: Vms;
}

/** `error` of `setEntry`, with the VM, the LUN, and the values as the config says them. */
export function refusedLevel(error: unknown, vm: string, lun: string, settings: EntrySettings): unknown {
  if (!(error instanceof OptionError)) return error;
  const message = `${vm} on ${lun}: ${refusedText(error, settings)}`;
  return new FairleadError(error.code, message, { cause: error });
}

/** `error` of `setAdmissionPolicy`, with the first VM and LUN whose level of service the policy refuses. */
export function whoseLevel(
  error: unknown,
  create: (context: TeamContext) => AdmissionPolicy,
  { spm, vms }: Served,
  lun?: string,
): unknown {
  if (!(error instanceof OptionError)) return error;
  for (const [ordinal, { id }] of spm.luns().entries()) {
    if (lun !== undefined && lun !== id) continue;
    const policy = create({ team: id, ordinal });
    for (const { id: vm, name } of vms.all()) {
      const status = spm.entry(vm, id);
      if (status === undefined) continue;
      try {
        policy.setEntry(vm, settingsOf(status), 0);
      } catch (refusal) {
        return refusedLevel(refusal, name, id, status);
      }
    }
  }
  return error;
}

function settingsOf({
  shares,
  priority,
  guarantee,
  limit,
  quantum,
  latencyCritical,
}: EntryStatus): EntrySettings {
  return { shares, priority, guarantee, limit, quantum, latencyCritical };
}
