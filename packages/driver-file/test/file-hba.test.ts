import { execFileSync } from "node:child_process";
import {
  closeSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { hbaSuite } from "@fairlead/compliance";
import {
  Command,
  type DiscoveredPath,
  type Hba,
  type Op,
  type Outcome,
  type PathNotice,
  type ScanResult,
} from "@fairlead/core";
import { peers, Scope, seededBytes } from "@fairlead/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { FilePath } from "../src/file-path.js";
import { createFileHba, type FileSettings } from "../src/index.js";
import { outcomeOf } from "../src/operation.js";
import { hostClock } from "./host-clock.js";

const MIB = 2 ** 20;
const ALL = { first: 0, last: 255 };

let scope: Scope;
let folder: string;
beforeEach(async () => {
  scope = new Scope();
  folder = await scope.directory();
});
afterEach(() => scope.close());

hbaSuite(
  { describe, it },
  async () => {
    const suiteScope = new Scope();
    const path = join(await suiteScope.directory(), "disk");
    const files = [{ path, sizeBytes: 40 * MIB }];
    return {
      hba: createFileHba({ name: "local0", files, clock: hostClock() }),
      range: ALL,
      cleanup: () => suiteScope.close(),
    };
  },
  { failures: false },
);

function newHba(...files: FileSettings[]): Hba {
  const hba = createFileHba({ name: "local0", files, clock: hostClock() });
  scope.defer(() => hba.close());
  return hba;
}

function only(result: ScanResult): DiscoveredPath {
  expect(result.problems).toEqual([]);
  const [path, ...others] = result.paths;
  expect(others).toEqual([]);
  if (path === undefined) throw new Error("no path");
  return path;
}

/** Runs one command and answers with its outcome. */
function run(
  path: DiscoveredPath,
  op: Op,
  offsetBytes = 0,
  data: Uint8Array = new Uint8Array(0),
  fua = false,
): Promise<Outcome> {
  const command = Object.assign(new Command(), { op, offsetBytes, lengthBytes: data.length, data, fua });
  return new Promise((resolve) => {
    path.adapter.listener = { completed: (_command, outcome) => resolve(outcome), notice: () => {} };
    path.adapter.submit(command);
  });
}

describe("scan", () => {
  it("makes a missing file with its size, and never changes one that exists", async () => {
    const path = join(folder, "new");
    const { adapter, lun } = only(await newHba({ path, sizeBytes: 5 * MIB }).scan(ALL));
    expect(adapter.id).toBe("local0:0:0");
    expect(adapter.components).toEqual(["hba:local0", `file:${path}`]);
    expect(lun).toMatchObject({
      id: `file:${path}`,
      capacityBytes: 5 * MIB,
      blockSizeBytes: 512,
      readOnly: false,
      writeCache: true,
      fua: true,
    });
    expect(statSync(path)).toMatchObject({ size: 5 * MIB, blocks: 0 });
    expect(statSync(path).mode & 0o777).toBe(0o600);
    writeFileSync(path, "x".repeat(1024));
    expect(only(await newHba({ path, sizeBytes: 5 * MIB }).scan(ALL)).lun.capacityBytes).toBe(1024);
    expect(readFileSync(path, "utf8")).toBe("x".repeat(1024));
  });

  it("rounds the size down to whole blocks and shows growth", async () => {
    const path = join(folder, "f");
    writeFileSync(path, Buffer.alloc(1500));
    const hba = newHba({ path });
    const first = only(await hba.scan(ALL));
    expect(first.lun.capacityBytes).toBe(1024);
    expect(await run(first, "write", 1024, new Uint8Array(512))).toBe("invalid");
    truncateSync(path, 4096);
    const grown = only(await hba.scan(ALL));
    expect(grown.lun.capacityBytes).toBe(4096);
    expect(grown.adapter).toBe(first.adapter);
    expect(await run(grown, "write", 1024, new Uint8Array(512))).toBe("good");
  });

  it("names a file by where it really is, so that two names are one LUN", async () => {
    const [real, link] = [join(folder, "real"), join(folder, "link")];
    writeFileSync(real, Buffer.alloc(512));
    symlinkSync(real, link);
    const { paths } = await newHba({ path: real }, { path: link }).scan(ALL);
    expect(paths.map(({ adapter, lun }) => [adapter.id, lun.id])).toEqual([
      ["local0:0:0", `file:${real}`],
      ["local0:1:0", `file:${real}`],
    ]);
    const hard = join(folder, "hard");
    linkSync(real, hard);
    const byInode = only(await newHba({ path: hard }).scan(ALL)).lun.ids;
    expect(byInode.some((id) => paths[0]?.lun.ids.includes(id))).toBe(true);
  });

  it("reports what it can't use, with a code, beside what it can", async () => {
    const names = ["gone", "folder", "pipe", "small", "denied/file", "good"].map((name) =>
      join(folder, name),
    );
    const [gone = "", directory = "", pipe = "", small = "", beneath = "", good = ""] = names;
    mkdirSync(directory);
    execFileSync("mkfifo", [pipe]);
    writeFileSync(small, "tiny");
    writeFileSync(join(folder, "denied"), "a file, not a folder");
    writeFileSync(good, Buffer.alloc(512));
    const { paths, problems } = await newHba(...names.map((path) => ({ path }))).scan(ALL);
    expect(paths.map(({ adapter }) => adapter.id)).toEqual(["local0:5:0"]);
    expect(problems.map(({ code }) => code)).toEqual([
      "FILE_MISSING",
      "FILE_OPEN_FAILED",
      "FILE_UNSUITABLE",
      "FILE_UNSUITABLE",
      "FILE_OPEN_FAILED",
    ]);
    for (const [index, path] of [gone, directory, pipe, small, beneath].entries()) {
      expect(problems[index]).toMatchObject({
        where: `local0:${index} (${path})`,
        message: expect.stringContaining(path),
      });
    }
  });

  it("looks at LUN 0 only", async () => {
    const hba = newHba({ path: join(folder, "f"), sizeBytes: 512 });
    expect(await hba.scan({ first: 1, last: 7 })).toEqual({ paths: [], problems: [], settled: true });
  });
});

/** Loop devices and mounts need the superuser. */
const canMount = process.getuid?.() === 0 && peers("losetup", "mount", "umount");

describe.skipIf(!canMount)("real media", () => {
  it("serves a block device by the size that the kernel tells, through to its end", async () => {
    const backing = join(folder, "backing");
    writeFileSync(backing, Buffer.alloc(3 * MIB + 512, 5));
    const device = execFileSync("losetup", ["--show", "-f", backing], { encoding: "utf8" }).trim();
    scope.defer(() => {
      execFileSync("losetup", ["-d", device]);
    });
    const found = only(await newHba({ path: device }).scan(ALL));
    expect(found.lun).toMatchObject({
      id: `file:${device}`,
      capacityBytes: 3 * MIB + 512,
      product: "block device",
    });
    expect(await run(found, "write", 3 * MIB, Buffer.alloc(512, 6), true)).toBe("good");
    expect(await run(found, "write", 3 * MIB + 512, Buffer.alloc(512))).toBe("invalid");
    const data = new Uint8Array(1024);
    expect(await run(found, "read", 3 * MIB - 512, data)).toBe("good");
    expect([data[511], data[512]]).toEqual([5, 6]);
    expect(await run(found, "flush")).toBe("good");
    expect(readFileSync(backing)[3 * MIB]).toBe(6);
  });

  it("ends writes as no-space on a full file system and goes on when there is room again", async () => {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m", "none", folder]);
    scope.defer(() => {
      execFileSync("umount", [folder]);
    });
    const path = join(folder, "thin");
    const hba = createFileHba({ name: "local0", files: [{ path, sizeBytes: 4 * MIB }], clock: hostClock() });
    scope.defer(() => hba.close());
    const found = only(await hba.scan(ALL));
    expect(await run(found, "write", 0, Buffer.alloc(MIB / 2, 1))).toBe("good");
    expect(await run(found, "write", MIB, Buffer.alloc(MIB, 1))).toBe("no-space");
    expect(found.adapter.up).toBe(true);
    execFileSync("mount", ["-o", "remount,size=8m", folder]);
    expect(await run(found, "write", MIB, Buffer.alloc(MIB, 1))).toBe("good");
  });

  it("does not open for writing on a file system that is read-only", async () => {
    execFileSync("mount", ["-t", "tmpfs", "none", folder]);
    scope.defer(() => {
      execFileSync("umount", [folder]);
    });
    const path = join(folder, "f");
    writeFileSync(path, Buffer.alloc(512));
    execFileSync("mount", ["-o", "remount,ro", folder]);
    const { problems } = await newHba({ path }).scan(ALL);
    expect(problems).toMatchObject([{ code: "FILE_OPEN_FAILED", message: expect.stringContaining("EROFS") }]);
    expect(only(await newHba({ path, readOnly: true }).scan(ALL)).lun.capacityBytes).toBe(512);
  });
});

describe("a file that goes", () => {
  it("takes its path down at the next scan, and up again when it is back", async () => {
    const path = join(folder, "f");
    writeFileSync(path, Buffer.alloc(4096, 1));
    const hba = newHba({ path });
    const found = only(await hba.scan(ALL));
    const notices: PathNotice[] = [];
    found.adapter.listener = { completed: () => {}, notice: (notice) => notices.push(notice) };
    renameSync(path, `${path}.old`);
    expect((await hba.scan(ALL)).problems).toMatchObject([{ code: "FILE_MISSING" }]);
    expect(notices).toMatchObject([{ kind: "path-failed", reason: "lun-gone" }]);
    expect(found.adapter.up).toBe(false);
    renameSync(`${path}.old`, path);
    expect(only(await hba.scan(ALL)).adapter).toBe(found.adapter);
    expect(notices).toHaveLength(2);
    const data = new Uint8Array(512);
    expect(await run(found, "read", 0, data)).toBe("good");
    expect(data[0]).toBe(1);
  });

  it("is not mistaken for another that took its name", async () => {
    const path = join(folder, "f");
    writeFileSync(path, Buffer.alloc(4096, 1));
    const hba = newHba({ path });
    const found = only(await hba.scan(ALL));
    const notices: string[] = [];
    found.adapter.listener = { completed: () => {}, notice: ({ kind }) => notices.push(kind) };
    unlinkSync(path);
    writeFileSync(`${path}.next`, Buffer.alloc(8192, 2));
    renameSync(`${path}.next`, path);
    expect(only(await hba.scan(ALL)).lun.capacityBytes).toBe(8192);
    expect(notices).toEqual(["path-failed", "path-restored"]);
    const data = new Uint8Array(512);
    expect(await run(found, "read", 4096, data)).toBe("good");
    expect(data[0]).toBe(2);
  });

  it("reads as a medium error where it was cut short", async () => {
    const path = join(folder, "f");
    writeFileSync(path, Buffer.alloc(8192));
    const found = only(await newHba({ path }).scan(ALL));
    truncateSync(path, 4096);
    expect(await run(found, "read", 0, new Uint8Array(8192))).toBe("medium-error");
    expect(await run(found, "read", 0, new Uint8Array(4096))).toBe("good");
  });
});

describe("commands", () => {
  it("put the bytes where they belong", async () => {
    const path = join(folder, "f");
    const found = only(await newHba({ path, sizeBytes: 8 * MIB }).scan(ALL));
    const data = seededBytes(1, 3 * MIB);
    expect(await run(found, "write", MIB, data)).toBe("good");
    expect(await run(found, "write", 512, data.subarray(0, 512), true)).toBe("good");
    expect(await run(found, "flush")).toBe("good");
    const content = readFileSync(path);
    expect(content.subarray(MIB, 4 * MIB).equals(data)).toBe(true);
    expect(content.subarray(512, 1024).equals(data.subarray(0, 512))).toBe(true);
  });

  it("may not write where only reading is asked for", async () => {
    const path = join(folder, "f");
    writeFileSync(path, Buffer.alloc(4096, 7));
    const found = only(await newHba({ path, readOnly: true }).scan(ALL));
    expect(found.lun.readOnly).toBe(true);
    expect(await run(found, "write", 0, new Uint8Array(512))).toBe("write-protected");
    expect(await run(found, "read", 0, new Uint8Array(512))).toBe("good");
    expect(readFileSync(path).equals(Buffer.alloc(4096, 7))).toBe(true);
  });

  it.each([
    ["ENOSPC", "no-space"],
    ["EDQUOT", "no-space"],
    ["EIO", "medium-error"],
    ["ENXIO", "medium-error"],
    ["EROFS", "write-protected"],
    ["EPERM", "write-protected"],
    ["EINVAL", "invalid"],
  ])("that the kernel ends with %s end as %s", (code, outcome) => {
    expect(outcomeOf(Object.assign(new Error(code), { code }))).toBe(outcome);
  });

  it("flush no more after a flush that failed, until the file is opened again", async () => {
    const pipe = join(folder, "pipe");
    execFileSync("mkfifo", [pipe]);
    const file = join(folder, "file");
    writeFileSync(file, Buffer.alloc(4096));
    const pipeFd = openSync(pipe, "r+");
    const fileFd = openSync(file, "r+");
    scope.defer(() => {
      closeSync(pipeFd);
      closeSync(fileFd);
    });
    const adapter = new FilePath({
      id: "local0:0:0",
      sessionId: "local0:0",
      components: [],
      clock: hostClock(),
    });
    const path = { adapter, lun: only(await newHba({ path: file }).scan(ALL)).lun };
    adapter.capacityBytes = 4096;
    // The kernel can't flush a pipe, and says so each time. A disk that lost its data says so once.
    adapter.opened(pipeFd, false);
    expect(await run(path, "flush")).toBe("invalid");
    adapter.fd = fileFd;
    expect(await run(path, "flush")).toBe("invalid");
    expect(await run(path, "write", 0, new Uint8Array(512), true)).toBe("invalid");
    expect(await run(path, "write", 0, new Uint8Array(512))).toBe("good");
    adapter.failed("lun-gone", "test");
    adapter.opened(fileFd, false);
    expect(await run(path, "flush")).toBe("good");
    expect(await run(path, "write", 0, new Uint8Array(512), true)).toBe("good");
  });

  it("are waited for by a reset and by close", async () => {
    const path = join(folder, "f");
    const hba = newHba({ path, sizeBytes: 64 * MIB });
    const { adapter } = only(await hba.scan(ALL));
    const order: string[] = [];
    adapter.listener = {
      completed: (_command, outcome) => order.push(outcome),
      notice: ({ kind }) => order.push(kind),
    };
    const write = (index: number) =>
      adapter.submit(
        Object.assign(new Command(), {
          op: "write",
          offsetBytes: index * MIB,
          lengthBytes: MIB,
          data: Buffer.alloc(MIB),
        }),
      );
    for (let index = 0; index < 9; index++) write(index);
    await new Promise<void>((resolve) =>
      adapter.resetLun((succeeded) => {
        order.push(`reset ${succeeded}`);
        resolve();
      }),
    );
    expect(order).toEqual([...Array(9).fill("good"), "reset true"]);
    for (let index = 0; index < 5; index++) write(index);
    await hba.close();
    expect(order.slice(10)).toEqual(["path-failed", ...Array(5).fill("good")]);
  });
});

describe("options", () => {
  it.each([
    ["a name with a colon", { name: "a:b", files: [] }, "name"],
    ["an empty path", { name: "a", files: [{ path: "" }] }, "files[0].path"],
    ["half a block", { name: "a", files: [{ path: "/x", sizeBytes: 100 }] }, "files[0].sizeBytes"],
    ["no time", { name: "a", files: [], scanTimeoutMs: 0 }, "scanTimeoutMs"],
  ])("refuse %s", (_name, options, option) => {
    expect(() => createFileHba({ ...options, clock: hostClock() })).toThrow(
      expect.objectContaining({ code: "OPTION_INVALID", option }),
    );
  });
});
