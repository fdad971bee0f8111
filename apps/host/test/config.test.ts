import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { FairleadError } from "@fairlead/core";
import { Scope } from "@fairlead/testing";
import { describe, expect, it, onTestFinished } from "vitest";
import { loadConfig, parseConfig } from "../src/config/load.js";
import { ConfigError } from "../src/config/problem.js";

const HBAS = "hbas: { vmhba0: { driver: file, files: [{ path: /x }] } }";

function parse(text: string) {
  return parseConfig(text, "f.yaml", "/etc/fairlead");
}

/** `line:column: message` of everything that is wrong. */
async function problems(text: string): Promise<string[]> {
  try {
    await parse(text);
  } catch (error) {
    if (error instanceof ConfigError)
      return error.problems.map(({ line, column, message }) => `${line}:${column}: ${message}`);
    throw error;
  }
  return [];
}

describe("a config that is right", () => {
  it("has its defaults filled in and its units resolved", async () => {
    const { config, warnings } = await parse(`
${HBAS}
luns: { quiesceTime: 10s, whenNoPath: { queueFor: 2min }, scheduler: { unit: 8KiB, interval: 500ms } }
vms: { db: { disks: { root: { extents: [{ lun: a, range: 1-2GiB }] } } } }`);
    expect(warnings).toEqual([]);
    expect(config.luns).toMatchObject({
      numbers: { first: 0, last: 255 },
      mask: [],
      strategy: [{ name: "round-robin" }],
      scheduler: { queueDepth: 32, unit: 8192, interval: 500 },
      whenNoPath: { queueFor: 120_000 },
      quiesceTime: 10_000,
      rescan: 60_000,
    });
    expect(config.vms.db).toMatchObject({ priority: 5, luns: {} });
    expect(config.vms.db?.disks.root?.extents).toEqual([
      { lun: "a", range: { startBytes: 2 ** 30, endBytes: 2 ** 31 } },
    ]);
  });
});

describe("what is wrong with a config", () => {
  it("is told with line and column, and the nearest known key", async () => {
    expect(await problems(`${HBAS}\nvms:\n  db:\n    prioritty: 3\n    disk: {}\n`)).toEqual([
      "4:5: vms.db.prioritty is not a known key, did you mean priority?",
      "5:5: vms.db.disk is not a known key, did you mean disks?",
    ]);
    expect((await problems(`${HBAS}\nluns: { scheduler: { zzzzzzzz: 1 } }`))[0]).toMatch(
      /^2:22: luns\.scheduler\.zzzzzzzz is not a known key, known are queueDepth, /,
    );
    expect(await problems("hbas:\n  a: { driver: iscsi, portals: [b], fils: [] }")).toEqual([
      "2:37: hbas.a.fils is not a known key, known are driver, portals, localAddress, targets, chap, share",
    ]);
  });

  it("names the value, the place and what was expected", async () => {
    expect(await problems(`${HBAS}\nluns:\n  quiesceTime: 30\n  rescan: 5 sec\n  numbers: 5-3`)).toEqual([
      "3:16: luns.quiesceTime is 30, expected a duration such as 500ms, 30s, 5min or 1h",
      '4:11: luns.rescan is "5 sec", expected a duration such as 500ms, 30s, 5min or 1h',
      '5:12: luns.numbers is "5-3", expected LUN numbers such as 0-255 or 7, at most 16383',
    ]);
    expect(await problems(`${HBAS}\nvms: { db: { priority: 11, disks: { root: {} } } }`)).toEqual([
      "2:24: vms.db.priority is 11, expected a number of at most 10",
      "2:43: vms.db.disks.root.extents is missing, expected a list",
    ]);
    expect(
      await problems("hbas: { a: { driver: iscis }, b: { driver: iscsi, portals: ['x:99999'] } }"),
    ).toEqual([
      '1:22: hbas.a.driver is "iscis", expected a mapping with driver "iscsi" or "file"',
      '1:61: hbas.b.portals[0] is "x:99999", expected an address such as 192.0.2.10:3260 or [2001:db8::1]:3260',
    ]);
  });

  it("is all listed, in the order of the lines, whatever kind it is", async () => {
    const found = await problems(`
vms:
  a: { disks: { r: { extents: [{ lun: x, range: 0-2GiB }, { lun: x, range: 1-3GiB }] } }, bad: 1 }
luns: { strategy: [{ name: nope }], quiesceTime: soon, scheduler: { sharesMin: 500, sharesMax: 100 } }
hbas: { v: { driver: iscsi, portals: [p], chap: { user: u, secretFile: /nosuch } } }`);
    expect(found.map((line) => line.replace(/: .*/, ""))).toEqual([
      "3:59",
      "3:91",
      "4:20",
      "4:50",
      "4:96",
      "5:72",
    ]);
  });

  it("does not hide what else is wrong or odd, also within the same mapping", async () => {
    const text = `
hbas: { v: { driver: iscsi, portals: ["h:70000"], targets: 5 }, w: { driver: iscsi, portals: [":1"], shares: 3 } }
luns:
  strategy: [{}, { name: nope }, { name: round-robin, weight: 1 }, { name: speed }]
  admission: [{ name: fixed-partitions, unitsPerSecond: 1, sharesTotal: 10 }, { nme: x }]
  scheduler: { unit: 4, sharesMin: 500, sharesMax: 100 }
vms:
  a: { luns: { x: { prio: 1, shares: 11 } } }`;
    const error = await parse(text).catch((cause: unknown) => cause);
    expect(error).toBeInstanceOf(ConfigError);
    const lines = (error as ConfigError).message.split("\n").map((line) => line.replace("f.yaml:", ""));
    expect(
      lines.map((line) => line.replace(/, expected .*|: there is no option.*|, did .*|, known .*/, "")),
    ).toEqual([
      '2:39: hbas.v.portals[0] is "h:70000"',
      "2:60: hbas.v.targets is 5",
      '2:95: hbas.w.portals[0] is ":1"',
      "2:102: hbas.w.shares is not a known key",
      "4:14: luns.strategy[0] is a mapping",
      "5:79: luns.admission[1] is a mapping",
      "6:22: luns.scheduler.unit is 4",
      "6:52: luns.scheduler.sharesMax is 100",
      "8:21: vms.a.luns.x.prio is not a known key",
      "8:38: vms.a.luns.x.shares is 11",
      'warning 4:18: there is no built-in strategy "nope"',
      "warning 4:34: round-robin",
    ]);
    // Its place in the list is the file's, though the one before it has no form.
    expect(lines.at(-1)).toMatch(/ \(speed is used instead\)$/);
  });

  it("is a warning where a path's HBA is not configured", async () => {
    const { warnings } = await parse(`${HBAS}
luns: { mask: ["vmhba0:9:9", "vmhba1:0:0"], byName: { "vmbha0:0:1": { strategy: [{ name: speed }] } } }
vms:
  db:
    luns: { "vmhba9:0:1": { shares: 5 }, "naa.1:2:3x": {}, "vmhba0:0:1": {} }
    disks: { root: { extents: [{ lun: naa.6001 }, { lun: "disk:1:2" }] } }`);
    expect(warnings.map(({ line, column, message }) => `${line}:${column}: ${message}`)).toEqual([
      "2:30: no path can have the name vmhba1:0:0: there is no HBA vmhba1, did you mean vmhba0?",
      "2:55: no path can have the name vmbha0:0:1: there is no HBA vmbha0, did you mean vmhba0?",
      "5:13: no path can have the name vmhba9:0:1: there is no HBA vmhba9, did you mean vmhba0?",
      "6:58: no path can have the name disk:1:2: there is no HBA disk, known are vmhba0",
    ]);
  });

  it("includes overlapping extents, also those with one between them", async () => {
    const disk = (name: string, range: string) => `    ${name}: { extents: [{ lun: x${range} }] }`;
    const vms = (...disks: string[]) => `${HBAS}\nvms:\n  a:\n   disks:\n${disks.join("\n")}`;
    const ranges = [", range: 0-9GiB", ", range: 1-2GiB", ", range: 3-4GiB", ", range: 9-10GiB"];
    expect(await problems(vms(...ranges.map((range, index) => disk(`d${index}`, range))))).toEqual([
      "6:21: bytes 1073741824 to 2147483648 of x overlaps with bytes 0 to 9663676416, which belongs to a-d0",
      "7:21: bytes 3221225472 to 4294967296 of x overlaps with bytes 0 to 9663676416, which belongs to a-d0",
    ]);
    expect(await problems(vms(disk("d0", ", range: 5GiB-"), disk("d1", "")))).toHaveLength(1);
    expect(await problems(vms(disk("d0", ", range: 0-5GiB"), disk("d1", ", range: 5GiB-")))).toEqual([]);
  });

  it("includes two disks that would be served under one name", async () => {
    const found = await problems(`${HBAS}
vms:
  a: { disks: { b-c: { extents: [{ lun: x }] } } }
  a-b: { disks: { c: { extents: [{ lun: y }] } } }`);
    expect(found).toEqual(["4:22: disk c of a-b would be served as a-b-c, like disk b-c of a"]);
  });

  it("includes shares that the scheduler would refuse", async () => {
    expect(
      await problems(
        `${HBAS}\nluns: { scheduler: { sharesMin: 100 } }\nvms: { a: { luns: { x: { shares: 99 } } } }`,
      ),
    ).toEqual(["3:34: vms.a.luns.x.shares is 99, expected from 100 to 1000000"]);
  });
});

describe("levels of service", () => {
  it("are checked by the policy that will keep them, LUN by LUN", async () => {
    const levels = (admission: string, ...entries: string[]) => `${HBAS}
luns: { admission: [${admission}] }
vms:
${entries.map((entry, index) => `  v${index}: { luns: { x: ${entry}, y: { shares: 1 } } }`).join("\n")}`;
    const scheduler = "{ name: disk-scheduler }";
    expect(
      await problems(levels(scheduler, "{ guarantee: 50MiB/s, limit: 40MiB/s }", "{ limit: 3000iops }")),
    ).toEqual(['4:33: vms.v0.luns.x.guarantee is "50MiB/s", expected at most the limit of 40MiB/s']);
    expect(await problems(levels(scheduler, "{ guarantee: 50MiB/s, limit: 50MiB/s }"))).toEqual([]);
    const partitions = "{ name: fixed-partitions, unitsPerSecond: 1000, sharesTotal: 1000 }";
    expect(await problems(levels(partitions, "{ shares: 600 }", "{ shares: 399 }", "{ shares: 1 }"))).toEqual(
      [],
    );
    expect(await problems(levels(partitions, "{ shares: 600 }", "{ shares: 399 }", "{ shares: 2 }"))).toEqual(
      [expect.stringMatching(/^6:30: vms\.v2\.luns\.x\.shares is 2, expected /)],
    );
    expect(await problems(levels(partitions, "{ shares: 600 }", "{ profile: balanced }"))).toEqual([
      expect.stringMatching(/^5:31: vms\.v1\.luns\.x\.profile: its shares is 1000, expected /),
    ]);
    expect(
      await problems(levels("{ name: strict-priority }", "{ limit: 3000iops }", "{ priority: 9 }")),
    ).toEqual([expect.stringMatching(/^4:29: vms\.v0\.luns\.x\.limit is "3000iops", expected none /)]);
  });

  it("are said in words and units", async () => {
    const found = await problems(`${HBAS}
vms:
  a: { priority: 11, luns: { x: { profile: fast, shares: many, priority: -1, guarantee: 5, limit: 5MB/s, quantum: 0 } } }`);
    expect(found.map((line) => line.replace(/^3:\d+: vms\.a\./, ""))).toEqual([
      "priority is 11, expected a number of at most 10",
      'luns.x.profile is "fast", expected "latency-critical" or "balanced" or "throughput" or "backup"',
      'luns.x.shares is "many", expected a number of shares, 0 or more, or low, normal, high',
      "luns.x.priority is -1, expected a number of at least 0",
      "luns.x.guarantee is 5, expected a rate such as 50MiB/s or 3000iops, or none",
      'luns.x.limit is "5MB/s", expected a rate such as 50MiB/s or 3000iops, or none',
      "luns.x.quantum is 0, expected a number of at least 1",
    ]);
  });
});

describe("strategies", () => {
  it("are taken from the list in order; one that can't be used is a warning", async () => {
    const { warnings } = await parse(
      `${HBAS}\nluns: { strategy: [{ name: vm-affinty }, { name: round-robin }] }`,
    );
    expect(warnings).toEqual([
      {
        line: 2,
        column: 20,
        message:
          'there is no built-in strategy "vm-affinty", did you mean vm-affinity? (round-robin is used instead)',
      },
    ]);
  });

  it("of single LUNs and admission policies are looked at in the same way", async () => {
    const { warnings } = await parse(`hbas: { b: { driver: file, files: [{ path: /x }] } }
luns:
  admission: [{ name: nope }, { name: disk-scheduler }, { file: none.ts }]
  byName: { "b:0:0": { strategy: [{ name: quota }, { name: speed, interval: 1 }] } }`);
    expect(warnings.map(({ line, column, message }) => `${line}:${column}: ${message}`)).toEqual([
      '3:15: there is no built-in admission policy "nope", known are disk-scheduler, strict-priority, fixed-partitions (disk-scheduler is used instead)',
      "3:57: there is no plugin file /etc/fairlead/none.ts (it is no fall-back)",
      "4:52: option interval of speed is 1: expected a duration such as 500ms, 30s, 5min or 1h (it is no fall-back)",
    ]);
    expect(
      await problems(`${HBAS}\nluns: { byName: { x: { strategy: [{ name: quotta }] } }, admission: [{}] }`),
    ).toEqual([
      '2:35: there is no built-in strategy "quotta", did you mean quota?',
      "2:70: luns.admission[0] is a mapping, expected exactly one of name, package and file",
    ]);
  });

  it("are an error where none can be used, with each reason", async () => {
    const found = await problems(`${HBAS}
luns: { strategy: [{ name: nope }, { name: least-pending, bye: 1 }, { name: round-robin, bytesPerTurn: 5 }] }`);
    expect(found).toEqual([
      '2:20: there is no built-in strategy "nope", known are round-robin, least-pending, vm-affinity, quota, speed',
      "2:36: least-pending: there is no option bye, did you mean by?",
      "2:69: option bytesPerTurn of round-robin is 5: expected a size such as 512B, 64KiB, 50MiB, 20GiB or 1TiB",
    ]);
  });
});

describe("hostile text", () => {
  it("is refused as YAML where it is none", async () => {
    expect((await problems("a: [1"))[0]).toMatch(/^1:6: /);
    expect(await problems("a: 1\na: 2")).toEqual(["2:1: Map keys must be unique"]);
    expect(await problems("--- a\n--- b")).toEqual(["2:1: a second document begins here, expected one"]);
    expect((await problems("!!js/function x"))[0]).toMatch(/Unresolved tag/);
    expect(await problems("{? [a] : b}")).toContain("1:1: a list or mapping can't be a key");
  });

  it("multiplies nothing by aliases", async () => {
    const levels = ["a: &a [x,x,x,x,x,x,x,x,x]"];
    for (const [level, below] of ["ba", "cb", "dc", "ed", "fe"].map((pair) => [...pair]))
      levels.push(`${level}: &${level} [${Array(9).fill(`*${below}`).join()}]`);
    const startedMs = performance.now();
    expect(await problems(levels.join("\n"))).toHaveLength(1);
    expect(performance.now() - startedMs).toBeLessThan(2000);
  });

  it("does not exhaust the stack, nor say more than a reader can take", async () => {
    const found = await problems("[".repeat(20_000));
    expect(found.length).toBeGreaterThan(0);
    expect(found.length).toBeLessThanOrEqual(10);
  });

  it("does not reach what keys mean to JavaScript", async () => {
    expect(await problems(`${HBAS}\nvms: { __proto__: { priority: 3 } }`)).toEqual([
      '2:8: "__proto__" can\'t be a key',
    ]);
    const { config } = await parse(`${HBAS}\nvms: { constructor: { priority: 3 }, toString: {} }`);
    expect(Object.keys(config.vms)).toEqual(["constructor", "toString"]);
    expect(config.vms.constructor).toMatchObject({ priority: 3 });
    expect(Object.getPrototypeOf({})).not.toHaveProperty("priority");
  });
});

describe("files", () => {
  async function directory(): Promise<string> {
    const scope = new Scope();
    onTestFinished(() => scope.close());
    return scope.directory();
  }

  async function codeOf(action: () => Promise<unknown>): Promise<string> {
    try {
      await action();
    } catch (error) {
      if (error instanceof FairleadError) return error.code;
      throw error;
    }
    return "none";
  }

  it("are bounded in size and may be anything but a file", async () => {
    const place = await directory();
    await writeFile(join(place, "large.yaml"), `${HBAS}\n#${"x".repeat(1024 * 1024)}`);
    await writeFile(join(place, "full.yaml"), `${HBAS}\n`.padEnd(1024 * 1024, "#"));
    expect(await codeOf(() => loadConfig(join(place, "large.yaml")))).toBe("CONFIG_TOO_LARGE");
    expect(await codeOf(() => loadConfig(join(place, "full.yaml")))).toBe("none");
    expect(await codeOf(() => loadConfig("/dev/zero"))).toBe("CONFIG_TOO_LARGE");
    expect(await codeOf(() => loadConfig(place))).toBe("CONFIG_UNREADABLE");
    expect(await codeOf(() => loadConfig(join(place, "none.yaml")))).toBe("CONFIG_UNREADABLE");
  });

  it("with secrets must not be open to others, and their content is never shown", async () => {
    const place = await directory();
    const file = join(place, "fairlead.yaml");
    const secret = join(place, "chap.secret");
    await writeFile(
      file,
      "hbas: { v: { driver: iscsi, portals: [p], chap: { user: u, secretFile: chap.secret } } }",
    );
    const outcome = async (): Promise<string> => {
      try {
        await loadConfig(file);
      } catch (error) {
        if (error instanceof ConfigError) return error.problems.map(({ message }) => message).join();
        throw error;
      }
      return "ok";
    };
    expect(await outcome()).toMatch(/^SECRET_UNREADABLE: .*ENOENT/);
    await writeFile(secret, "topsecrettopsecret\n", { mode: 0o640 });
    expect(await outcome()).toBe("ok");
    await chmod(secret, 0o644);
    expect(await outcome()).toMatch(/^SECRET_EXPOSED: .* has mode 0644/);
    await chmod(secret, 0o600);
    await writeFile(secret, "topsecret\nsecond line\n");
    expect(await outcome()).toMatch(/^SECRET_UNREADABLE: .* must hold one line/);
    expect(await outcome()).not.toContain("topsecret");
    await writeFile(secret, "");
    expect(await outcome()).toMatch(/^SECRET_UNREADABLE/);
  });
});
