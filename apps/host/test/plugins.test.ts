import { chmod, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { schedulerSchema } from "../src/config/lun-schema.js";
import { policySchema } from "../src/config/policy-schema.js";
import { builtIns } from "../src/plugins/built-in.js";
import { choosePolicies, loadPolicy } from "../src/plugins/choose.js";
import { place, refused } from "./policy-source.js";

const CORE = 'import { defineStrategy, defineAdmissionPolicy, OptionError } from "@fairlead/core";\n';
const strategy = (name: string, more = "") =>
  `${CORE}export default defineStrategy({ name: "${name}", ${more} create: () => ({ name: "${name}", select: () => 0 }) });\n`;
/** Takes `weight`, a number; hand-written, as a plugin without a schema library does. */
const WEIGHT = (how: string) => `{ "~standard": { version: 1, vendor: "test", validate: ${how} } }`;
const CHECK = `(value) => typeof value.weight === "number" ? { value } : { issues: [{ message: "expected a number", path: ["weight"] }] }`;

describe("a policy from a file", () => {
  it.each(["mine.ts", "mine.mjs", "mine.js"])("loads from %s, with the host's own core", async (file) => {
    const types = file.endsWith(".ts") ? "interface Unused { readonly a: number }\n" : "";
    const source = await place({
      [file]: `${CORE}${types}export default defineStrategy({ name: "mine", create() { throw new OptionError("a", "b", 1); } });`,
      "package.json": '{ "type": "module" }',
    });
    // An OptionError of another copy of core would not be told with its option.
    expect(await refused(source, { file })).toBe("PLUGIN_OPTION_INVALID: mine: option a must be b, but is 1");
  });

  it("makes a policy for each team, with its checked options and the team", async () => {
    const source = await place({
      "mine.ts": `${CORE}export default defineStrategy({ name: "mine",
        options: ${WEIGHT("(value) => ({ value: { doubled: value.weight * 2 } })")},
        create: ({ doubled }, { team, ordinal }) => ({ name: "mine", select: () => team + doubled + ordinal }) });`,
    });
    const policy = await loadPolicy("strategy", { file: "mine.ts", weight: 4 }, source);
    expect(policy).toMatchObject({ kind: "strategy", name: "mine", contract: 1 });
    expect(policy.from).toBe(`file ${join(source.directory, "mine.ts")}`);
    const made = [3, 7].map((ordinal) => policy.create({ team: "t", ordinal }));
    expect(made.map((one) => one.select([], {} as never))).toEqual(["t83", "t87"]);
    expect(made[0]).not.toBe(made[1]);
  });

  it("bears the plugin's name, whatever it is made from", async () => {
    const source = await place({
      "literal.ts": strategy("literal").replace('=> ({ name: "literal"', '=> ({ name: "of-another"'),
      "class.ts": `${CORE}class Mine {
  #calls = 0;
  get name() { return "of-another"; }
  select() { return this.#calls++; }
}
export default defineStrategy({ name: "class", create: () => new Mine() });`,
      "frozen.ts": `${CORE}export default defineStrategy({ name: "frozen",
        create: () => Object.freeze({ name: "of-another", select: () => 0 }) });`,
    });
    const made = async (file: string) =>
      (await loadPolicy("strategy", { file }, source)).create({ team: "t", ordinal: 0 });
    expect((await made("literal.ts")).name).toBe("literal");
    const mine = await made("class.ts");
    expect([mine.name, mine.select([], {} as never), mine.select([], {} as never)]).toEqual(["class", 0, 1]);
    expect((await made("frozen.ts")).name).toBe("of-another");
  });

  it("is refused where it runs tests, itself or in what it imports", async () => {
    const source = await place({
      "suite.ts": `import { strategySuite } from "@fairlead/compliance";\nstrategySuite;\n${strategy("suite")}`,
      "inner.ts": `import "./inner.test.ts";\n${strategy("inner")}`,
      "inner.test.ts": 'import { it } from "vitest";\nit("runs", () => {});',
      "types.ts": `import type { SuiteRunner } from "@fairlead/compliance";\n${strategy("types")}`,
    });
    const why = "a plugin's module must not run tests; move them to a file of their own";
    expect(await refused(source, { file: "suite.ts" })).toContain(`it imports @fairlead/compliance: ${why}`);
    expect(await refused(source, { file: "inner.ts" })).toMatch(
      /^PLUGIN_LOAD_FAILED: plugin …\/inner\.ts can't be loaded: it imports vitest: /,
    );
    expect(await refused(source, { file: "types.ts" })).toBe("loaded");
  });

  it("is evaluated anew each time, with what it imports", async () => {
    const file = (name: string) =>
      `import { n } from "./part.ts";\n${strategy(name).replace("=> 0", "=> n")}`;
    const source = await place({ "mine.ts": file("one"), "part.ts": "export const n = 1;" });
    const load = () => loadPolicy("strategy", { file: "mine.ts" }, source);
    const select = async () => (await load()).create({ team: "t", ordinal: 0 }).select([], {} as never);
    expect([(await load()).name, await select()]).toEqual(["one", 1]);
    await writeFile(join(source.directory, "mine.ts"), file("two"));
    await writeFile(join(source.directory, "part.ts"), "export const n = 2;");
    expect([(await load()).name, await select()]).toEqual(["two", 2]);
  });

  it("is refused with its file and line where it can't be loaded", async () => {
    const source = await place({
      "throws.ts": "interface A {\n  b: string;\n}\n\nthrow new Error('boom');\n",
      "syntax.ts": "const a = 1;\nconst = 2;\n",
      "lacks.ts": "import 'no-such-package';\nexport default 1;\n",
      "hangs.mjs": "await new Promise(() => {});\nexport default 1;\n",
      "odd.js": "throw 5;",
    });
    const cases: Record<string, RegExp> = {
      "throws.ts": /^PLUGIN_LOAD_FAILED: plugin …\/throws\.ts can't be loaded: boom \(line 5\)$/,
      "syntax.ts": /^PLUGIN_LOAD_FAILED: .*Unexpected token.*\(line 2\)$/,
      "lacks.ts": /^PLUGIN_LOAD_FAILED: .*no-such-package/,
      "hangs.mjs": /^PLUGIN_LOAD_FAILED: .* did not end within 0\.3 s$/,
      "odd.js": /^PLUGIN_LOAD_FAILED: .* it threw 5$/,
    };
    for (const [file, expected] of Object.entries(cases))
      expect(await refused(source, { file })).toMatch(expected);
  });

  it("is refused where others could have written it, or it is no file", async () => {
    const source = await place({ "mine.ts": strategy("mine"), "folder.ts/x": "" });
    const { directory } = source;
    expect(await refused(source, { file: "mine.ts" })).toBe("loaded");
    await symlink(join(directory, "mine.ts"), join(directory, "link.ts"));
    await symlink("loop.ts", join(directory, "loop.ts"));
    expect(await refused(source, { file: "link.ts" })).toBe("loaded");
    for (const [mode, shown] of [
      [0o646, "0646"],
      [0o664, "0664"],
    ] as const) {
      await chmod(join(directory, "mine.ts"), mode);
      const why = `its mode is ${shown}, so that others can write it; chmod go-w it`;
      expect(await refused(source, { file: "mine.ts" })).toBe(
        `PLUGIN_FILE_REFUSED: plugin …/mine.ts is not loaded: ${why}`,
      );
      expect(await refused(source, { file: "link.ts" })).toContain(why);
    }
    expect(await refused(source, { file: "folder.ts" })).toMatch(
      /^PLUGIN_FILE_REFUSED: .* it is not a file$/,
    );
    expect(await refused(source, { file: "loop.ts" })).toMatch(/^PLUGIN_FILE_REFUSED: .*ELOOP/);
    expect(await refused(source, { file: "none.ts" })).toBe(
      "PLUGIN_NOT_FOUND: there is no plugin file …/none.ts",
    );
  });

  it.runIf(process.getuid?.() === 0)("is refused where it belongs to another user", async () => {
    const source = await place({ "mine.ts": strategy("mine") });
    const { chown } = await import("node:fs/promises");
    await chown(join(source.directory, "mine.ts"), 1234, 0);
    expect(await refused(source, { file: "mine.ts" })).toMatch(
      /^PLUGIN_FILE_REFUSED: .* belongs to user 1234/,
    );
  });

  it("is refused by its name where that is no path of code", async () => {
    const source = await place();
    for (const file of [
      "a\0.ts",
      "node:fs.js",
      "data:text/javascript,1.js",
      "https://x/y.js",
      "mine.json",
      "x",
    ])
      expect(await refused(source, { file }), file).toMatch(/^PLUGIN_SPECIFIER_INVALID: /);
    for (const name of ["node:fs", "fs", "../x", "/etc/x", "a\0", "data:,x", "@a/../b", "https://x", "A b"])
      expect(await refused(source, { package: name }), name).toMatch(/^PLUGIN_SPECIFIER_INVALID: /);
  });
});

describe("what a module exports", () => {
  it("must be a plugin of this host's contract and of the right kind, with a name", async () => {
    const raw = (fields: string) =>
      `export default { contract: 1, kind: "strategy", name: "x", create: () => ({ name: "x", select: () => 0 }), ${fields} };`;
    const source = await place({
      "named.ts": `${CORE}export const mine = defineStrategy({ name: "x", create: () => ({ name: "x", select: () => 0 }) });`,
      "function.ts": "export default () => 0;",
      "null.ts": "export default null;",
      "right.ts": raw(""),
      "newer.ts": raw("contract: 2"),
      "kind.ts": raw('kind: "nonsense"'),
      "name.ts": raw('name: "My Strategy"'),
      "create.ts": raw("create: 5"),
      "nothing.ts": raw("create: () => undefined"),
      "no-select.ts": raw('create: () => ({ name: "x" })'),
      "admission.ts": `${CORE}export default defineAdmissionPolicy({ name: "x", create: () => ({}) });`,
    });
    const cases: Record<string, RegExp> = {
      "named.ts": /^PLUGIN_INVALID: .* has no default export/,
      "function.ts": /^PLUGIN_INVALID: .* is no plugin: expected what defineStrategy or/,
      "null.ts": /^PLUGIN_INVALID: /,
      "right.ts": /^loaded$/,
      "newer.ts":
        /^PLUGIN_CONTRACT_MISMATCH: file …\/newer\.ts is written for contract 2, this host has contract 1$/,
      "kind.ts": /^PLUGIN_INVALID: .* kind is "nonsense"/,
      "name.ts": /^PLUGIN_INVALID: .* name is "My Strategy"/,
      "create.ts": /^PLUGIN_INVALID: .* expected what define/,
      "nothing.ts": /^PLUGIN_INVALID: x of .* did not create a strategy: it is no object$/,
      "no-select.ts": /^PLUGIN_INVALID: x of .* did not create a strategy: it has no function select$/,
      "admission.ts": /^PLUGIN_KIND_WRONG: x of .* is an admission policy, expected a strategy$/,
    };
    for (const [file, expected] of Object.entries(cases))
      expect(await refused(source, { file })).toMatch(expected);
  });
});

describe("options", () => {
  it("go through the plugin's schema, which may be asynchronous but must answer", async () => {
    const slow = `async (value) => { await new Promise((resolve) => setTimeout(resolve, 5)); return (${CHECK})(value); }`;
    const source = await place({
      "sync.ts": strategy("sync", `options: ${WEIGHT(CHECK)},`),
      "slow.ts": strategy("slow", `options: ${WEIGHT(slow)},`),
      "hangs.ts": strategy("hangs", `options: ${WEIGHT("() => new Promise(() => {})")},`),
      "throws.ts": strategy("throws", `options: ${WEIGHT("() => { throw new Error('oh'); }")},`),
      "none.ts": strategy("none"),
    });
    for (const name of ["sync", "slow"]) {
      const file = `${name}.ts`;
      expect(await refused(source, { file, weight: 3 })).toBe("loaded");
      expect(await refused(source, { file, weight: "3" })).toBe(
        `PLUGIN_OPTION_INVALID: option weight of ${name} is "3": expected a number`,
      );
      expect(await refused(source, { file })).toBe(
        `PLUGIN_OPTION_INVALID: option weight of ${name} is missing: expected a number`,
      );
    }
    expect(await refused(source, { file: "hangs.ts" })).toMatch(
      /^PLUGIN_OPTION_INVALID: .*did not end within 0\.3 s/,
    );
    expect(await refused(source, { file: "throws.ts" })).toBe("PLUGIN_OPTION_INVALID: throws: oh");
    expect(await refused(source, { file: "none.ts" })).toBe("loaded");
    expect(await refused(source, { file: "none.ts", weight: 3 })).toBe(
      "PLUGIN_OPTION_INVALID: none takes no options, but weight is given",
    );
  });

  it("of built-in policies are in the config's words, and each arrives", async () => {
    const source = await place();
    const right = [
      { name: "round-robin", commandsPerTurn: 3, bytesPerTurn: "64KiB" },
      { name: "least-pending", by: "commands", pendingBytesMax: "1MiB" },
      {
        name: "vm-affinity",
        spread: "shares",
        pinned: { priorityMax: 3, paths: ["vmhba1"] },
        others: "least-pending",
      },
      { name: "vm-affinity", by: "team" },
      { name: "quota", commandsPerShare: 2, commandsMax: 64 },
      { name: "speed", interval: "500ms", probePart: 0.02, overhead: "16KiB" },
    ];
    for (const entry of right) expect(await refused(source, entry), entry.name).toBe("loaded");
    // Out of the range that only the package itself knows: it was given the value.
    const wrong = [
      { name: "least-pending", pendingBytesMax: "0B" },
      { name: "vm-affinity", pinned: { priorityMax: 3, paths: ["x"] }, by: "team" },
      { name: "quota", commandsPerShare: 0 },
      { name: "quota", commandsMax: 0 },
      { name: "speed", interval: "0ms" },
      { name: "speed", probePart: 0.6 },
    ];
    for (const entry of wrong)
      expect(await refused(source, entry), JSON.stringify(entry)).toMatch(
        /^PLUGIN_OPTION_INVALID: .*must be/,
      );
    expect(await refused(source, { name: "speed", intervall: "1s" })).toBe(
      "PLUGIN_OPTION_INVALID: speed: there is no option intervall, did you mean interval?",
    );
    expect(
      await refused(source, { name: "vm-affinity", pinned: { priorityMax: 3, paths: ["x"], more: 1 } }),
    ).toBe("PLUGIN_OPTION_INVALID: vm-affinity: there is no option pinned.more");
  });

  it("of admission policies too", async () => {
    const source = await place();
    const load = (entry: object) => loadPolicy("admission-policy", policySchema.parse(entry), source);
    const settings = async (entry: object) => {
      const made = (await load(entry)).create({ team: "t", ordinal: 0 });
      return "settings" in made ? made.settings : undefined;
    };
    expect(
      await settings({ name: "disk-scheduler", quantum: 3, limitBurst: "20ms", guaranteeWindow: "2s" }),
    ).toMatchObject({ quantum: 3, limitBurstMs: 20, guaranteeWindowMs: 2000 });
    const base = schedulerSchema.parse({ quantum: 5, catchUp: 3, factors: { read: 2 } });
    const based = { ...source, builtIns: builtIns(() => base) };
    const entry = { name: "disk-scheduler", quantum: 3, factors: { write: 4 } };
    const made = (await loadPolicy("admission-policy", entry, based)).create({ team: "t", ordinal: 0 });
    expect(made).toMatchObject({
      settings: { quantum: 3, catchUp: 3, factors: { read: 2, write: 4, flush: 1 } },
    });
    expect(await settings({ name: "strict-priority", floor: 0.2, unit: "8KiB" })).toEqual({
      floor: 0.2,
      unitBytes: 8192,
    });
    expect(
      await settings({
        name: "fixed-partitions",
        unitsPerSecond: 500,
        sharesTotal: 90,
        burst: "10ms",
        unit: "1KiB",
        floor: 0.05,
      }),
    ).toEqual({ unitsPerSecond: 500, sharesTotal: 90, burstMs: 10, unitBytes: 1024, floor: 0.05 });
    await expect(load({ name: "round-robin" })).rejects.toMatchObject({ code: "PLUGIN_NOT_FOUND" });
  });
});

describe("a policy from a package", () => {
  it("is found from the folder of the config, also with an `import` condition only", async () => {
    const source = await place({
      "node_modules/@example/fast/package.json":
        '{ "name": "@example/fast", "version": "1.0.0", "type": "module", "exports": { ".": { "import": "./lib/index.js" } } }',
      "node_modules/@example/fast/lib/index.js": strategy("fast"),
    });
    const policy = await loadPolicy("strategy", { package: "@example/fast" }, source);
    expect([policy.name, policy.from]).toEqual(["fast", "package @example/fast"]);
    expect(await refused(source, { package: "@example/slow" })).toMatch(
      /^PLUGIN_NOT_FOUND: there is no package @example\/slow, neither from … nor from the host; install it with npm$/,
    );
    expect(await refused(source, { package: "rond-robin" })).toMatch(
      /^PLUGIN_NOT_FOUND: there is no package rond-robin, .*; did you mean the built-in round-robin\?$/,
    );
    // An admission policy would be refused where a strategy is wanted.
    expect(await refused(source, { package: "strict-priorty" })).toMatch(/; install it with npm$/);
  });

  it("is found from the host where the config's folder has none", async () => {
    const source = await place();
    expect(await refused(source, { package: "@fairlead/strategy-round-robin" })).toMatch(
      /^PLUGIN_INVALID: .*strategy-round-robin.* has no default export/,
    );
  });
});

describe("an ordered list", () => {
  it("is used from its first that loads; the rest are fall-backs, and each that is skipped says why", async () => {
    const source = await place({ "mine.ts": strategy("mine"), "bad.ts": "export default 5;" });
    const list = [
      { name: "nope" },
      { file: "bad.ts" },
      { file: "mine.ts" },
      { name: "round-robin", x: 1 },
      { name: "least-pending" },
      { package: "none" },
    ];
    const { usable, skipped } = await choosePolicies("strategy", list, source);
    expect(usable.map(({ name, index }) => [index, name])).toEqual([
      [2, "mine"],
      [4, "least-pending"],
    ]);
    expect(skipped.map(({ index, name, code }) => [index, name, code])).toEqual([
      [0, "nope", "PLUGIN_NOT_FOUND"],
      [1, "bad.ts", "PLUGIN_INVALID"],
      [3, "round-robin", "PLUGIN_OPTION_INVALID"],
      [5, "none", "PLUGIN_NOT_FOUND"],
    ]);
  });

  it("has entries that name exactly one of a built-in policy, a package and a file", () => {
    expect(policySchema.safeParse({ name: "a", file: "b.ts" }).success).toBe(false);
    expect(policySchema.safeParse({ weight: 1 }).success).toBe(false);
    expect(policySchema.safeParse({ file: "b.ts", weight: 1 }).success).toBe(true);
  });
});
