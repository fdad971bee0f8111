import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Fairlead, fairleadCli, NbdClient, peers, Scope, seededBytes, Tgtd } from "@fairlead/testing";
import { describe, expect, it, onTestFinished } from "vitest";

const MIB = 1024 * 1024;
const EXIT_CONFIG = 4;

function scoped(): Scope {
  const scope = new Scope();
  onTestFinished(() => scope.close());
  return scope;
}

describe("a config that is wrong", { timeout: 30_000 }, () => {
  const text = `hbas:
  vmhba0: { driver: iscsi, portals: ["127.0.0.1:13680"] }
luns:
  rescan: 60
vms:
  db:
    sharez: 3
    disks:
      root: { extents: [{ lun: vmhba0:0:1, range: 0-2GiB }] }
  web:
    disks:
      root: { extents: [{ lun: vmhba0:0:1, range: 1-3GiB }] }
`;

  for (const verb of ["check-config", "up"]) {
    it(`${verb} names each place and what was expected, and nothing starts`, async () => {
      const scope = scoped();
      const directory = await scope.directory();
      const file = join(directory, "fairlead.yaml");
      await writeFile(file, text);
      const args = verb === "up" ? ["up", "--config", file] : [verb, file];
      const { stderr } = await fairleadCli(args, {
        allow: [EXIT_CONFIG],
        env: { XDG_RUNTIME_DIR: directory },
      });
      expect(stderr).toMatch(/4:\d+.*luns\.rescan.*60.*duration/);
      expect(stderr).toMatch(/7:\d+.*vms\.db\.sharez.*not a known key/);
      expect(stderr).toMatch(/12:\d+.*overlaps.*db-root/);
    });
  }
});

describe.skipIf(!peers("tgtd", "tgtadm", "nbdinfo"))("a target that is not there", () => {
  it("does not keep the host from serving what is, and is used once it comes", async () => {
    const scope = scoped();
    const there = await Tgtd.start(scope, {
      portals: ["127.0.0.1:13681"],
      luns: [{ number: 1, sizeBytes: 8 * MIB }],
    });
    const host = await Fairlead.start(scope, {
      hbas: {
        vmhba0: { driver: "iscsi", portals: ["127.0.0.1:13682"] },
        vmhba1: { driver: "iscsi", portals: there.portals },
      },
      vms: {
        absent: { disks: { root: { extents: [{ lun: "vmhba0:0:1" }] } } },
        db: { disks: { root: { extents: [{ lun: there.lunId(1) }] } } },
      },
    });
    await host.untilServed("db-root");
    expect(await host.get("disks")).toMatchObject([
      { name: "absent-root", state: "waiting" },
      { name: "db-root", state: "ready" },
    ]);
    expect((await host.cli("events")).stdout).toContain("127.0.0.1:13682");
    await Tgtd.start(scope, {
      portals: ["127.0.0.1:13682"],
      targetId: 2,
      luns: [{ number: 1, sizeBytes: 4 * MIB }],
    });
    await host.untilServed("absent-root");
    const client = await NbdClient.open(scope, host.nbdSocket, "absent-root");
    const data = seededBytes(3, 4096);
    await client.write(0, data);
    expect((await client.read(0, data.length)).equals(data)).toBe(true);
  }, 60_000);

  it("refuses an extent that is larger than its LUN and serves the others", async () => {
    const scope = scoped();
    const target = await Tgtd.start(scope, {
      portals: ["127.0.0.1:13683"],
      luns: [{ number: 1, sizeBytes: 8 * MIB }],
    });
    const disk = (range: string) => ({ disks: { root: { extents: [{ lun: target.lunId(1), range }] } } });
    const host = await Fairlead.start(scope, {
      hbas: { vmhba0: { driver: "iscsi", portals: target.portals } },
      vms: { fits: disk("0-4MiB"), exceeds: disk("4-12MiB") },
    });
    await host.untilServed("fits-root");
    expect(await host.get("disks")).toMatchObject([
      { name: "fits-root", state: "ready" },
      { name: "exceeds-root", state: "refused" },
    ]);
    await expect(NbdClient.open(scope, host.nbdSocket, "exceeds-root")).rejects.toThrow("refused");
  }, 60_000);
});
