import { fileURLToPath } from "node:url";
import { run } from "@fairlead/testing";
import { expect, it } from "vitest";
import { readmeCommands } from "../../readme-commands.js";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const README = fileURLToPath(new URL("../README.md", import.meta.url));

it("gives the slow upstream what it can carry, and no request more", async () => {
  const script = readmeCommands(README).join(" && ");
  const { stdout } = await run("sh", ["-c", script], { cwd: ROOT });
  const counts = [...stdout.matchAll(/^(\d+) ms: (\d+) requests$/gm)].map(([, , count]) => Number(count));
  expect(counts).toHaveLength(3);
  const [first = 0, second = 0, slow = 0] = counts;
  expect(first + second + slow).toBe(300);
  expect(slow).toBeGreaterThan(10);
  expect(2 * slow).toBeLessThan(Math.min(first, second));
});
