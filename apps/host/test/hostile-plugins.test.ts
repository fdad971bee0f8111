import { closeSync, openSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { choosePolicies, loadPolicy } from "../src/plugins/choose.js";
import { refusingExit } from "../src/plugins/exit-guard.js";
import { readPluginFile } from "../src/plugins/plugin-file.js";
import { thrownText } from "../src/plugins/thrown.js";
import { place } from "./policy-source.js";

const CORE = 'import { defineAdmissionPolicy, defineStrategy } from "@fairlead/core";\n';
const create = 'create: () => ({ name: "made", select: () => 0 })';
const strategy = (more: string) => `${CORE}export default defineStrategy({ name: "x", ${create}, ${more} });`;
const validate = (body: string) =>
  strategy(`options: { "~standard": { version: 1, vendor: "v", validate() { ${body} } } }`);
const UNREADABLE = 'new Proxy({}, new Proxy({}, { get() { throw new Error("trap"); } }))';

/** Files and how each is refused; whatever they do, the entry behind them must be used. */
const CASES: Readonly<Record<string, readonly [source: string, refusal: RegExp]>> = {
  "getter.js": [
    "export default { get name() { throw new Error('getter'); }, kind: 'strategy', contract: 1, create() {} };",
    /^PLUGIN_INVALID: the default export of file .*getter\.js is no plugin: to look at it threw getter$/,
  ],
  "proxy.js": [
    `export default ${UNREADABLE};`,
    /^PLUGIN_INVALID: .*proxy\.js is no plugin: to look at it threw trap$/,
  ],
  "thenable.js": [
    "export default { then() { throw new Error('then'); } };",
    /^PLUGIN_INVALID: .*thenable\.js is no plugin: expected what defineStrategy/,
  ],
  "throws-null.js": [
    "throw Object.create(null);",
    /^PLUGIN_LOAD_FAILED: .*throws-null\.js can't be loaded: something without a message$/,
  ],
  "throws-proxy.js": [
    `throw ${UNREADABLE};`,
    /^PLUGIN_LOAD_FAILED: .*throws-proxy\.js can't be loaded: something that can't be looked at$/,
  ],
  "odd-stack.js": [
    "const e = new Error('odd'); e.stack = 5; throw e;",
    /^PLUGIN_LOAD_FAILED: .*odd-stack\.js can't be loaded: odd$/,
  ],
  "long.js": ["throw new Error('y'.repeat(5000));", /^PLUGIN_LOAD_FAILED: .*long\.js .*: y{300}…/],
  "exits.js": [
    "process.exit(0);",
    /^PLUGIN_LOAD_FAILED: .*exits\.js can't be loaded: it called process\.exit\(0\), which a plugin must not/,
  ],
  "exits-later.js": [
    "await new Promise((resolve) => setTimeout(resolve, 5)); process.exit(3);",
    /^PLUGIN_LOAD_FAILED: .*exits-later\.js .*process\.exit\(3\)/,
  ],
  "exits-creating.js": [
    strategy("create() { process.exit(); }"),
    /^PLUGIN_OPTION_INVALID: x: create threw it called process\.exit\(\), which/,
  ],
  "creates-null.js": [
    strategy("create() { throw Object.create(null); }"),
    /^PLUGIN_OPTION_INVALID: x: create threw something without a message$/,
  ],
  "creates-message.js": [
    strategy("create() { const e = new Error('a'); e.message = { toString() { throw 1; } }; throw e; }"),
    /^PLUGIN_OPTION_INVALID: x: create threw something without a message$/,
  ],
  "creates-proxy.js": [
    strategy(`create() { throw ${UNREADABLE}; }`),
    /^PLUGIN_OPTION_INVALID: x: create threw something that can't be looked at$/,
  ],
  "made-proxy.js": [
    strategy(`create: () => ${UNREADABLE}`),
    /^PLUGIN_INVALID: x of .* did not create a strategy: to look at it threw trap$/,
  ],
  "frozen-name.js": [
    strategy('create: () => Object.freeze({ name: "\\u001b[2J", select: () => 0 })'),
    /^PLUGIN_INVALID: x of .* did not create a strategy: its name can't be set and is not lower-case/,
  ],
  "frozen-getter.js": [
    strategy('create: () => Object.freeze({ get name() { return "x"; }, select: () => 0 })'),
    /^PLUGIN_INVALID: x of .* did not create a strategy: its name can't be set/,
  ],
  "no-answer.js": [validate(""), /^PLUGIN_INVALID: x: its check of the options gave no answer, expected/],
  "issues-5.js": [validate("return { issues: 5 };"), /^PLUGIN_INVALID: x: its check of the options gave no/],
  "issues-getter.js": [
    validate("return { get issues() { throw new Error('issues'); } };"),
    /^PLUGIN_OPTION_INVALID: x: issues$/,
  ],
  "issues-null.js": [validate("return { issues: [null] };"), /^PLUGIN_OPTION_INVALID: x: Cannot destructure/],
};

it.each(Object.entries(CASES))("%s is skipped, and the next is used", async (file, [text, refusal]) => {
  const source = await place({ [file]: text });
  const { usable, skipped } = await choosePolicies("strategy", [{ file }, { name: "speed" }], source);
  expect(usable.map(({ name }) => name)).toEqual(["speed"]);
  expect(skipped).toMatchObject([{ index: 0, name: file }]);
  expect(`${skipped[0]?.code}: ${skipped[0]?.reason}`).toMatch(refusal);
});

it("options of a plugin may be anything, also what has a `then`", async () => {
  const source = await place({
    "x.js": `${CORE}export default defineStrategy({ name: "x",
      options: { "~standard": { version: 1, vendor: "v", validate: () => ({ value: { then() { throw 1; } } }) } },
      create: (options) => ({ name: "x", select: () => typeof options.then }) });`,
  });
  const policy = await loadPolicy("strategy", { file: "x.js" }, source);
  expect(policy.create({ team: "t", ordinal: 0 }).select([], {} as never)).toBe("function");
});

it("a name that is not the same at each call is the plugin's", async () => {
  const source = await place({
    "x.js": strategy(
      'create() { let calls = 0; return { get name() { if (calls++ > 0) throw 1; return "x"; }, select: () => 0 }; }',
    ),
  });
  const made = (await loadPolicy("strategy", { file: "x.js" }, source)).create({ team: "t", ordinal: 0 });
  expect([made.name, made.name, made.name]).toEqual(["x", "x", "x"]);
});

it("an admission policy must count what it has queued", async () => {
  const methods =
    "enqueue next nextAt requeue completed cancel setEntry removeEntry entry pathsChanged drain".split(" ");
  const members = methods.map((method) => `${method}() {}`).join(", ");
  const policy = (more: string) =>
    `${CORE}export default defineAdmissionPolicy({ name: "q", create: () => ({ name: "q", ${members}, ${more} }) });`;
  const source = await place({ "counts.js": policy("queuedCommands: 0"), "not.js": policy("") });
  const list = [{ file: "not.js" }, { file: "counts.js" }];
  const { usable, skipped } = await choosePolicies("admission-policy", list, source);
  expect(usable.map(({ index }) => index)).toEqual([1]);
  expect(skipped[0]?.reason).toMatch(/did not create an admission policy: it has no number queuedCommands$/);
});

it("a file that vanishes while it is read is not found", async () => {
  const { directory } = await place();
  const file = join(directory, "gone.js");
  writeFileSync(file, "export default 1;");
  const descriptor = openSync(file, "r");
  unlinkSync(file);
  // Opens and tells its size like a file; its name leads nowhere any more.
  expect(() => readPluginFile(`/proc/self/fd/${descriptor}`)).toThrow(
    expect.objectContaining({ code: "PLUGIN_NOT_FOUND" }),
  );
  closeSync(descriptor);
});

it("only what a plugin runs is kept from ending the process, and only while it is loaded", async () => {
  const before = process.exit;
  const ended: unknown[] = [];
  process.exit = ((code) => ended.push(code)) as typeof before;
  const own = process.exit;
  try {
    let release = (): void => {};
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    const first = refusingExit(async () => {
      await gate;
      return thrownText(
        await Promise.resolve()
          .then(() => process.exit(1), undefined)
          .catch((error) => error),
      );
    });
    const second = refusingExit(async () => {
      throw new Error("loading failed");
    });
    await expect(second).rejects.toThrow("loading failed");
    process.exit(7); // The host's own word, while a plugin is still loading.
    expect(ended).toEqual([7]);
    release();
    expect(await first).toBe("it called process.exit(1), which a plugin must not");
    expect(process.exit).toBe(own);
  } finally {
    process.exit = before;
  }
});

it("what was thrown is told in one line of bounded length, whatever it is", () => {
  const nested = { message: { toString: () => "no" } };
  const cases: [unknown, string][] = [
    [new Error("a\n  b\u001b[31m c"), "a b [31m c"],
    [{ message: "like an error" }, "like an error"],
    [5, "5"],
    ["text", "text"],
    [undefined, "undefined"],
    [Symbol("s"), "Symbol(s)"],
    [nested, "something without a message"],
    [() => {}, "something without a message"],
    [new Error(""), "something without a message"],
    ["z".repeat(301), `${"z".repeat(300)}…`],
    ["z".repeat(300), "z".repeat(300)],
  ];
  for (const [thrown, text] of cases) expect(thrownText(thrown)).toBe(text);
  expect(thrownText("abcdef", 3)).toBe("abc…");
});
