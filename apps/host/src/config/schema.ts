import { isIP } from "node:net";
import { z } from "zod";
import {
  DURATION_EXPECTED,
  DURATION_PATTERN,
  parseByteRange,
  parseDuration,
  parseSize,
  RANGE_EXPECTED,
  SIZE_EXPECTED,
  SIZE_PATTERN,
} from "./units.js";

// The error of each type below is what was expected; describe.ts puts the place and the value in front of it.
const NAME_EXPECTED = "a name of letters, digits, '.', '_' and '-', at most 64 long";
const PORTAL_EXPECTED = "an address such as 192.0.2.10:3260 or [2001:db8::1]:3260";
const NUMBERS_EXPECTED = "LUN numbers such as 0-255 or 7, at most 16383";
const BLOCK_BYTES = 512;

const name = z.string({ error: NAME_EXPECTED }).regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, NAME_EXPECTED);
const HBA_NAME_EXPECTED = "a name of letters, digits, '_' and '-', at most 64 long";
const hbaName = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/, HBA_NAME_EXPECTED);
const text = (expected: string, lengthMax = 256) =>
  z.string({ error: expected }).min(1, expected).max(lengthMax, expected);
const address = z
  .string({ error: PORTAL_EXPECTED })
  .regex(/^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(:\d{1,5})?$/, PORTAL_EXPECTED)
  .refine(
    (portal) => Number(/:(\d+)$/.exec(portal.replace(/^\[.*\]/, ""))?.[1] ?? 1) <= 65_535,
    PORTAL_EXPECTED,
  );
const initiatorName = z
  .string({ error: "an iSCSI name" })
  .max(223, "an iSCSI name of at most 223 bytes")
  .regex(
    /^(iqn\.\d{4}-\d{2}\.|eui\.|naa\.)[a-z0-9.:-]+$/,
    "an iSCSI name such as iqn.2026-01.com.example:host-a",
  );

const duration = z
  .string({ error: DURATION_EXPECTED })
  .regex(DURATION_PATTERN, DURATION_EXPECTED)
  .transform((value) => parseDuration(value) ?? Number.NaN);
export const size = z
  .string({ error: SIZE_EXPECTED })
  .regex(SIZE_PATTERN, SIZE_EXPECTED)
  .refine((value) => parseSize(value) !== undefined, "a whole number of bytes, less than 8192TiB")
  .transform((value) => parseSize(value) ?? Number.NaN);
const byteRange = z
  .string({ error: RANGE_EXPECTED })
  .refine((value) => parseByteRange(value) !== undefined, RANGE_EXPECTED)
  .refine((value) => {
    const range = parseByteRange(value);
    return (range?.startBytes ?? 0) % BLOCK_BYTES === 0 && (range?.endBytes ?? 0) % BLOCK_BYTES === 0;
  }, `a range whose ends are multiples of ${BLOCK_BYTES}B`)
  .transform((value) => parseByteRange(value) ?? { startBytes: 0, endBytes: undefined });
const lunNumbers = z
  .string({ error: NUMBERS_EXPECTED })
  .regex(/^\d{1,5}(-\d{1,5})?$/, NUMBERS_EXPECTED)
  .transform((value) => {
    const [first = 0, last = first] = value.split("-").map(Number);
    return { first, last };
  })
  .refine(({ first, last }) => first <= last && last <= 16_383, NUMBERS_EXPECTED);

const shares = z.number({ error: "a number of shares, 0 or more" }).min(0).max(1e9);
const positive = z.number().gt(0).max(1e9);

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

const iscsiHba = z.strictObject({
  driver: z.literal("iscsi").describe("iscsi: an iSCSI initiator."),
  portals: z.array(address).min(1).max(64).describe("Target portals, in the order of their device numbers."),
  localAddress: z
    .string({ error: "an IP address" })
    .refine((value) => isIP(value) !== 0, "an IP address")
    .optional()
    .describe("Address that connections leave from. Default: chosen by the kernel."),
  targets: z
    .array(initiatorName)
    .min(1)
    .optional()
    .describe("Names of the targets to use. Default: all that the portals tell of."),
  chap: z
    .strictObject({
      user: text("a user name").describe("Name that the target knows this host by."),
      secretFile: text("a path", 4096).describe(
        "File with the secret, one line, not readable by others; relative to the config file.",
      ),
    })
    .optional()
    .describe("Authentication. Default: none."),
});

const fileHba = z.strictObject({
  driver: z.literal("file").describe("file: local files and block devices."),
  files: z
    .array(
      z.strictObject({
        path: text("a path", 4096).describe("File or block device; relative to the config file."),
        readOnly: z.boolean().default(false).describe("Opened for reading only."),
        size: size
          .refine((bytes) => bytes >= BLOCK_BYTES, `a size of ${BLOCK_BYTES}B or more`)
          .optional()
          .describe("A missing file is made with this size, sparse."),
      }),
    )
    .min(1)
    .max(256)
    .describe("One device each, numbered in this order."),
});

const scheduler = z.strictObject({
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
  quantum: z.int().min(1).max(65_536).optional().describe("Sequential commands in a row. Default: 8."),
  sequential: size.optional().describe("Distance within which a command is sequential. Default: 1000KiB."),
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
    .describe("Part of all units for those minima. Default: 0.01."),
});

const luns = z.strictObject({
  numbers: lunNumbers.prefault("0-255").describe("LUN numbers to look at on each device."),
  mask: z
    .array(text("the name of a path or the id of a LUN"))
    .default([])
    .describe("Paths and LUN ids that no VM may use; one masked name masks the LUN."),
  strategy: z
    .array(
      z.looseObject({
        name: text("the name of a strategy").describe(
          "round-robin or least-pending; its options stand beside it.",
        ),
      }),
    )
    .min(1)
    .max(16)
    .default([{ name: "round-robin" }])
    .describe(
      "Load-distribution strategies with their options; the first that loads and passes its check is used.",
    ),
  scheduler: scheduler.prefault({}).describe("The proportional-share scheduler of each LUN."),
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

export const extentSchema = z.strictObject({
  lun: text("the id of a LUN or the name of a path to it").describe(
    "Id of the LUN, or the name of a path to it.",
  ),
  range: byteRange.optional().describe("Part of the LUN. Default: all of it."),
});

const vm = z.strictObject({
  priority: z.int().min(0).max(10).default(5).describe("Importance, 0 to 10; nothing acts on it yet."),
  luns: z
    .record(
      text("the id of a LUN"),
      z.strictObject({
        shares: shares
          .optional()
          .describe("Its part of the LUN's bandwidth, 0 or more. Default: luns.scheduler.sharesDefault."),
      }),
    )
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
export type SchedulerConfig = HostConfig["luns"]["scheduler"];

/** For editors. */
export function jsonSchema(): object {
  return { title: "Fairlead configuration", ...z.toJSONSchema(configSchema, { io: "input" }) };
}
