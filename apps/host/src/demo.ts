import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Clock, FairleadError } from "@fairlead/core";
import { createTarget, memoryStore, type Target } from "@fairlead/iscsi-target";
import { configSchema, type HostConfig } from "./config/schema.js";
import { type Host, startHost } from "./host.js";
import type { Journal } from "./journal.js";
import { type San, sanOf } from "./san.js";

const GIB = 2 ** 30;
const RUN_DIRS_MAX = 20;

export interface Demo {
  readonly host: Host;
  readonly config: HostConfig;
  readonly san: San;
  close(): Promise<void>;
}

/** A SAN in this very process, and a host on it: what `fairlead up` shows without a config. */
export async function startDemo(clock: Clock, journal: Journal): Promise<Demo> {
  const target = createTarget({
    clock,
    iqn: "iqn.2026-01.net.fairlead:demo",
    portalGroups: [
      { tag: 1, portals: ["127.0.0.1:0", "127.0.0.1:0"] },
      { tag: 2, portals: ["127.0.0.1:0", "127.0.0.1:0"] },
    ],
    luns: [
      { number: 0, store: memoryStore({ sizeBytes: 3 * GIB }) },
      { number: 1, store: memoryStore({ sizeBytes: GIB }) },
    ],
  });
  const { portals } = await target.start();
  const san = sanOf(target, portals);
  try {
    const [host, config] = await startSomewhere(target, portals, { clock, journal, directory: "/", san });
    return {
      host,
      config,
      san,
      async close() {
        await host.close();
        await target.stop();
      },
    };
  } catch (error) {
    await target.stop();
    throw error;
  }
}

type Parts = Parameters<typeof startHost>[1];

/** In the first run directory that no other demo uses. */
async function startSomewhere(
  target: Target,
  portals: readonly { address: string; groupTag: number }[],
  parts: Parts,
): Promise<[Host, HostConfig]> {
  for (let attempt = 1; ; attempt++) {
    const config = demoConfig(target, portals, demoRunDir(attempt));
    try {
      return [await startHost(config, parts), config];
    } catch (error) {
      const taken =
        error instanceof FairleadError &&
        (error.code === "RUN_DIR_IN_USE" || error.code === "RUN_DIR_REFUSED");
      if (!taken || attempt === RUN_DIRS_MAX) throw error;
    }
  }
}

/** Not a host's own, so that the demo stands in nobody's way. */
function demoRunDir(attempt: number): string {
  const number = attempt === 1 ? "" : `-${attempt}`;
  const { XDG_RUNTIME_DIR } = process.env;
  if (XDG_RUNTIME_DIR?.startsWith("/")) return join(XDG_RUNTIME_DIR, `fairlead-demo${number}`);
  return join(tmpdir(), `fairlead-demo-${process.getuid?.() ?? 0}${number}`);
}

/** Two HBAs, each with a way to either storage processor; three VMs on one LUN, one of them on a second as well. */
function demoConfig(
  target: Target,
  portals: readonly { address: string; groupTag: number }[],
  runDir: string,
): HostConfig {
  const [a, b] = [1, 2].map((tag) =>
    portals.filter(({ groupTag }) => groupTag === tag).map(({ address }) => address),
  );
  const shared = `naa.${target.lun(0).identity.naa}`;
  const own = `naa.${target.lun(1).identity.naa}`;
  const vm = (shares: number, range: string, more = {}) => ({
    luns: { [shared]: { shares } },
    disks: { root: { extents: [{ lun: shared, range }] }, ...more },
  });
  return configSchema.parse({
    host: { name: "demo", runDir },
    hbas: {
      vmhba0: { driver: "iscsi", portals: [a?.[0], b?.[0]] },
      vmhba1: { driver: "iscsi", portals: [a?.[1], b?.[1]] },
    },
    luns: { strategy: [{ name: "round-robin" }], whenNoPath: { queueFor: "60s" } },
    vms: {
      db: vm(2000, "0-1GiB", { log: { extents: [{ lun: own }] } }),
      web: vm(2000, "1-2GiB"),
      batch: vm(1000, "2-3GiB"),
    },
  });
}
