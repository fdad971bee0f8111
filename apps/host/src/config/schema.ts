import { z } from "zod";
import { fileHba, iscsiHba } from "./hba-schema.js";
import { levelSchema } from "./level-schema.js";
import { luns } from "./lun-schema.js";
import { address, byteRange, hbaName, initiatorName, name, priority, text } from "./words.js";

const host = z.strictObject({
  name: name.optional().describe("Name of this host. Default: the machine's host name."),
  runDir: z
    .string()
    .regex(/^\/[^\0]*$/, "an absolute path")
    .optional()
    .describe(
      "Directory of the sockets, made with mode 0700. Default: fairlead in XDG_RUNTIME_DIR, or /run/fairlead.",
    ),
  initiatorName: initiatorName
    .optional()
    .describe("Name towards iSCSI targets. Default: made from the host's name."),
});

export const extentSchema = z.strictObject({
  lun: text("the id of a LUN or the name of a path to it").describe(
    "Id of the LUN, or the name of a path to it.",
  ),
  range: byteRange
    .optional()
    .describe("Part of the LUN, such as 0-20GiB, 20-40GiB or 40GiB-. Default: all of it."),
});

const vm = z.strictObject({
  priority: priority
    .default(5)
    .describe("Importance, 0 to 10, after failures of paths; on each LUN that does not say its own."),
  luns: z
    .record(text("the id of a LUN"), levelSchema)
    .default({})
    .describe("Level of service, for each LUN by id or path name."),
  disks: z
    .record(
      name,
      z.strictObject({
        extents: z.array(extentSchema).min(1).max(256).describe("Parts of LUNs, joined in this order."),
        readOnly: z.boolean().default(false).describe("Writes are refused."),
      }),
    )
    .default({})
    .describe("Virtual disks by name, served as <vm>-<disk>."),
});

export const configSchema = z.strictObject({
  host: host.prefault({}).describe("This host."),
  hbas: z
    .record(
      hbaName,
      z.discriminatedUnion("driver", [iscsiHba, fileHba], {
        error: 'a mapping with driver "iscsi" or "file"',
      }),
    )
    .describe("Host bus adapters by name."),
  luns: luns.prefault({}).describe("Settings of all LUNs."),
  vms: z.record(name, vm).default({}).describe("Virtual machines by name."),
  nbd: z
    .strictObject({
      listen: address
        .refine((where) => /:\d+$/.test(where), "an address with a port, such as 127.0.0.1:10809")
        .optional()
        .describe(
          "TCP address as well; whoever reaches it can use every disk. Default: only the unix socket.",
        ),
    })
    .prefault({})
    .describe("Where disks are served."),
  api: z
    .strictObject({
      socket: z
        .string()
        .regex(/^\/[^\0]*$/, "an absolute path")
        .optional()
        .describe("Unix socket of the API. Default: api.sock in the run directory."),
    })
    .prefault({})
    .describe("Where the command line reaches the host."),
});

export type HostConfig = z.output<typeof configSchema>;
export type HbaConfig = HostConfig["hbas"][string];
export type VmConfig = HostConfig["vms"][string];

/** For editors. */
export function jsonSchema(): object {
  return { title: "Fairlead configuration", ...z.toJSONSchema(configSchema, { io: "input" }) };
}
