import type { EntrySettings } from "@fairlead/core";
import { PROFILES, SHARES } from "@fairlead/disk-scheduler";
import { z } from "zod";
import { defined } from "../defined.js";
import { priority, rateOrNone, shares } from "./words.js";

const SHARES_EXPECTED = `a number of shares, 0 or more, or ${Object.keys(SHARES).join(", ")}`;
const QUANTUM_EXPECTED = "a whole number of commands from 1 to 65536, or default";

/** Level of service of one VM on one LUN, as the config, the command line and the API say it. */
export const levelSchema = z.strictObject({
  profile: z
    .enum(Object.keys(PROFILES) as [keyof typeof PROFILES])
    .optional()
    .describe(
      "latency-critical, balanced, throughput or backup: values for the keys below that are left out. Default: none.",
    ),
  shares: z
    .union([shares, z.enum(Object.keys(SHARES) as [keyof typeof SHARES])], { error: SHARES_EXPECTED })
    .optional()
    .describe(
      "Its part of the LUN's bandwidth, 0 or more, or low, normal, high. Default: luns.scheduler.sharesDefault.",
    ),
  priority: priority
    .optional()
    .describe(
      "Its importance on this LUN, 0 to 10, after failures of paths. Default: the profile's, else the VM's.",
    ),
  guarantee: rateOrNone
    .optional()
    .describe("Least bandwidth, met before shares: 3000iops, 50MiB/s or none. Default: none."),
  limit: rateOrNone.optional().describe("Most bandwidth: 3000iops, 50MiB/s or none. Default: none."),
  quantum: z
    .union([z.int().min(1).max(65_536), z.literal("default")], { error: QUANTUM_EXPECTED })
    .optional()
    .describe(
      "Its sequential commands in a row, a number of commands or default. Default: the policy's own.",
    ),
});

export type Level = z.output<typeof levelSchema>;

/** What stands beside `profile` wins over it. */
export function entrySettings({ profile, shares: given, quantum, ...same }: Level): EntrySettings {
  return {
    ...(profile !== undefined && PROFILES[profile]),
    ...defined(same),
    ...(given !== undefined && { shares: typeof given === "number" ? given : SHARES[given] }),
    ...(quantum !== undefined && { quantum: quantum === "default" ? null : quantum }),
  };
}
