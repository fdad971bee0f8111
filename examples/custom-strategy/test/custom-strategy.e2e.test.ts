import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { peers, type RunResult, run, Scope, start, until } from "@fairlead/testing";
import { describe, expect, it, onTestFinished } from "vitest";
import { installPrograms, readmeCommands } from "../../readme-commands.js";

const OWN = fileURLToPath(new URL("..", import.meta.url));

interface Line {
  readonly command: string;
  readonly result: RunResult;
}

describe.skipIf(!peers("qemu-img"))("a strategy in one file", () => {
  it("is verified, loaded and swapped by the commands of the README", { timeout: 90_000 }, async () => {
    const scope = new Scope();
    onTestFinished(() => scope.close());
    const programs = await scope.directory();
    installPrograms(programs);
    const env = { XDG_RUNTIME_DIR: await scope.directory(), PATH: `${programs}:${process.env.PATH}` };
    const shell = (command: string, allow = [0]) => run("sh", ["-c", command], { cwd: OWN, env, allow });
    const json = async (kind: string) =>
      JSON.parse((await shell(`fairlead get ${kind} -o json`)).stdout) as Record<string, unknown>[];
    const commandsByPath = async () =>
      new Map((await json("paths")).map(({ name, completedCommands }) => [name, Number(completedCommands)]));

    const lines: Line[] = [];
    const commands = readmeCommands(join(OWN, "README.md")).filter((command) => !command.startsWith("cd "));
    for (const command of commands) {
      if (command.endsWith("&")) {
        // `exec`: the shell is the program itself, so that a signal reaches it.
        const ready = ({ output }: { output: string }) => output.includes("\n");
        await start(scope, "sh", ["-c", `exec ${command.slice(0, -1)}`], {
          cwd: OWN,
          env,
          ready,
          input: true,
        });
        continue;
      }
      if (command.startsWith("qemu-img") && lines.every((line) => !line.command.startsWith("qemu-img"))) {
        await until("two paths and two disks", async () => {
          const states = [...(await json("paths")), ...(await json("disks"))].map(({ state }) => state);
          return states.length === 4 && states.every((state) => state === "active" || state === "ready");
        });
      }
      lines.push({ command, result: await shell(command) });
    }

    const printed = (part: string) => lines.find(({ command }) => command.includes(part))?.result.stdout;
    expect(printed("plugins verify")).toContain("express-lane");
    expect(printed("get luns")).toContain("express-lane");
    expect(printed("set strategy round-robin")).toContain("round-robin");
    expect((await json("luns"))[0]?.strategy).toBe("express-lane");
    const counts = await commandsByPath();
    const lanes = [counts.get("vmhba0:0:1") ?? 0, counts.get("vmhba1:0:1") ?? 0];
    expect(lanes[0]).toBeGreaterThanOrEqual(4000);
    expect(lanes[1]).toBeGreaterThanOrEqual(1000);
    // Beside the writes there are the client's reads of the first blocks, and its flushes.
    expect((lanes[0] ?? 0) + (lanes[1] ?? 0)).toBeLessThan(5040);
  });
});
