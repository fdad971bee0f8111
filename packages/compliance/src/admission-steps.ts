import type { EntrySettings, Rate, VmId } from "@fairlead/core";
import fc from "fast-check";
import { SEED, whole } from "./runner.js";

const BLOCK_BYTES = 4096;

/** One call of the storage path manager. `pick` chooses among the commands that the call can be made with. */
export type AdmissionStep =
  | {
      readonly kind: "enqueue";
      readonly vm: VmId;
      readonly offsetBytes: number;
      readonly lengthBytes: number;
    }
  | { readonly kind: "next" }
  | { readonly kind: "requeue" | "completed" | "cancel" | "cancel-stranger"; readonly pick: number }
  | { readonly kind: "completed-stranger" }
  | { readonly kind: "set"; readonly vm: VmId; readonly settings: EntrySettings }
  | { readonly kind: "remove"; readonly vm: VmId }
  | { readonly kind: "drain" }
  | { readonly kind: "paths"; readonly ids: readonly string[]; readonly capacity: number }
  | { readonly kind: "advance"; readonly ms: number };

/** Which settings of an entry the random steps make use of. */
export interface Taken {
  readonly limits: boolean;
  readonly guarantees: boolean;
}

/** Tries `law` on many sequences of calls. */
export function checkSteps(taken: Taken, law: (steps: readonly AdmissionStep[]) => void): void {
  const steps = fc.array(stepArbitrary(taken), { minLength: 5, maxLength: 120 });
  fc.assert(fc.property(steps, law), { seed: SEED, numRuns: 200 });
}

const vm = fc.oneof(
  { weight: 8, arbitrary: whole(6) },
  { weight: 1, arbitrary: fc.constantFrom(63, 64, 5000) },
);
const pick = whole(1000);

const enqueue: fc.Arbitrary<AdmissionStep> = fc.record({
  kind: fc.constant("enqueue" as const),
  vm,
  // Near one another, so that runs of sequential commands are among them.
  offsetBytes: whole(1000).map((blocks) => blocks * BLOCK_BYTES),
  lengthBytes: fc.constantFrom(0, 512, 4096, 4096, 4608, 65536, 1 << 20),
});

const rate: fc.Arbitrary<Rate | null> = fc.constantFrom(
  null,
  { commandsPerSecond: 0.5 },
  { commandsPerSecond: 900 },
  { bytesPerSecond: 4096 },
  { bytesPerSecond: 1e8 },
);

function settings({ limits, guarantees }: Taken): fc.Arbitrary<EntrySettings> {
  return fc.record(
    {
      shares: fc.constantFrom(0, 1, 1000, 4000),
      priority: whole(10),
      quantum: fc.constantFrom(null, 1, 3, 32),
      latencyCritical: fc.boolean(),
      ...(limits && { limit: rate }),
      ...(guarantees && { guarantee: rate }),
    },
    { requiredKeys: [] },
  );
}

const paths: fc.Arbitrary<AdmissionStep> = fc
  .subarray(["vmhba0:0:1", "vmhba0:1:1", "vmhba1:0:1", "vmhba1:1:1"])
  .map((ids) => ({ kind: "paths" as const, ids, capacity: ids.length / 4 }));

function stepArbitrary(taken: Taken): fc.Arbitrary<AdmissionStep> {
  return fc.oneof(
    { weight: 12, arbitrary: enqueue },
    { weight: 9, arbitrary: fc.constant({ kind: "next" as const }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant("requeue" as const), pick }) },
    { weight: 4, arbitrary: fc.record({ kind: fc.constant("completed" as const), pick }) },
    { weight: 1, arbitrary: fc.constant({ kind: "completed-stranger" as const }) },
    {
      weight: 2,
      arbitrary: fc.record({ kind: fc.constantFrom("cancel" as const, "cancel-stranger" as const), pick }),
    },
    {
      weight: 3,
      arbitrary: fc.record({ kind: fc.constant("set" as const), vm, settings: settings(taken) }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("remove" as const), vm }) },
    { weight: 1, arbitrary: fc.constant({ kind: "drain" as const }) },
    { weight: 2, arbitrary: paths },
    {
      weight: 3,
      arbitrary: fc.record({
        kind: fc.constant("advance" as const),
        ms: fc.constantFrom(0.5, 20, 3000, 3_600_000, -1, -3_600_000),
      }),
    },
  );
}
