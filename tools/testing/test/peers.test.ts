import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it, onTestFinished, vi } from "vitest";
import { peers, Scope } from "../src/index.js";

it("finds what is installed and names what is not; under CI that is an error", async () => {
  const scope = new Scope();
  onTestFinished(() => scope.close());
  onTestFinished(() => void vi.unstubAllEnvs());
  const file = join(await scope.directory(), "missing");
  vi.stubEnv("CI", "");
  vi.stubEnv("MISSING_PEERS_FILE", file);
  expect(peers("sh", "env")).toBe(true);
  expect(peers("sh", "no-such-program", "nor-this-one")).toBe(false);
  expect(readFileSync(file, "utf8")).toBe("no-such-program\nnor-this-one\n");
  vi.stubEnv("CI", "true");
  expect(() => peers("no-such-program")).toThrow("not installed: no-such-program");
});
