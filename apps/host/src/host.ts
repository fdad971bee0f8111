import { hostname } from "node:os";
import { performance } from "node:perf_hooks";
import { type Clock, HOST, type HostEvent, type VirtualDisk } from "@fairlead/core";
import { createNbdServer, type NbdAddress } from "@fairlead/driver-nbd";
import { createStoragePathManager, type StoragePathManager } from "@fairlead/spm";
import { type ApiServer, serveApi } from "./api/server.js";
import type { HostConfig } from "./config/schema.js";
import { Guarantees } from "./guarantees.js";
import { createHbas } from "./hbas.js";
import type { Journal } from "./journal.js";
import { Policies } from "./policies.js";
import { defaultRunDir, RunDir } from "./run-dir.js";
import type { San } from "./san.js";
import { DEFAULT_PRIORITY, entryOn } from "./service-level.js";
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
  readonly policies: Policies;
  /** Lets what is in flight end, logs out, removes the sockets. */
  close(): Promise<void>;
}

/**
 * A running host. Targets need not answer yet: disks appear when theirs do.
 * Errors: `RUN_DIR_REFUSED`, `RUN_DIR_IN_USE`, `POLICY_NONE_USABLE`, and those of the parts.
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
  const policies = await Policies.load(config.luns, directory, onEvent);
  const guarantees = new Guarantees(onEvent);
  const hbas = createHbas(config.hbas, { clock, onEvent, directory, initiatorName: initiatorName(config) });
  const nbd = createNbdServer({
    clock,
    exports: { find: (name) => served.get(name), list: () => served.values() },
    onEvent,
    closeTimeoutMs: NBD_CLOSE_MS,
  });
  const spm: StoragePathManager = createStoragePathManager(
    {
      clock,
      hbas,
      createStrategies: policies.createStrategies,
      createAdmissionPolicy: policies.createAdmissionPolicy,
      stopwatchMs: () => performance.now(),
      onEvent(event: HostEvent) {
        // Whoever changes an entry here tells of it by the VM's name.
        if (event.kind !== "entry-changed") onEvent(event);
        if (event.kind === "path-found") policies.lunsChanged(spm);
      },
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
      hbaShares: hbaShares(config),
    },
  );
  const sampler = setInterval(() => sample(host, clock, guarantees), SAMPLE_MS).unref();
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
  const host: Host = { runDir: runDir.path, apiSocket, nbdSocket, spm, vms, usage, policies, close };
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

/** Targets know the host by it, so it must stay the same from start to start. */
function initiatorName({ host }: HostConfig): string {
  if (host.initiatorName !== undefined) return host.initiatorName;
  const name = (host.name ?? hostname()).toLowerCase().replace(/[^a-z0-9.-]/g, "-");
  return `iqn.2026-01.net.fairlead:${name}`;
}

/** 004.c12 */
function hbaShares({ hbas }: HostConfig): Record<string, number> {
  return Object.fromEntries(
    Object.entries(hbas).flatMap(([name, { share }]) => (share === undefined ? [] : [[name, share]])),
  );
}

function addDisks(spm: StoragePathManager, vms: Vms): void {
  for (const { id, name, config } of vms.all()) {
    const { priority, disks, luns } = config;
    const extents = Object.values(disks).flatMap((disk) => disk.extents);
    // First, since `luns` may know a LUN under another name, and wins. The default needs no entry.
    if (priority !== DEFAULT_PRIORITY) for (const { lun } of extents) spm.setEntry(id, lun, { priority });
    for (const [lun, level] of Object.entries(luns)) spm.setEntry(id, lun, entryOn(level, priority));
    for (const [disk, { extents, readOnly }] of Object.entries(disks)) {
      const parts = extents.map(({ lun, range }) => ({
        lun,
        ...(range && { startBytes: range.startBytes }),
        ...(range?.endBytes !== undefined && { lengthBytes: range.endBytes - range.startBytes }),
      }));
      spm.addDisk({ name: `${name}-${disk}`, vm: id, readOnly, extents: parts });
    }
  }
}

function tcpAddress(text: string): NbdAddress {
  const colon = text.lastIndexOf(":");
  return { host: text.slice(0, colon).replace(/^\[|\]$/g, ""), port: Number(text.slice(colon + 1)) };
}

/** Each second: what every VM consumes of every LUN, and whether guarantees are met. */
function sample({ spm, vms, usage, policies }: Host, clock: Clock, guarantees: Guarantees): void {
  const nowMs = clock.now();
  const all = [{ id: HOST, name: "host" }, ...vms.all()];
  const { unitBytes } = policies;
  for (const { id: lun } of spm.luns()) {
    for (const { id: vm, name: vmName } of all) {
      const entry = spm.entry(vm, lun);
      if (entry === undefined) continue;
      usage.sample(nowMs, lun, vm, entry.consumedUnits);
      guarantees.look({ nowMs, vm, vmName, lun, entry, unitBytes });
    }
  }
}
