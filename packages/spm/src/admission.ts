import {
  type AdmissionPolicy,
  type EntrySettings,
  type EntryStatus,
  FairleadError,
  type TeamContext,
} from "@fairlead/core";
import { merged } from "./entry-settings.js";
import type { CreateAdmissionPolicy } from "./types.js";

/** How a LUN's admission policy was made and changed since, so that its like can be made again. */
export interface AdmissionRecipe {
  readonly create: CreateAdmissionPolicy;
  /** What was configured since. */
  readonly options: object;
}

export function makeAdmission({ create, options }: AdmissionRecipe, context: TeamContext): AdmissionPolicy {
  const policy = create(context);
  if (Object.keys(options).length > 0) configure(policy, options, context);
  return policy;
}

export function extended({ create, options }: AdmissionRecipe, more: object): AdmissionRecipe {
  return { create, options: { ...options, ...more } };
}

/** Throws `ADMISSION_NOT_CONFIGURABLE` and the policy's OptionError. */
export function configure(policy: AdmissionPolicy, options: object, { team }: TeamContext): void {
  if (policy.configure === undefined) {
    throw new FairleadError(
      "ADMISSION_NOT_CONFIGURABLE",
      `admission policy ${policy.name}${team === "" ? "" : ` of ${team}`} has no options that can be changed while it runs`,
    );
  }
  policy.configure(options);
}

/** What was set of what a status tells. */
export function settingsOf(status: EntryStatus): EntrySettings {
  return merged(undefined, status);
}
