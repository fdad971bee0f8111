import { hostname } from "node:os";
import { performance } from "node:perf_hooks";
import { type Clock, type EventSink, FairleadError, HOST, type VirtualDisk } from "@fairlead/core";
import { createNbdServer, type NbdAddress } from "@fairlead/driver-nbd";
import { createStoragePathManager, type StoragePathManager } from "@fairlead/spm";
import { type ApiServer, serveApi } from "./api/server.js";
import type { HostConfig } from "./config/schema.js";
import { createHbas } from "./hbas.js";
import type { Journal } from "./journal.js";
import { defaultRunDir, RunDir } from "./run-dir.js";
import type { San } from "./san.js";
import { createScheduler } from "./scheduler.js";
import { chooseStrategy, type StrategyChoice } from "./strategies.js";
import { Usage } from "./usage.js";
import { Vms } from "./vms.js";

// Together less than the ten seconds that a stop may take.
const NBD_CLOSE_MS = 4000;
const STORAGE_CLOSE_MS = 1000;
const SAMPLE_MS = 1000;

export interface HostParts {
  readonly clock: Clock;
  readonly journal: Journal;
  /** What file names of the config are relative to. */
  readonly directory: string;
  /** The embedded SAN of the demo. */
  readonly san?: San;
}

export interface Host {
  readonly runDir: string;
  readonly apiSocket: string;
  readonly nbdSocket: string;
  readonly spm: StoragePathManager;
  readonly vms: Vms;
  readonly usage: Usage;
  /** Lets what is in flight end, logs out, removes the sockets. */
  close(): Promise<void>;
}

/**
 * A running host. Targets need not answer yet: disks appear when theirs do.
 * Errors: `RUN_DIR_REFUSED`, `RUN_DIR_IN_USE`, `STRATEGY_NONE_USABLE`, and those of the parts.
 */
export async function startHost(config: HostConfig, parts: HostParts): Promise<Host> {
  const runDir = await RunDir.claim(config.host.runDir ?? defaultRunDir());
  try {
    return await wire(config, parts, runDir);
  } catch (error) {
    await runDir.release(!runDir.recovering);
    throw error;
  }
}

/** The parts list. */
async function wire(config: HostConfig, parts: HostParts, runDir: RunDir): Promise<Host> {
  const { clock, journal, directory, san } = parts;
  const onEvent = journal.append;
  const vms = new Vms(config.vms);
  const usage = new Usage();
  const served = new Map<string, VirtualDisk>();
  const strategy = usableStrategy(config, onEvent);
  const hbas = createHbas(config.hbas, { clock, onEvent, directory, initiatorName: initiatorName(config) });
  const nbd = createNbdServer({
    clock,
    exports: { find: (name) => served.get(name), list: () => served.values() },
    onEvent,
    closeTimeoutMs: NBD_CLOSE_MS,
  });
  const spm = createStoragePathManager(
    {
      clock,
      hbas,
      createStrategies: () => [strategy.create()],
      createAdmissionPolicy: () => createScheduler(config.luns.scheduler),
      stopwatchMs: () => performance.now(),
      onEvent,
      onDiskReady(disk) {
        served.set(disk.name, disk);
        nbd.exportsChanged();
        onEvent({
          kind: "disk-ready",
          severity: "info",
          subject: disk.name,
          reason: `${disk.sizeBytes} bytes`,
        });
      },
      onDiskGone(name) {
        served.delete(name);
        nbd.exportsChanged();
      },
    },
    {
      lunNumbers: config.luns.numbers,
      mask: config.luns.mask,
      queueDepth: config.luns.scheduler.queueDepth,
      noPathQueueMs: config.luns.whenNoPath.queueFor,
      quiesceMs: config.luns.quiesceTime,
      recovering: runDir.recovering,
      rescanMs: config.luns.rescan,
    },
  );
  const sampler = setInterval(() => sampleUsage(usage, clock, spm, vms), SAMPLE_MS).unref();
  let api: ApiServer | undefined;

  async function close(): Promise<void> {
    onEvent({ kind: "host-stopping", severity: "info", subject: runDir.path, reason: "it was told to stop" });
    clearInterval(sampler);
    await nbd.close();
    const settled = await spm.close(STORAGE_CLOSE_MS);
    await api?.close(); // Last, so that one can see what the rest waits for.
    await runDir.release(settled);
  }

  const nbdSocket = runDir.file("nbd.sock");
  const apiSocket = config.api.socket ?? runDir.file("api.sock");
  const host: Host = { runDir: runDir.path, apiSocket, nbdSocket, spm, vms, usage, close };
  try {
    addDisks(spm, vms);
    await nbd.listen({ socket: nbdSocket });
    if (config.nbd.listen !== undefined) await nbd.listen(tcpAddress(config.nbd.listen));
    api = await serveApi({ host, journal, rescan: () => spm.rescan(), ...(san && { san }) });
  } catch (error) {
    await close();
    throw error;
  }
  spm.rescan().catch((error: unknown) => {
    onEvent({ kind: "scan-failed", severity: "error", subject: "storage", reason: String(error) });
  });
  return host;
}

/** Errors: `STRATEGY_NONE_USABLE`. */
function usableStrategy({ luns }: HostConfig, onEvent: EventSink): StrategyChoice {
  const { chosen, skipped } = chooseStrategy(luns.strategy);
  if (chosen === undefined) {
    const reasons = skipped.map(({ reason }) => reason).join("; ");
    throw new FairleadError("STRATEGY_NONE_USABLE", `no strategy of luns.strategy can be used: ${reasons}`);
  }
  for (const { index, reason } of skipped) {
    const subject = luns.strategy[index]?.name ?? "";
    onEvent({ kind: "strategy-skipped", severity: "warning", subject, reason });
  }
  return chosen;
}

/** Targets know the host by it, so it must stay the same from start to start. */
function initiatorName({ host }: HostConfig): string {
  if (host.initiatorName !== undefined) return host.initiatorName;
  const name = (host.name ?? hostname()).toLowerCase().replace(/[^a-z0-9.-]/g, "-");
  return `iqn.2026-01.net.fairlead:${name}`;
}

function addDisks(spm: StoragePathManager, vms: Vms): void {
  for (const { id, name, config } of vms.all()) {
    for (const [lun, settings] of Object.entries(config.luns)) {
      if (settings.shares !== undefined) spm.setEntry(id, lun, { shares: settings.shares });
    }
    for (const [disk, { extents, readOnly }] of Object.entries(config.disks)) {
      const parts = extents.map(({ lun, range }) => ({
        lun,
        ...(range && { startBytes: range.startBytes }),
        ...(range?.endBytes !== undefined && { lengthBytes: range.endBytes - range.startBytes }),
      }));
      for (const { lun } of extents) spm.setEntry(id, lun, { priority: config.priority });
      spm.addDisk({ name: `${name}-${disk}`, vm: id, readOnly, extents: parts });
    }
  }
}

function tcpAddress(text: string): NbdAddress {
  const colon = text.lastIndexOf(":");
  return { host: text.slice(0, colon).replace(/^\[|\]$/g, ""), port: Number(text.slice(colon + 1)) };
}

function sampleUsage(usage: Usage, clock: Clock, spm: StoragePathManager, vms: Vms): void {
  const nowMs = clock.now();
  const ids = [HOST, ...vms.all().map(({ id }) => id)];
  for (const lun of spm.luns()) {
    for (const vm of ids) {
      const entry = spm.entry(vm, lun.id);
      if (entry !== undefined) usage.sample(nowMs, lun.id, vm, entry.consumedUnits);
    }
  }
}
