import { writeFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { fairleadCli, Scope, until } from "@fairlead/testing";
import { CommanderError } from "commander";
import { describe, expect, it, onTestFinished } from "vitest";
import { errorText, exitCodeOf } from "../src/cli/exit.js";
import { createProgram } from "../src/cli/program.js";
import { plugin } from "./plugin.js";
import { type RunningHost, runHost } from "./running-host.js";

/** Where `fairleadCli` calls it. */
const ROOT = fileURLToPath(new URL("../../..", import.meta.url));

interface Result {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The command line in this process, against a host in this process. */
async function fairlead({ host }: RunningHost, ...args: string[]): Promise<Result> {
  const lines = { out: [] as string[], error: [] as string[] };
  const program = createProgram({
    print: (line) => lines.out.push(line),
    warn: (line) => lines.error.push(line),
  });
  const result = (code: number, more = "") => ({
    code,
    stdout: lines.out.join("\n"),
    stderr: lines.error.join("\n") + more,
  });
  try {
    await program.parseAsync(["node", "fairlead", "--socket", host.apiSocket, ...args]);
    return result(0);
  } catch (error) {
    if (error instanceof CommanderError) return result(error.exitCode === 0 ? 0 : 2);
    return result(exitCodeOf(error), errorText(error));
  }
}

async function ready(): Promise<RunningHost> {
  const running = await runHost();
  await until("both disks", () => running.host.spm.disks().every(({ state }) => state === "ready"));
  return running;
}

describe("fairlead get", () => {
  it("prints tables, wide tables and JSON", async () => {
    const running = await ready();
    const lun = running.host.spm.luns()[0]?.id ?? "";
    const { stdout } = await fairlead(running, "get", "paths");
    const [heading, row, ...rest] = stdout.split("\n");
    expect(heading).toMatch(/^PATH +STATE +LUN +PENDING +COMMANDS +DATA +REASON$/);
    expect(row).toMatch(/^local:0:0 +active +file:\S+lun0 +0 +0 +0 B$/);
    expect(rest).toEqual([]);
    expect((await fairlead(running, "get", "disks", "-o", "wide")).stdout).toContain(
      "nbd+unix:///db-root?socket=",
    );
    expect((await fairlead(running, "get", "disks")).stdout).not.toContain("nbd+unix:");
    const luns = JSON.parse((await fairlead(running, "get", "luns", "-o", "json")).stdout);
    expect(luns).toMatchObject([{ id: lun, capacityBytes: 8 * 1024 * 1024 }]);
    expect((await fairlead(running, "get", "vms")).stdout).toMatch(
      /^db +5 +file:\S+ +3000 +none +none +- +0\.0 % +0 +0 +idle$/m,
    );
  });
});

describe("fairlead set, path, rescan, events", () => {
  it("change the running host and say what they did", async () => {
    const running = await ready();
    expect(await fairlead(running, "set", "entry", "db", "local:0:0", "shares=500")).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^db on file:\S+: 500 shares, priority 5$/),
    });
    expect((await fairlead(running, "path", "disable", "local:0:0")).stdout).toBe("local:0:0 is disabled");
    expect(running.host.spm.paths()[0]?.state).toBe("disabled");
    expect((await fairlead(running, "path", "enable", "local:0:0")).stdout).toBe("local:0:0 is active");
    expect((await fairlead(running, "rescan")).stdout).toBe("0 paths added\n0 LUNs added, 0 grown");
    const { stdout } = await fairlead(running, "events");
    expect(stdout).toMatch(/^\d\d:\d\d:\d\d entry-set db: 500 shares, priority 5 on .*$/m);
    expect(stdout).toMatch(/^\d\d:\d\d:\d\d path-disabled local:0:0: .*$/m);
    const json = (await fairlead(running, "events", "-o", "json", "--since", "1")).stdout.split("\n");
    expect(json.map((line) => JSON.parse(line).sequence)).toEqual(json.map((_, index) => index + 2));
  });

  it("follow what comes until the host ends", async () => {
    const running = await ready();
    const following = fairlead(running, "events", "--follow", "-o", "json");
    await fairlead(running, "set", "entry", "web", "local:0:0", "shares=9");
    await running.host.close();
    const { code, stdout } = await following;
    expect(code).toBe(3);
    const kinds = stdout.split("\n").map((line) => JSON.parse(line).kind);
    expect(kinds).toContain("entry-set");
    expect(kinds).toContain("host-stopping");
  });
});

describe("fairlead set", () => {
  it("changes strategies, admission, the scheduler and entries in the words of the config", async () => {
    const running = await ready();
    const { host, directory } = running;
    const file = join(directory, "mine.ts");
    await writeFile(file, plugin("mine", "return 0;"));
    const set = (...args: string[]) => fairlead(running, "set", ...args);
    const lun = host.spm.luns()[0];
    expect(
      await set("strategy", file, "--lun", "local:0:0", "--fallback", "quota", "no-such-package"),
    ).toMatchObject({
      code: 0,
      stdout: `strategy of local:0:0: ${file}, fall-back quota`,
      stderr: expect.stringMatching(
        /^PLUGIN_NOT_FOUND: no-such-package: there is no package no-such-package/,
      ),
    });
    expect(host.spm.luns()[0]?.strategies).toEqual(["mine", "quota"]);
    expect(
      (await set("strategy", "vm-affinity", "pinned.priorityMax=3", "pinned.paths=[local:0:0]")).stdout,
    ).toBe("strategy of all LUNs: vm-affinity");
    expect(host.spm.luns()[0]?.strategy).toBe("vm-affinity");
    expect((await set("scheduler", "sharesMax=5000", "interval=500ms", "factors.read=2")).stdout).toBe(
      "scheduler of all LUNs: sharesMax=5000, interval=500ms, factors.read=2",
    );
    expect(
      (await set("entry", "db", "local:0:0", "shares=5000", "limit=50MiB/s", "quantum=default")).stdout,
    ).toBe(`db on ${lun?.id}: 5000 shares, priority 5, limit 50MiB/s`);
    expect((await fairlead(running, "get", "vms")).stdout).toMatch(
      /^db +5 +\S+ +5000 +none +50MiB\/s .* idle$/m,
    );
    expect((await set("entry", "db", "local:0:0", "limit=none")).code).toBe(0);
    expect((await set("admission", "strict-priority", "floor=0.2")).stdout).toBe(
      "admission of all LUNs: strict-priority",
    );
    expect((await fairlead(running, "get", "luns", "-o", "wide")).stdout).toMatch(
      / vm-affinity +0 +vm-affinity +strict-priority /,
    );
  });

  it("refuses with code and reason", async () => {
    const running = await ready();
    const cases: [number, RegExp, ...string[]][] = [
      [
        4,
        /^error POLICY_NONE_USABLE: .*quota: option commandsMax must be 1 or more, but is -1/,
        "strategy",
        "quota",
        "commandsMax=-1",
      ],
      [4, /POLICY_NONE_USABLE: .*there is no plugin file \/none\.ts/, "strategy", "/none.ts"],
      [5, /^error LUN_UNKNOWN: /, "admission", "strict-priority", "--lun", "naa.9"],
      [2, /quantum is given twice/, "scheduler", "quantum=3", "quantum=4"],
      [2, /factors is given twice/, "scheduler", "factors=3", "factors.read=4"],
      [2, /expected key=value/, "scheduler", "=3"],
      [2, /expected key=value/, "scheduler", "__proto__.x=3"],
      [2, /is no YAML/, "scheduler", "quantum=[3"],
      [2, /missing required argument/, "entry", "db", "local:0:0"],
      [
        1,
        /^error API_BODY_INVALID: body: garantee is not a known key, did you mean guarantee\?$/m,
        "entry",
        "db",
        "local:0:0",
        "garantee=3",
      ],
      [
        1,
        /^error API_BODY_INVALID: body: factors\.reed is not a known key, did you mean read\?$/m,
        "scheduler",
        "factors.reed=3",
      ],
      [1, /body: intervalMs is not a known key, did you mean interval\?$/m, "scheduler", "intervalMs=3"],
      [
        4,
        /there is no package rond-robin, .* did you mean the built-in round-robin\?$/m,
        "strategy",
        "rond-robin",
      ],
    ];
    for (const [code, stderr, ...args] of cases) {
      const result = await fairlead(running, "set", ...args);
      expect(result, args.join(" ")).toMatchObject({ code, stdout: "" });
      expect(result.stderr, args.join(" ")).toMatch(stderr);
    }
  });

  it("names VM, LUN and both rates where a policy refuses a level of service", async () => {
    const running = await ready();
    const lun = running.host.spm.luns()[0]?.id ?? "";
    const set = async (...args: string[]) => {
      const { code, stderr } = await fairlead(running, "set", ...args);
      return `${code} ${stderr.replaceAll(lun, "LUN").trim()}`;
    };
    const entry = (...words: string[]) => set("entry", "web", "local:0:0", ...words);
    expect(await entry("guarantee=5000MiB/s", "limit=200MiB/s")).toBe(
      "1 error OPTION_INVALID: web on LUN: guarantee is 5000MiB/s, expected at most the limit of 200MiB/s",
    );
    expect(await entry("limit=3000iops")).toBe("0 ");
    // The limit is the one that the VM has.
    expect(await entry("guarantee=4000iops")).toBe(
      "1 error OPTION_INVALID: web on LUN: guarantee is 4000iops, expected at most the limit of 3000iops",
    );
    expect(await entry("shares=2000000")).toBe(
      "1 error OPTION_INVALID: web on LUN: shares is 2000000, expected from 0 to 1000000",
    );
    expect(await entry("guarantee=50MiB/s", "limit=none")).toBe("0 ");
    for (const scope of [[], ["--lun", "local:0:0"]])
      expect(await set("admission", "strict-priority", ...scope)).toBe(
        "1 error OPTION_INVALID: web on LUN: guarantee is 50MiB/s, expected none under strict-priority",
      );
    expect(running.host.spm.luns()[0]?.admissionPolicy).toBe("disk-scheduler");
  });

  it("takes a file relative to where it is called", async () => {
    const running = await ready();
    await writeFile(join(running.directory, "near.ts"), plugin("near", "return 0;"));
    const env = { FAIRLEAD_SOCKET: running.host.apiSocket };
    const near = relative(ROOT, join(running.directory, "near.ts"));
    expect(near).toMatch(/^\.\.\//);
    const { stdout } = await fairleadCli(["set", "strategy", near], { env });
    expect(stdout).toBe(`strategy of all LUNs: ${join(running.directory, "near.ts")}\n`);
    expect(running.host.spm.luns()[0]?.strategy).toBe("near");
  });
});

it("the help has units and examples", async () => {
  const running = await runHost();
  const help = async (...args: string[]) => (await fairlead(running, ...args, "--help")).stdout;
  expect(await help("plugins", "verify")).toMatch(/--timeout <duration> .*\(default: 2min\)/s);
  expect(await help("san", "limit")).toMatch(/^fairlead san limit 3000iops\nfairlead san limit none$/m);
  expect(await help("set", "entry")).toMatch(/^fairlead set entry db .* limit=none quantum=default$/m);
});

describe("fairlead plugins", () => {
  it("lists those of the host, of a config, or only its own", async () => {
    const running = await ready();
    const { scope, host, directory } = running;
    const stateOf = (text: string) =>
      text
        .split("\n")
        .filter((line) => !line.includes("available"))
        .map((line) =>
          line
            .split(/ {2,}/)
            .filter((_, index) => index !== 2)
            .join(" "),
        );
    const list = async (...args: string[]) => (await fairlead(running, "plugins", "list", ...args)).stdout;
    expect(stateOf(await list())).toEqual([
      "NAME KIND CONTRACT LUNS STATE REASON",
      "round-robin strategy 1 all used",
      "disk-scheduler admission-policy 1 all used",
    ]);
    const file = join(directory, "other.yaml");
    await writeFile(join(directory, "mine.ts"), plugin("mine", "return 0;"));
    await writeFile(
      file,
      `hbas: { a: { driver: file, files: [{ path: x }] } }
luns: { strategy: [{ file: mine.ts }, { file: none.ts }, { name: speed }] }`,
    );
    // As a process: it loads plugins in another one like itself.
    const { stdout: ofConfig } = await fairleadCli(["plugins", "list", "--config", file]);
    expect(stateOf(ofConfig).slice(1, 4)).toEqual([
      "mine strategy 1 all used",
      expect.stringMatching(/^none\.ts strategy - all refused PLUGIN_NOT_FOUND: /),
      "speed strategy 1 all fall-back",
    ]);
    expect(JSON.parse(await list("-o", "json"))).toHaveLength(8);
    await host.close();
    const alone = await fairlead(running, "plugins", "list");
    expect(alone.stderr).toMatch(/^no host answers at .*; these are the built-in policies only$/);
    expect(stateOf(alone.stdout)).toHaveLength(1);
    expect(scope).toBeDefined();
  });
});

describe("exit codes", () => {
  it("tell what was wrong, with code and remedy on stderr and nothing on stdout", async () => {
    const running = await ready();
    const cases: [number, RegExp, ...string[]][] = [
      [2, /unknown command 'frobnicate'/, "frobnicate"],
      [2, /choices are paths, luns, disks, vms/, "get", "nothing"],
      [2, /unknown option '--all'/, "get", "paths", "--all"],
      [2, /expected key=value, but is "many"/, "set", "entry", "db", "local:0:0", "many"],
      [
        1,
        /^error API_BODY_INVALID: body: shares is -5, expected/,
        "set",
        "entry",
        "db",
        "local:0:0",
        "shares=-5",
      ],
      [2, /expected a whole number/, "events", "--since", "-1"],
      [5, /^error PATH_UNKNOWN: .*\n {2}to fix it: `fairlead get paths`/, "path", "disable", "vmhba9:9:9"],
      [5, /^error VM_UNKNOWN: .*known are db, web/, "set", "entry", "nope", "local:0:0", "shares=5"],
      [5, /^error LUN_UNKNOWN: /, "set", "entry", "db", "../../livez", "shares=5"],
      [5, /^error SAN_NONE: /, "san", "stall", "127.0.0.1:1"],
      [1, /^error OPTION_INVALID: /, "set", "entry", "db", "local:0:0", "shares=2000000"],
    ];
    for (const [code, stderr, ...args] of cases) {
      const result = await fairlead(running, ...args);
      expect(result, args.join(" ")).toMatchObject({ code, stdout: "" });
      expect(result.stderr).toMatch(stderr);
      expect(result.stderr).not.toMatch(/ at .*\.[jt]s:/);
    }
    await running.host.close();
    expect(await fairlead(running, "get", "paths")).toMatchObject({
      code: 3,
      stderr: expect.stringMatching(/^error HOST_NOT_RUNNING: .*\n {2}to fix it: .*fairlead up/),
    });
  });

  it("are those of the process", async () => {
    const scope = new Scope();
    onTestFinished(() => scope.close());
    const directory = await scope.directory();
    const right = join(directory, "right.yaml");
    const wrong = join(directory, "wrong.yaml");
    await writeFile(right, "hbas: { local: { driver: file, files: [{ path: x }] } }\nvms: {}\n");
    await writeFile(wrong, "hbas: {}\nvms: { a: { prio: 3 } }\nluns: { rescan: 5 }\n");
    const any = { allow: [0, 1, 2, 3, 4, 5, 6, 70] };
    const env = { FAIRLEAD_SOCKET: join(directory, "none.sock") };
    const [ok, invalid, usage, none, help] = await Promise.all([
      fairleadCli(["check-config", right], any),
      fairleadCli(["check-config", wrong], any),
      fairleadCli(["check-config"], any),
      fairleadCli(["get", "paths"], { ...any, env }),
      fairleadCli(["--help"], any),
    ]);
    expect(ok).toMatchObject({ code: 0, stdout: `${right}: ok, 1 HBA, 0 VMs, 0 disks\n`, stderr: "" });
    expect(invalid).toMatchObject({ code: 4, stdout: "" });
    expect(invalid.stderr.split("\n").slice(0, 3)).toEqual([
      "error CONFIG_INVALID:",
      `${wrong}:2:13: vms.a.prio is not a known key, known are priority, luns, disks`,
      `${wrong}:3:17: luns.rescan is 5, expected a duration such as 500ms, 30s, 5min or 1h`,
    ]);
    expect(usage).toMatchObject({ code: 2, stdout: "" });
    expect(none).toMatchObject({ code: 3, stdout: "" });
    expect(none.stderr).toContain(env.FAIRLEAD_SOCKET);
    expect(help).toMatchObject({ code: 0, stderr: "" });
  });
});
