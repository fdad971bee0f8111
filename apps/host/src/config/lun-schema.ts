import { z } from "zod";
import { policyList } from "./policy-schema.js";
import { duration, lunNumbers, positive, shares, size, text } from "./words.js";

export const schedulerSchema = z.strictObject({
  queueDepth: z.int().min(1).max(4096).default(32).describe("Commands outstanding per LUN."),
  sharesDefault: shares.optional().describe("Shares of a VM for which none are set. Default: 1000."),
  sharesMin: shares.optional().describe("Fewest shares that may be given. Default: 0."),
  sharesMax: positive.optional().describe("Most shares that may be given. Default: 1000000."),
  unit: size.optional().describe("Data in one consumption unit. Default: 4KiB."),
  factors: z
    .strictObject({
      read: positive.optional().describe("Cost of a read, times its units. Default: 1."),
      write: positive.optional().describe("Cost of a write, times its units. Default: 1."),
      flush: positive.optional().describe("Cost of a flush, times its units. Default: 1."),
    })
    .optional()
    .describe("What a command of each kind costs."),
  quantum: z
    .int()
    .min(1)
    .max(65_536)
    .optional()
    .describe("Sequential commands in a row of one VM, a number of commands. Default: 8."),
  sequential: size
    .optional()
    .describe("Distance on the disk within which a command is sequential. Default: 1000KiB."),
  rangeUnits: z.number().min(0).optional().describe("Bound of credit and debt, units. Default: 64."),
  catchUp: z
    .number()
    .min(1)
    .optional()
    .describe("Cap on spending idle credit, times its shares. Default: 2."),
  interval: duration.optional().describe("A waiting VM gets a command in this time. Default: 1s."),
  floor: z
    .number()
    .min(0)
    .max(0.01)
    .optional()
    .describe("Part of all units for those minima, 0 to 0.01. Default: 0.01."),
  limitBurst: duration
    .optional()
    .describe("A limit that was not used may be made up for by a burst of this length. Default: 50ms."),
  guaranteeWindow: duration
    .optional()
    .describe("How far guarantees may fall behind before all are cut in proportion. Default: 1s."),
  backlogCommands: z
    .int()
    .min(1)
    .max(65_536)
    .optional()
    .describe("A path with this many commands pending has a backlog. Default: 8."),
  latencyDepth: z
    .int()
    .min(1)
    .max(65_536)
    .optional()
    .describe("Commands of the others outstanding while a latency-critical VM is active. Default: 4."),
});

export const luns = z.strictObject({
  numbers: lunNumbers.prefault("0-255").describe("LUN numbers to look at on each device."),
  mask: z
    .array(text("the name of a path or the id of a LUN"))
    .default([])
    .describe("Paths and LUN ids that no VM may use; one masked name masks the LUN."),
  strategy: policyList
    .default([{ name: "round-robin" }])
    .describe(
      "Load-distribution strategies with their options. The first that loads and passes its check is used; the rest are its fall-backs, in this order.",
    ),
  admission: policyList
    .default([{ name: "disk-scheduler" }])
    .describe(
      "Admission policies with their options. The first that loads and passes its check is used; luns.scheduler holds the options of disk-scheduler.",
    ),
  byName: z
    .record(
      text("the id of a LUN or the name of a path to it"),
      z.strictObject({
        strategy: policyList.describe("Strategies of this LUN instead of luns.strategy."),
      }),
    )
    .default({})
    .describe("Settings of single LUNs, by id or path name."),
  scheduler: schedulerSchema.prefault({}).describe("The proportional-share scheduler of each LUN."),
  failback: z
    .strictObject({
      mode: z.literal("immediate").default("immediate").describe("A path is used as soon as it works."),
    })
    .prefault({})
    .describe("What happens when a path works again."),
  whenNoPath: z
    .strictObject({
      queueFor: duration.prefault("60s").describe("How long requests wait after the last path was lost."),
      // biome-ignore lint/suspicious/noThenProperty: the word of the config file; the object is never awaited.
      then: z.literal("fail").default("fail").describe("What ends the wait: an I/O error."),
    })
    .prefault({})
    .describe("What happens to requests while a LUN has no path."),
  quiesceTime: duration
    .refine((ms) => ms >= 5000, "5s or more")
    .prefault("30s")
    .describe("How long a write in doubt waits where no portal of its group answers."),
  rescan: duration
    .refine((ms) => ms >= 1000, "1s or more")
    .prefault("60s")
    .describe(
      "Pause between scans. Shorter while a portal does not answer, a path is failed or a disk waits.",
    ),
});

export type SchedulerConfig = z.output<typeof schedulerSchema>;
export type LunsConfig = z.output<typeof luns>;
