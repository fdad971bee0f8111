import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type FioJob, fio, nbdUri, peers, run, Scope, seededBytes } from "@fairlead/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { serve } from "./harness.js";
import { LateDisk } from "./held-disk.js";
import { MemoryDisk } from "./memory-disk.js";

const MIB = 2 ** 20;

let scope: Scope;
beforeEach(() => {
  scope = new Scope();
});
afterEach(() => scope.close());

/** Debian's interpreter: the one with libnbd's bindings. */
const PYTHON = "/usr/bin/python3";

describe.skipIf(!peers("nbdinfo", "nbdcopy"))("libnbd's tools", () => {
  it("see what is exported, and how", async () => {
    const disks = [new MemoryDisk("a", MIB), new MemoryDisk("b", 2 * MIB, { readOnly: true })];
    const { socket } = await serve(scope, disks);
    const { stdout } = await run("nbdinfo", ["--json", "--list", nbdUri(socket, "")]);
    const { exports } = JSON.parse(stdout) as { exports: Record<string, unknown>[] };
    expect(exports).toMatchObject([
      {
        "export-name": "a",
        "export-size": MIB,
        description: "disk a",
        is_read_only: false,
        can_flush: true,
        can_fua: true,
        can_multi_conn: true,
        can_trim: false,
        can_zero: false,
        block_size_minimum: 512,
        block_size_preferred: 4096,
        block_size_maximum: 33_554_432,
      },
      { "export-name": "b", "export-size": 2 * MIB, description: "disk b", is_read_only: true },
    ]);
    for (const [what, code] of [
      ["multi-conn", 0],
      ["flush", 0],
      ["fua", 0],
      ["write", 0],
      ["trim", 2],
      ["zero", 2],
    ] as const) {
      await run("nbdinfo", ["--can", what, nbdUri(socket, "a")], { allow: [code] });
    }
    await run("nbdinfo", ["--can", "write", nbdUri(socket, "b")], { allow: [2] });
  });

  it.each([
    ["answered at once", MemoryDisk],
    ["answered late", LateDisk],
  ] as const)("copy both ways over eight connections: %s", async (_name, Disk) => {
    const disk = new Disk("d", 64 * MIB + 512);
    const { socket } = await serve(scope, [disk]);
    const folder = await scope.directory();
    const [source, target] = [join(folder, "source"), join(folder, "target")];
    const content = seededBytes(3, 64 * MIB + 512);
    writeFileSync(source, content);
    await run("nbdcopy", ["-C", "8", "-R", "64", "--flush", source, nbdUri(socket, "d")]);
    expect(disk.content.equals(content)).toBe(true);
    expect(disk.flushes).toBeGreaterThan(0);
    await run("nbdcopy", ["-C", "8", "-R", "64", nbdUri(socket, "d"), target]);
    expect(readFileSync(target).equals(content)).toBe(true);
  });

  it("report the errors of invalid requests", async () => {
    const { socket } = await serve(scope, [
      new MemoryDisk("d", MIB),
      new MemoryDisk("ro", MIB, { readOnly: true }),
    ]);
    const script = `
import nbd, sys
def attempt(h, call):
    try:
        call(h); return 0
    except nbd.Error as error:
        return error.errnum
def open(name):
    h = nbd.NBD(); h.set_strict_mode(0); h.connect_uri(sys.argv[1].replace("NAME", name)); return h
h, ro = open("d"), open("ro")
print([attempt(h, call) for call in (
    lambda h: h.pread(512, 1048576), lambda h: h.pread(512, 1), lambda h: h.pread(100, 0),
    lambda h: h.pwrite(bytes(1024), 1048064), lambda h: h.pwrite(bytes(100), 0),
    lambda h: h.trim(512, 0), lambda h: h.zero(512, 0), lambda h: h.cache(512, 0),
    lambda h: h.flush(), lambda h: h.pwrite(bytes(512), 0, nbd.CMD_FLAG_FUA), lambda h: h.pread(512, 0))])
print(attempt(ro, lambda h: h.pwrite(bytes(512), 0)))
h.shutdown(); ro.shutdown()
`;
    const { stdout } = await run(PYTHON, ["-c", script, nbdUri(socket, "NAME")]);
    // EINVAL 22, ENOSPC 28, EPERM 1
    expect(stdout.trim().split("\n")).toEqual(["[22, 22, 22, 28, 22, 22, 22, 22, 0, 0, 0]", "1"]);
  });
});

describe.skipIf(!peers("qemu-img", "qemu-io"))("QEMU", () => {
  it("reads the size, converts both ways and compares", async () => {
    const disk = new LateDisk("d", 32 * MIB);
    const { socket } = await serve(scope, [disk]);
    const folder = await scope.directory();
    const [source, target] = [join(folder, "source"), join(folder, "target")];
    writeFileSync(source, seededBytes(4, 32 * MIB));
    const uri = nbdUri(socket, "d");
    const info = await run("qemu-img", ["info", "--output=json", "-f", "raw", uri]);
    expect(JSON.parse(info.stdout)).toMatchObject({ "virtual-size": 32 * MIB });
    await run("qemu-img", ["convert", "-n", "-m", "16", "-W", "-f", "raw", "-O", "raw", source, uri]);
    await run("qemu-img", ["compare", "-f", "raw", "-F", "raw", source, uri]);
    await run("qemu-img", ["convert", "-m", "16", "-f", "raw", "-O", "raw", uri, target]);
    expect(readFileSync(target).equals(disk.content)).toBe(true);
    disk.content[12_345] = (disk.content[12_345] ?? 0) ^ 1;
    await run("qemu-img", ["compare", "-f", "raw", "-F", "raw", source, uri], { allow: [1] });
  });

  it("finds its patterns again, at any alignment", async () => {
    const disk = new MemoryDisk("d", 8 * MIB);
    const { socket } = await serve(scope, [disk]);
    const commands = [
      "write -P 0x11 0 4M",
      "write -P 0x22 1000 5000",
      "write -f -P 0x33 1M 64k",
      "flush",
      "read -P 0x11 0 1000",
      "read -P 0x22 1000 5000",
      "read -P 0x33 1M 64k",
    ];
    const { stdout } = await run("qemu-io", [
      "-f",
      "raw",
      ...commands.flatMap((command) => ["-c", command]),
      nbdUri(socket, "d"),
    ]);
    expect(stdout).not.toContain("failed");
    expect(disk.fuaWrites).toBeGreaterThan(0);
    expect(disk.flushes).toBeGreaterThan(0);
  });
});

describe.skipIf(!peers("fio"))("fio", () => {
  it("verifies what it wrote, from several jobs at depth 32", async () => {
    const disk = new LateDisk("d", 64 * MIB);
    const { socket, server } = await serve(scope, [disk]);
    const uri = nbdUri(socket, "d");
    const job = (bs: string, index: number): FioJob => ({
      uri,
      rw: "randwrite",
      bs,
      iodepth: 32,
      size: "16m",
      offset: `${index * 16}m`,
      verify: true,
    });
    const results = await fio(scope, ["4k", "64k", "1m"].map(job));
    for (const result of results) expect(result).toMatchObject({ error: 0, failedCommands: 0 });
    expect(results.map(({ write }) => write.bytes)).toEqual([16 * MIB, 16 * MIB, 16 * MIB]);
    expect(server.status()).toMatchObject({ heldBytes: 0, exports: [{ inFlight: 0, failures: 0 }] });
  });
});
