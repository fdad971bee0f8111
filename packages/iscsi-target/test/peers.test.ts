import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { peers } from "@fairlead/testing";
import { afterAll, describe, expect, test } from "vitest";
import { fileStore, memoryStore } from "../src/index.js";
import { startTarget } from "./fixture.js";
import { TARGET } from "./raw-initiator.js";

const run = promisify(execFile);
const directory = mkdtempSync(join(tmpdir(), "fairlead-target-"));
afterAll(() => rmSync(directory, { recursive: true }));

const SIZE_BYTES = 32 << 20;
const url = (portal: string) => `iscsi://${portal}/${TARGET}/1`;
const start = () => startTarget({ luns: [{ number: 1, store: memoryStore({ sizeBytes: SIZE_BYTES }) }] });

/**
 * Skipped for a good reason: reservations aren't offered, blocks have no larger physical ones, WSNZ is set, and INQUIRY has
 * no service actions to report.
 */
const SKIPPED =
  /SKIPPED\] (?!PERSISTENT RESERVE IN|LBPPB < 2|WRITESAME16 does not support 0-|REPORT_SUPPORTED_OPCODES).*/g;

describe.skipIf(!peers("iscsi-ls", "iscsi-inq", "iscsi-readcapacity16", "iscsi-test-cu"))("libiscsi", () => {
  test("finds the portals and the LUN", async () => {
    const { portals } = await start();
    const { stdout } = await run("iscsi-ls", ["-s", `iscsi://${portals[0]}`]);
    for (const portal of portals) expect(stdout).toContain(`Target:${TARGET} Portal:${portal},`);
    expect(stdout.match(/Lun:1 +Type:DIRECT_ACCESS/g)?.length).toBe(3);
  });

  test("reads names and size", async () => {
    const { portals, target } = await start();
    const names = await run("iscsi-inq", ["-e", "1", "-c", "131", url(portals[0])]);
    expect(names.stdout).toContain("NAA");
    const serial = await run("iscsi-inq", ["-e", "1", "-c", "128", url(portals[0])]);
    expect(serial.stdout).toContain(target.lun(1).identity.serial);
    const capacity = await run("iscsi-readcapacity16", ["-s", url(portals[0])]);
    expect(capacity.stdout.trim()).toBe(String(SIZE_BYTES));
  });

  // Each is a suite of the conformance tests; what they skip, they print.
  test.each([
    "SCSI.Read10.*",
    "SCSI.Read16.*",
    "SCSI.Write10.*",
    "SCSI.Write16.*",
    "SCSI.Unmap.*",
    "SCSI.WriteSame16.*",
    "SCSI.CompareAndWrite.*",
    "SCSI.Inquiry.*",
    "SCSI.ModeSense6.*",
    "SCSI.ReportSupportedOpcodes.*",
    "iSCSI.iSCSIcmdsn.*",
    "iSCSI.iSCSIdatasn.*",
    "iSCSI.iSCSIResiduals.*",
    "iSCSI.iSCSITMF.*",
  ])("conforms: %s", async (suite) => {
    const { portals } = await start();
    const { stdout } = await run("iscsi-test-cu", ["-d", "-v", "-t", suite, url(portals[0])], {
      timeout: 60_000,
    });
    const summary = /tests +(\d+) +(\d+) +(\d+) +(\d+)/.exec(stdout);
    const [, total, ran, passed, failed] = (summary ?? []).map(Number);
    expect({ ran, passed, failed }).toEqual({ ran: total, passed: total, failed: 0 });
    expect(total).toBeGreaterThan(0);
    // The suites count what they skip as passed.
    expect(stdout.match(SKIPPED)).toBeNull();
  });
});

describe.skipIf(!peers("qemu-img", "qemu-io"))("QEMU", () => {
  test.each(["memory", "file"])("an image that is written over iSCSI to %s compares equal", async (kind) => {
    const store =
      kind === "memory"
        ? memoryStore({ sizeBytes: SIZE_BYTES })
        : fileStore({ path: join(directory, "lun"), sizeBytes: SIZE_BYTES });
    const { portals } = await startTarget({ luns: [{ number: 1, store }] });
    const image = join(directory, `${kind}.img`);
    const content = Buffer.alloc(SIZE_BYTES);
    randomBytes(5 << 20).copy(content, 1 << 20);
    randomBytes(777 << 9).copy(content, SIZE_BYTES - (777 << 9));
    writeFileSync(image, content);
    await run("qemu-img", [
      "convert",
      "-n",
      "-m",
      "8",
      "-W",
      "-f",
      "raw",
      "-O",
      "raw",
      image,
      url(portals[0]),
    ]);
    await run("qemu-img", ["compare", "-f", "raw", "-F", "raw", image, url(portals[1])]);
  });

  test("patterns, zeros and flushes", async () => {
    const { portals } = await start();
    const commands = [
      "write -P 5 1M 3M",
      "write -P 7 4193792 512",
      "write -z 2M 64k",
      "discard 3M 64k",
      "flush",
      "read -P 5 1M 1M",
      "read -P 0 2M 64k",
      "read -P 0 3M 64k",
      "read -P 7 4193792 512",
    ];
    const { stdout } = await run("qemu-io", [
      ...["-f", "raw", "-t", "none"],
      ...commands.flatMap((command) => ["-c", command]),
      url(portals[0]),
    ]);
    expect(stdout).not.toMatch(/failed|error/i);
  });
});
