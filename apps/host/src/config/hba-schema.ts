import { isIP } from "node:net";
import { z } from "zod";
import { address, BLOCK_BYTES, initiatorName, positive, size, text } from "./words.js";

const share = positive
  .optional()
  .describe("Load-balancing share of its paths, against those of the other HBAs. Default: 1.");

export const iscsiHba = z.strictObject({
  driver: z.literal("iscsi").describe("iscsi: an iSCSI initiator."),
  portals: z
    .array(address)
    .min(1)
    .max(64)
    .describe("Target portals, in the order of their device numbers; port 3260 where none is given."),
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
  share,
});

export const fileHba = z.strictObject({
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
  share,
});
