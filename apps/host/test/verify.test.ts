import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fairleadCli, Scope } from "@fairlead/testing";
import { expect, it, onTestFinished } from "vitest";
import { plugin } from "./plugin.js";

it("plugins verify checks a policy in a process of its own, law by law", async () => {
  const scope = new Scope();
  onTestFinished(() => scope.close());
  const directory = await scope.directory();
  const files = {
    "right.ts": "return paths.length === 0 ? -1 : calls++ % paths.length;",
    "wrong.ts": "return calls++ % 3;",
    "loops.ts": "while (paths.length === 0); return 0;",
    "exits.ts": "process.exit(9);",
    "dies.ts": "process.kill(process.pid, 'SIGKILL'); return -1;",
    // Rarely enough that some laws are kept.
    "throws.ts":
      "if (++calls % 1000 === 0) throw new Error('boom'); return paths.length === 0 ? -1 : calls % paths.length;",
    "late.ts":
      "if (++calls > 130_000 && paths.length === 64) throw new Error('boom'); return paths.length === 0 ? -1 : 0;",
    "seven.ts": "return calls++ > 0 && paths.length === 7 ? 7 : paths.length - 1;",
    "talks.ts": "console.log('to stdout'); return paths.length - 1;",
  };
  for (const [name, body] of Object.entries(files))
    await writeFile(join(directory, name), plugin(name.replace(".ts", ""), body));
  const verify = (policy: string, ...args: string[]) =>
    fairleadCli(["plugins", "verify", policy.replace(/^\./, directory), ...args], { allow: [0, 1, 2] });
  const [right, wrong, loops, exits, dies] = await Promise.all([
    verify("./right.ts"),
    verify("./wrong.ts"),
    verify("./loops.ts", "--timeout", "10s"),
    verify("./exits.ts"),
    verify("./dies.ts"),
  ]);
  expect(right).toMatchObject({ code: 0 });
  expect(right.stdout).toMatch(/^right: strategy, file \S+right\.ts, contract 1\nok {6}/);
  expect(right.stdout).toMatch(
    /\na decision takes \d+ ns with 2 paths, \d+ ns with 8 paths, \d+ ns with 64 paths\nall \d+ laws are kept\n$/,
  );
  expect(wrong).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/^error PLUGIN_VERIFY_FAILED: \d+ of \d+ laws/),
  });
  expect(wrong.stdout).toMatch(/^failed {2}answers an index .*: select answered \d for /m);
  expect(wrong.stdout).toMatch(/^ok {6}has a name$/m);
  expect(loops).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/^error PLUGIN_VERIFY_TIMED_OUT: timed out in [a-z].* \(10 s\)\n/),
  });
  expect(exits.stderr).toMatch(/^error PLUGIN_VERIFY_FAILED: \d+ of \d+ laws/);
  expect(exits.stdout).toMatch(
    /^failed {2}answers -1 .*: it called process\.exit\(9\), which a plugin must/m,
  );
  expect(dies.stderr).toMatch(/^error PLUGIN_VERIFY_ENDED: the process ended with SIGKILL in [a-z]/);
  const [throws, late, seven] = await Promise.all([
    verify("./throws.ts"),
    verify("./late.ts"),
    verify("./seven.ts"),
  ]);
  expect(throws).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/^error PLUGIN_VERIFY_FAILED: \d+ of \d+ laws/),
  });
  expect(throws.stdout).toMatch(/^failed {2}measuring with 8 paths: boom$/m);
  expect(throws.stdout).toMatch(/^ok {6}/m);
  expect(late).toMatchObject({
    code: 1,
    stdout: expect.stringMatching(/^failed {2}measuring with 64 paths: boom$/m),
    stderr: "error PLUGIN_VERIFY_FAILED: it keeps the laws, but failed while it was measured\n",
  });
  expect(late.stdout).toMatch(/^a decision takes \d+ ns with 2 paths, \d+ ns with 8 paths$/m);
  const [sequence = ""] =
    /^failed {2}answers an index .*: select answered 7 for 7 paths; Counterexample: .*$/m.exec(
      seven.stdout,
    ) ?? [];
  expect(sequence).toMatch(/"kind":"paths".*"kind":"select".*\]\]$/);
  const [builtIn, talks, none, usage] = await Promise.all([
    verify("strict-priority", "floor=0.05"),
    verify("./talks.ts"),
    verify("./none.ts"),
    verify("quota", "--timeout", "soon"),
  ]);
  expect(builtIn.stdout).toMatch(/^strict-priority: admission-policy, built-in, contract 1\n/);
  expect(builtIn.stdout).toMatch(/\na decision takes \d+ ns with 2 VMs, .*\nall \d+ laws are kept\n$/);
  expect(talks.stdout).not.toContain("to stdout");
  expect(none).toMatchObject({
    code: 1,
    stdout: "",
    stderr: expect.stringMatching(/^error PLUGIN_NOT_FOUND: /),
  });
  expect(usage).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("expected a duration such as 30s"),
  });
}, 180_000);

it("plugins verify finds what a plugin does behind the host's back, and nothing where it does nothing", async () => {
  const scope = new Scope();
  onTestFinished(() => scope.close());
  const directory = await scope.directory();
  const select = "return paths.length > 0 ? 0 : -1;";
  const files = {
    "registry.ts": `globalThis.registry = [];\n${plugin("registry", select)}`,
    "rejects.ts": `setTimeout(() => Promise.reject(new Error("unheard")), 600);\n${plugin("rejects", select)}`,
    "ticks.ts": `setInterval(() => { throw Object.create(null); }, 300);\n${plugin("ticks", select)}`,
    "leaves.ts": `setTimeout(() => process.exit(0), 500);\n${plugin("leaves", select)}`,
    "pollutes.ts": `Object.prototype.evil = 1; Array.prototype.at = () => 5; delete globalThis.atob;
${plugin("pollutes", `globalThis.shared ??= 1; Math.random = () => 4; ${select}`)}`,
  };
  const found: Record<string, string> = {};
  for (const [name, text] of Object.entries(files)) {
    await writeFile(join(directory, name), text);
    const { code, stdout, stderr } = await fairleadCli(["plugins", "verify", join(directory, name)], {
      allow: [0, 1],
    });
    const [, line = "nothing"] = /^failed {2}does nothing behind the host's back: (.*)$/m.exec(stdout) ?? [];
    found[name] = line;
    expect(code).toBe(line === "nothing" ? 0 : 1);
    if (code === 1) expect(stderr).toMatch(/^error PLUGIN_VERIFY_FAILED: /m);
  }
  expect(found).toEqual({
    "registry.ts": "nothing",
    "rejects.ts": "a promise that is rejected unheard: unheard (2 times)",
    "ticks.ts": expect.stringMatching(
      /^an error that nobody catches: something without a message \(\d+ times\)$/,
    ),
    "leaves.ts": expect.stringMatching(/^an error that nobody catches: it called process\.exit\(0\), which/),
    "pollutes.ts":
      "Object.prototype.evil is new; Array.prototype.at is not what it was; Math.random is not what it was; globalThis.shared is new; globalThis.atob is not what it was",
  });
}, 180_000);
