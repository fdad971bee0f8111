import { fileURLToPath } from "node:url";
import { peers, run, Scope } from "@fairlead/testing";
import { describe, expect, it, onTestFinished } from "vitest";
import { installPrograms, readmeCommands } from "../../readme-commands.js";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const README = fileURLToPath(new URL("../README.md", import.meta.url));

describe.skipIf(!peers("qemu-img", "qemu-io"))("two portals behind one disk", () => {
  it("copies, loses a portal, compares and gets it back", { timeout: 120_000 }, async () => {
    const scope = new Scope();
    onTestFinished(() => scope.close());
    const programs = await scope.directory();
    installPrograms(programs);
    const env = { PATH: `${programs}:${process.env.PATH}`, TMPDIR: programs };
    const script = readmeCommands(README).join(" && ");
    const { stdout } = await run("sh", ["-c", script], { cwd: ROOT, env, timeoutMs: 100_000 });

    const paths = [...stdout.matchAll(/^ {2}(vmhba\d:0:1) (\w+), (\d+) MiB$/gm)].map(
      ([, name, state, mib]) => ({ name, state, mib: Number(mib) }),
    );
    expect(paths.map(({ name, state }) => `${name} ${state}`)).toEqual([
      "vmhba0:0:1 active",
      "vmhba1:0:1 failed",
      "vmhba0:0:1 active",
      "vmhba1:0:1 active",
    ]);
    const [first, lost, , restored] = paths;
    expect((first?.mib ?? 0) + (lost?.mib ?? 0)).toBeGreaterThanOrEqual(64);
    expect(lost?.mib).toBeGreaterThan(2);
    expect(lost?.mib).toBeLessThan(32);
    expect(restored?.mib).toBeGreaterThan(lost?.mib ?? Infinity);
    expect(stdout).toContain("what is read is what was written");
  });
});
