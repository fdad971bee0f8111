import { readFile, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Fairlead, fio, peers, run, Scope, seededBytes } from "@fairlead/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;
const IMAGE_BYTES = 24 * MIB;
const DISKS = ["batch-root", "db-log", "db-root", "web-root"];

describe.skipIf(!peers("qemu-img", "qemu-io", "nbdcopy", "nbdinfo", "fio"))(
  "clients of other projects on the embedded SAN",
  { timeout: 60_000 },
  () => {
    const scope = new Scope();
    const data = seededBytes(5, IMAGE_BYTES);
    let host: Fairlead;
    let directory: string;
    let image: string;

    beforeAll(async () => {
      host = await Fairlead.demo(scope);
      for (const disk of DISKS) await host.untilServed(disk);
      directory = await scope.directory();
      image = join(directory, "image.raw");
      await writeFile(image, data);
    }, 60_000);
    afterAll(() => scope.close());

    /** The first part of a disk, as QEMU's tools take it. */
    const firstPart = (exportName: string) =>
      `driver=raw,size=${IMAGE_BYTES},file.driver=nbd,file.server.type=unix,` +
      `file.server.path=${host.nbdSocket},file.export=${exportName}`;

    it("nbdinfo: lists the disks and what they can", async () => {
      const { stdout } = await run("nbdinfo", ["--list", "--json", host.uri("")]);
      const { exports } = JSON.parse(stdout) as { exports: Record<string, unknown>[] };
      const names = exports.map((one) => one["export-name"]).sort();
      expect(names).toEqual(DISKS);
      for (const one of exports) {
        expect(one).toMatchObject({
          "export-size": GIB,
          is_read_only: false,
          can_flush: true,
          can_fua: true,
          can_multi_conn: true,
        });
      }
    });

    it("qemu-img: converts to a disk and back, and finds both equal", async () => {
      const target = firstPart("web-root");
      await run("qemu-img", [
        "convert",
        "-n",
        "-m",
        "16",
        "-W",
        "-f",
        "raw",
        image,
        "--target-image-opts",
        target,
      ]);
      const source = `driver=raw,file.driver=file,file.filename=${image}`;
      const { stdout } = await run("qemu-img", ["compare", "--image-opts", source, target]);
      expect(stdout).toContain("Images are identical");
      const back = join(directory, "back.raw");
      await run("qemu-img", ["convert", "--image-opts", target, "-O", "raw", back]);
      expect((await readFile(back)).equals(data)).toBe(true);
    });

    it("qemu-io: reads what it wrote, also where the ends fall within blocks of 4 KiB", async () => {
      const commands = ["write -P 0xab 1M 1M", "write -P 0xcd 1049088 512", "flush", "read -P 0xab 1M 512"];
      commands.push("read -P 0xcd 1049088 512", "read -P 0xab 1049600 1047040", "write -f -P 0xef 3M 64k");
      const args = ["-f", "raw", ...commands.flatMap((command) => ["-c", command]), host.uri("batch-root")];
      const { stdout } = await run("qemu-io", args);
      expect(stdout).not.toMatch(/fail|error/i);
    });

    it("nbdcopy: copies in and out over several connections", async () => {
      await run("nbdcopy", ["-C", "4", "-R", "32", image, host.uri("db-log")]);
      const back = join(directory, "copied.raw");
      await run("nbdcopy", ["-C", "4", "-R", "32", host.uri("db-log"), back]);
      await truncate(back, IMAGE_BYTES);
      expect((await readFile(back)).equals(data)).toBe(true);
    });

    it("fio: verifies what it wrote", async () => {
      const job = { uri: host.uri("db-root"), bs: "16k", iodepth: 16, size: "16m", verify: true };
      const [result] = await fio(scope, [{ ...job, rw: "randwrite" }]);
      expect(result).toMatchObject({ error: 0, failedCommands: 0, write: { commands: 1024 } });
      expect(result?.read.commands).toBeGreaterThan(0); // It read back.
    });
  },
);
