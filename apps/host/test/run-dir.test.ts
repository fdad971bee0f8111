import { existsSync } from "node:fs";
import { chmod, mkdir, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Scope } from "@fairlead/testing";
import { describe, expect, it, onTestFinished } from "vitest";
import { defaultRunDir, RunDir } from "../src/run-dir.js";

async function place(): Promise<string> {
  const scope = new Scope();
  onTestFinished(() => scope.close());
  return scope.directory();
}

describe("RunDir", () => {
  it("is made for its owner alone, and removed where it was made", async () => {
    const path = join(await place(), "run");
    const runDir = await RunDir.claim(path);
    expect((await stat(path)).mode & 0o777).toBe(0o700);
    await runDir.release(true);
    expect(existsSync(path)).toBe(false);
  });

  it("belongs to one at a time", async () => {
    const path = await place();
    const first = await RunDir.claim(path);
    await expect(RunDir.claim(path)).rejects.toMatchObject({ code: "RUN_DIR_IN_USE" });
    await first.release(true);
    const second = await RunDir.claim(path);
    await second.release(true);
    expect(existsSync(path)).toBe(true);
  });

  it("remembers a host that did not end cleanly, until one does", async () => {
    const path = await place();
    const claim = async (settled: boolean): Promise<boolean> => {
      const runDir = await RunDir.claim(path);
      await runDir.release(settled);
      return runDir.recovering;
    };
    expect([await claim(false), await claim(false), await claim(true), await claim(true)]).toEqual([
      false,
      true,
      true,
      false,
    ]);
  });

  it("keeps what somebody put there", async () => {
    const path = join(await place(), "run");
    const runDir = await RunDir.claim(path);
    await writeFile(join(path, "note"), "");
    await runDir.release(true);
    expect(existsSync(join(path, "note"))).toBe(true);
  });

  it("is refused where others can enter, or where it is no directory", async () => {
    const parent = await place();
    await mkdir(join(parent, "open"));
    await chmod(join(parent, "open"), 0o755);
    await writeFile(join(parent, "file"), "");
    await symlink(parent, join(parent, "link"));
    for (const name of ["open", "file", "link"])
      await expect(RunDir.claim(join(parent, name)), name).rejects.toMatchObject({ code: "RUN_DIR_REFUSED" });
    await expect(RunDir.claim("/proc/fairlead")).rejects.toMatchObject({ code: "RUN_DIR_REFUSED" });
  });

  it("stands in XDG_RUNTIME_DIR by default", () => {
    expect(defaultRunDir({ XDG_RUNTIME_DIR: "/run/user/7" })).toBe("/run/user/7/fairlead");
    expect(defaultRunDir({ XDG_RUNTIME_DIR: "relative" })).not.toContain("relative");
  });
});
