import {
  type AdmissionPlugin,
  defineAdmissionPolicy,
  defineStrategy,
  type StrategyPlugin,
} from "@fairlead/core";
import { fixedPartitions, strictPriority } from "@fairlead/disk-scheduler";
import { leastPending } from "@fairlead/strategy-least-pending";
import { quota } from "@fairlead/strategy-quota";
import { roundRobin } from "@fairlead/strategy-round-robin";
import { speed } from "@fairlead/strategy-speed";
import { vmAffinity } from "@fairlead/strategy-vm-affinity";
import { z } from "zod";
import { type SchedulerConfig, schedulerSchema } from "../config/lun-schema.js";
import { duration, positive, priority, size, text } from "../config/words.js";
import { defined } from "../defined.js";
import { createScheduler } from "../scheduler.js";
import { inWords } from "./words-schema.js";

function strategies(): StrategyPlugin<unknown>[] {
  return [
    defineStrategy({
      name: "round-robin",
      options: inWords(
        z.strictObject({ commandsPerTurn: z.int().min(1).optional(), bytesPerTurn: size.optional() }),
      ),
      create: (options) => roundRobin(defined(options)),
    }),
    defineStrategy({
      name: "least-pending",
      options: inWords(
        z.strictObject({ by: z.enum(["bytes", "commands"]).optional(), pendingBytesMax: size.optional() }),
      ),
      create: (options) => leastPending(defined(options)),
    }),
    defineStrategy({
      name: "vm-affinity",
      options: inWords(
        z.strictObject({
          by: z.enum(["vm", "team"]).optional(),
          spread: z.enum(["vms", "shares"]).optional(),
          pinned: z
            .strictObject({
              priorityMax: priority,
              paths: z.array(text("the name of a path or an HBA")).min(1),
            })
            .optional(),
          others: z.enum(["affinity", "least-pending"]).optional(),
        }),
      ),
      create: (options, context) => vmAffinity(defined(options), context),
    }),
    defineStrategy({
      name: "quota",
      options: inWords(
        z.strictObject({
          commandsPerShare: z.number().optional(),
          commandsMax: z.number().optional(),
        }),
      ),
      create: (options) => quota(defined(options)),
    }),
    defineStrategy({
      name: "speed",
      options: inWords(
        z.strictObject({
          interval: duration.optional(),
          probePart: z.number().optional(),
          overhead: size.optional(),
        }),
      ),
      create: ({ interval, overhead, probePart }) =>
        speed(defined({ intervalMs: interval, overheadBytes: overhead, probePart })),
    }),
  ];
}

/** `scheduler`: what `luns.scheduler` says at the moment; options beside the name win over it. */
function admissionPolicies(scheduler: () => SchedulerConfig): AdmissionPlugin<unknown>[] {
  return [
    defineAdmissionPolicy({
      name: "disk-scheduler",
      options: inWords(schedulerSchema.omit({ queueDepth: true })),
      create(options) {
        const base = scheduler();
        const factors = { ...base.factors, ...options.factors };
        return createScheduler({ ...base, ...defined(options), factors });
      },
    }),
    defineAdmissionPolicy({
      name: "strict-priority",
      options: inWords(z.strictObject({ floor: z.number().optional(), unit: size.optional() })),
      create: ({ floor, unit }) => strictPriority(defined({ floor, unitBytes: unit })),
    }),
    defineAdmissionPolicy({
      name: "fixed-partitions",
      options: inWords(
        z.strictObject({
          unitsPerSecond: positive,
          sharesTotal: positive.optional(),
          burst: duration.optional(),
          floor: z.number().optional(),
          unit: size.optional(),
        }),
      ),
      create: ({ burst, unit, unitsPerSecond, ...same }) =>
        fixedPartitions({ unitsPerSecond, ...defined({ ...same, burstMs: burst, unitBytes: unit }) }),
    }),
  ];
}

export interface BuiltIns {
  readonly strategy: readonly StrategyPlugin<unknown>[];
  readonly "admission-policy": readonly AdmissionPlugin<unknown>[];
}

/** The host's own policies, behind the same door as everybody's. */
export function builtIns(scheduler: () => SchedulerConfig): BuiltIns {
  return { strategy: strategies(), "admission-policy": admissionPolicies(scheduler) };
}
