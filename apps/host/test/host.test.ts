import { existsSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { NbdClient, seededBytes, until } from "@fairlead/testing";
import { describe, expect, it } from "vitest";
import { ask, FILE_BYTES, runHost } from "./running-host.js";

const KIB = 1024;

describe("a host", () => {
  it("serves each disk by its name, and nothing of the others", async () => {
    const { scope, host, directory } = await runHost();
    await until("db-root", () => host.spm.disks().every(({ state }) => state === "ready"));
    const db = await NbdClient.open(scope, host.nbdSocket, "db-root");
    const web = await NbdClient.open(scope, host.nbdSocket, "web-root");
    expect([db.sizeBytes, web.sizeBytes]).toEqual([FILE_BYTES / 2, FILE_BYTES / 2]);
    const data = seededBytes(1, 64 * KIB);
    await db.write(FILE_BYTES / 2 - 64 * KIB, data);
    await db.flush();
    expect((await web.read(0, 64 * KIB)).equals(Buffer.alloc(64 * KIB))).toBe(true);
    expect((await db.read(FILE_BYTES / 2 - 64 * KIB, 64 * KIB)).equals(data)).toBe(true);
    expect(statSync(join(directory, "lun0")).size).toBe(FILE_BYTES);
    await expect(NbdClient.open(scope, host.nbdSocket, "root")).rejects.toThrow(/refused/);
  });

  it("runs without its target, says so once, and serves the disk when the target comes", async () => {
    const hbas = { local: { driver: "file", files: [{ path: "late" }] } };
    const running = await runHost({ hbas, luns: { rescan: "1s" } });
    const { scope, host, journal, directory } = running;
    const problems = () => journal.since(0, 1000).filter(({ kind }) => kind === "scan-problem");
    await until("the scan's problem", () => problems().length > 0);
    expect(problems()[0]?.reason).toMatch(/^FILE_MISSING: /);
    await ask(running, "POST", "/v1/rescan");
    await ask(running, "POST", "/v1/rescan");
    expect(problems()).toHaveLength(1);
    expect((await ask(running, "GET", "/v1/disks")).json.disks).toMatchObject([
      { name: "db-root", state: "waiting" },
      { name: "web-root", state: "waiting" },
    ]);
    writeFileSync(join(directory, "late"), Buffer.alloc(FILE_BYTES));
    await until("the disk", () => host.spm.disks().every(({ state }) => state === "ready"));
    const client = await NbdClient.open(scope, host.nbdSocket, "web-root");
    expect(client.sizeBytes).toBe(FILE_BYTES / 2);
  });

  it("gives the paths of an HBA the share of its config", async () => {
    const hba = { driver: "file", files: [{ path: "lun0", size: "8MiB" }] };
    const strategy = [{ name: "quota" }];
    const { scope, host } = await runHost({
      hbas: { local: { ...hba, share: 3 }, other: hba },
      luns: { strategy },
    });
    await until("two paths", () => host.spm.luns()[0]?.paths.length === 2);
    await until("db-root", () => host.spm.disks().every(({ state }) => state === "ready"));
    const client = await NbdClient.open(scope, host.nbdSocket, "db-root");
    // Whichever was found first.
    const commands = (hba: string) =>
      host.spm.paths().find(({ name }) => name.startsWith(hba))?.completedCommands ?? Number.NaN;
    const before = { local: commands("local"), other: commands("other") };
    for (let index = 0; index < 80; index++) await client.read(index * 4 * KIB, 4 * KIB);
    const local = commands("local") - before.local;
    expect([local + commands("other") - before.other, Math.abs(local - 60) <= 3]).toEqual([80, true]);
  });

  it("masks LUNs as its config says", async () => {
    const running = await runHost({ luns: { mask: ["local:0:0"] } });
    await ask(running, "POST", "/v1/rescan");
    expect((await ask(running, "GET", "/v1/luns")).json.luns).toMatchObject([{ masked: true }]);
    expect(running.host.spm.disks().map(({ state }) => state)).toEqual(["waiting", "waiting"]);
  });

  it("uses the strategy and the scheduler of its config", async () => {
    const running = await runHost({
      luns: {
        strategy: [{ name: "nope" }, { name: "least-pending", by: "commands" }],
        scheduler: { sharesDefault: 77, queueDepth: 3 },
      },
    });
    await ask(running, "POST", "/v1/rescan");
    const { scope, host, journal } = running;
    expect(host.spm.luns()[0]?.strategy).toBe("least-pending");
    expect(journal.since(0, 1000)).toContainEqual(
      expect.objectContaining({ kind: "strategy-skipped", severity: "warning", subject: "nope" }),
    );
    const client = await NbdClient.open(scope, host.nbdSocket, "web-root");
    const reads = Array.from({ length: 16 }, () => client.read(0, 4 * KIB));
    await Promise.all(reads);
    expect(host.spm.entry(2, host.spm.luns()[0]?.id ?? "")?.shares).toBe(77);
    expect((await ask(running, "GET", "/v1/vms")).json.vms[1].luns).toMatchObject([
      { shares: 77, consumedUnits: 16 },
    ]);
  });

  it("counts what each VM received over the last seconds", async () => {
    const running = await runHost();
    await ask(running, "POST", "/v1/rescan");
    const { scope, host } = running;
    const client = await NbdClient.open(scope, host.nbdSocket, "db-root");
    const entry = async () => (await ask(running, "GET", "/v1/vms")).json.vms[0].luns[0];
    await until("a count", async () => {
      await client.read(0, 4 * KIB);
      return (await entry()).unitsPerSecond > 0;
    });
    expect(await entry()).toMatchObject({ entitlement: 1, received: 1, queuedCommands: 0 });
  });

  it("is alone in its run directory, and leaves nothing there", async () => {
    const { host } = await runHost();
    await expect(runHost({ host: { runDir: host.runDir } })).rejects.toMatchObject({
      code: "RUN_DIR_IN_USE",
    });
    expect(existsSync(host.apiSocket)).toBe(true);
    await host.close();
    expect([host.apiSocket, host.nbdSocket].filter((path) => existsSync(path))).toEqual([]);
  });

  it("gives back what it took where it can't start", async () => {
    const first = await runHost({ nbd: { listen: "127.0.0.1:14001" } });
    const { host } = await runHost();
    await host.close();
    const taken = { host: { runDir: host.runDir }, nbd: { listen: "127.0.0.1:14001" } };
    await expect(runHost(taken)).rejects.toMatchObject({ code: "NBD_LISTEN_IN_USE" });
    const again = await runHost({ host: { runDir: host.runDir } });
    expect((await ask(again, "GET", "/livez")).status).toBe(200);
    expect((await ask(first, "GET", "/livez")).status).toBe(200);
  });
});
