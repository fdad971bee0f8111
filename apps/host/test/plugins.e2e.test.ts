import { join } from "node:path";
import {
  Fairlead,
  type FioJob,
  figure,
  fio,
  peers,
  Scope,
  Tgtd,
  until,
  untilSessions,
} from "@fairlead/testing";
import { describe, expect, it, onTestFinished } from "vitest";

const MIB = 1024 * 1024;
const DISK_BYTES = 32 * MIB;
const SECONDS = 4;
/** So long that I/O runs until the last swap, also where commands take seconds to start. */
const SWAP_SECONDS = 18;

/** A strategy of a stranger, whose `select` is `body`. */
function plugin(name: string, body: string): string {
  return `
import { defineStrategy, type Path, type Transfer } from "@fairlead/core";

export default defineStrategy({
  name: "${name}",
  create() {
    let calls = 0;
    return {
      name: "${name}",
      select(paths: readonly Path[], transfer: Transfer): number {
        calls++;
        ${body}
      },
    };
  },
});
`;
}

const FILES = {
  "last.ts": plugin("last", "return paths.length - 1;"),
  "throwing.ts": plugin(
    "throwing",
    'if (calls % 10 === 0) throw new Error("no luck with call " + calls);\n        return 0;',
  ),
  "ninety-nine.ts": plugin("ninety-nine", "return 99;"),
  "looping.ts": plugin(
    "looping",
    "const endMs = performance.now() + 50;\n        while (performance.now() < endMs);\n        return 0;",
  ),
  "node_modules/@acme/by-vm/package.json": JSON.stringify({
    name: "@acme/by-vm",
    version: "1.0.0",
    type: "module",
    exports: "./index.js",
  }),
  // Written without our core: the contract's number stands in it.
  "node_modules/@acme/by-vm/index.js": `
export default {
  contract: 1,
  kind: "strategy",
  name: "by-vm",
  create: () => ({ name: "by-vm", select: (paths, transfer) => transfer.vm % paths.length }),
};
`,
};

interface Setting {
  readonly scope: Scope;
  readonly host: Fairlead;
}

async function twoPaths(port: number, strategy: readonly object[]): Promise<Setting> {
  const scope = new Scope();
  onTestFinished(() => scope.close());
  const portals = [1, 2].map((host) => `127.0.0.${host}:${port}`);
  const directory = await scope.fastDirectory(DISK_BYTES);
  const target = await Tgtd.start(scope, {
    directory,
    portals,
    luns: [{ number: 1, sizeBytes: DISK_BYTES }],
  });
  const host = await Fairlead.start(
    scope,
    {
      hbas: Object.fromEntries(
        portals.map((portal, index) => [`vmhba${index}`, { driver: "iscsi", portals: [portal] }]),
      ),
      luns: { strategy },
      vms: { db: { disks: { root: { extents: [{ lun: target.lunId(1) }] } } } },
    },
    FILES,
  );
  await host.untilServed("db-root");
  await untilSessions(target, portals.length);
  return { scope, host };
}

function verifier(host: Fairlead, more: Partial<FioJob> = {}): FioJob {
  return {
    uri: host.uri("db-root"),
    rw: "randwrite",
    bs: "4k",
    iodepth: 16,
    size: `${DISK_BYTES / 2}`,
    seconds: SECONDS,
    verify: true,
    ...more,
  };
}

async function strategyInUse(host: Fairlead): Promise<unknown> {
  return (await host.get("luns"))[0]?.strategy;
}

async function completedCommands(host: Fairlead): Promise<number[]> {
  return (await host.get("paths")).map((path) => Number(path.completedCommands));
}

async function eventsOf(host: Fairlead, kind: string): Promise<string[]> {
  const { stdout } = await host.cli("events", "-o", "json");
  const events = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as { kind: string; reason: string });
  return events.filter((event) => event.kind === kind).map(({ reason }) => reason);
}

describe.skipIf(!peers("tgtd", "tgtadm", "fio", "nbdinfo"))("strategies of others", () => {
  it("from a package by config, then from a file while fio verifies", { timeout: 90_000 }, async () => {
    const { scope, host } = await twoPaths(14_300, [
      { package: "@acme/missing" },
      { package: "@acme/by-vm" },
      { name: "round-robin" },
    ]);
    expect(await strategyInUse(host)).toBe("by-vm");
    expect((await eventsOf(host, "strategy-skipped")).join()).toContain("@acme/missing");

    const verified = fio(scope, [verifier(host, { seconds: SWAP_SECONDS })]);
    await until("I/O over the path of VM 1", async () => ((await completedCommands(host))[1] ?? 0) > 500);
    expect((await completedCommands(host))[0]).toBeLessThan(10);
    const swaps: string[] = [];
    const file = join(host.directory, "last.ts");
    for (const name of [file, "@acme/by-vm", "least-pending"]) {
      const before = await completedCommands(host);
      await host.cli("set", "strategy", name);
      await until(`I/O by ${name}`, async () => {
        const after = await completedCommands(host);
        return after.reduce((sum, count, index) => sum + count - (before[index] ?? 0), 0) > 200;
      });
      swaps.push(String(await strategyInUse(host)));
    }
    expect(swaps).toEqual(["last", "by-vm", "least-pending"]);
    const [result] = await verified;
    expect(result).toMatchObject({ error: 0, failedCommands: 0 });
  });

  it.each([
    ["throwing", "no luck with call 10", 14_302],
    ["ninety-nine", "99", 14_304],
    ["looping", "ms", 14_306],
  ])(
    "%s: no request is lost, the event names it, the fall-back takes over",
    { timeout: 90_000 },
    async (name, fault, port) => {
      const { scope, host } = await twoPaths(port, [{ file: `./${name}.ts` }, { name: "round-robin" }]);
      expect(await strategyInUse(host)).toBe(name);
      const [result] = await fio(scope, [verifier(host)]);
      expect(result).toMatchObject({ error: 0, failedCommands: 0 });
      expect(await strategyInUse(host)).toBe("round-robin");
      const [replaced = ""] = await eventsOf(host, "strategy-replaced");
      figure(`a strategy that is ${name}`, replaced);
      expect(replaced).toContain(name);
      expect(replaced).toContain("round-robin");
      expect((await eventsOf(host, "strategy-fault")).join("\n")).toContain(fault);
      const counts = await completedCommands(host);
      expect(Math.min(...counts)).toBeGreaterThan(100);
    },
  );
});
