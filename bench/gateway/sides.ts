import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { nbdUri, run, type Scope, start, type Tgtd } from "@fairlead/testing";

const CLI = fileURLToPath(new URL("../../apps/host/dist/cli.js", import.meta.url));

/** A gateway from NBD to the target's LUN 1, running. */
export interface Gateway {
  readonly uri: string;
  readonly pid: number;
}

export interface Side {
  readonly name: string;
  start(scope: Scope, target: Tgtd): Promise<Gateway>;
}

export const qemuNbd: Side = {
  name: "qemu-nbd",
  async start(scope, target) {
    const socket = join(await scope.directory(), "nbd.sock");
    const url = `iscsi://${target.portals[0]}/${target.iqn}/1`;
    const args = ["-t", "-e", "8", "-k", socket, "-f", "raw", "--cache=none", url];
    return await serve(scope, "qemu-nbd", args, nbdUri(socket, ""));
  },
};

/** The host with the scheduler and round-robin over the first `paths` portals, one HBA each. */
export function fairlead(paths: number): Side {
  return {
    name: `fairlead, ${paths} path${paths === 1 ? "" : "s"}`,
    async start(scope, target) {
      const runDir = await scope.directory();
      const hbas = target.portals
        .slice(0, paths)
        .map((portal, index) => [`vmhba${index}`, { driver: "iscsi", portals: [portal] }]);
      const config = {
        host: { name: "bench", runDir },
        hbas: Object.fromEntries(hbas),
        luns: { strategy: [{ name: "round-robin" }] },
        vms: { bench: { disks: { root: { extents: [{ lun: target.lunId(1) }] } } } },
      };
      const file = join(runDir, "fairlead.yaml");
      await writeFile(file, JSON.stringify(config)); // JSON is YAML.
      const uri = nbdUri(join(runDir, "nbd.sock"), "bench-root");
      return await serve(scope, process.execPath, [CLI, "up", "--config", file], uri);
    },
  };
}

async function serve(scope: Scope, command: string, args: readonly string[], uri: string): Promise<Gateway> {
  const { pid } = await start(scope, command, args, {
    ready: async () => (await run("nbdinfo", ["--size", uri], { allow: [0, 1] })).code === 0,
  });
  return { uri, pid };
}
