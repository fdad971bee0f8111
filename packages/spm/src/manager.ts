import type { EntrySettings, EntryStatus, VmId } from "@fairlead/core";
import { Disks } from "./disks.js";
import { checkEntry, inPlainValues, merged } from "./entry-settings.js";
import { Luns } from "./luns.js";
import { checkQueueDepth, settingsFrom } from "./options.js";
import { byDevice, ScanProblems, Scans, scanAll } from "./scans.js";
import type {
  RescanReport,
  StoragePathManager,
  StoragePathManagerOptions,
  StoragePathManagerParts,
} from "./types.js";

const CLOSE_LOOK_MS = 20;

export function createStoragePathManager(
  parts: StoragePathManagerParts,
  options: StoragePathManagerOptions = {},
): StoragePathManager {
  const { clock, hbas, onEvent } = parts;
  const settings = settingsFrom(options, hbas);
  const { quiesceMs, rescanMs } = settings;
  const luns = new Luns(parts, {
    ...settings,
    recoveringUntilMs: settings.recovering ? clock.now() + quiesceMs : Number.NEGATIVE_INFINITY,
  });
  const disks = new Disks({
    findLun: (name) => luns.find(name),
    usableLuns: () =>
      luns.all().flatMap((lun) => (lun.masked ? [] : [`${lun.description.id} (${lun.canonicalName})`])),
    onReady: parts.onDiskReady,
    onGone: parts.onDiskGone,
    onEvent,
  });
  /** By the name under which the LUN was given, since the LUN may not be known yet. */
  const entries = new Map<string, Map<VmId, EntrySettings>>();
  const problems = new ScanProblems(onEvent);
  const scans = new Scans({ clock, onEvent, rescanMs, scan, missing });
  let closed = false;

  async function scan(): Promise<RescanReport> {
    const results = await scanAll(hbas, settings.lunNumbers);
    const unread = byDevice(results.flatMap((result) => result.problems));
    if (closed) return { addedPaths: [], addedLuns: [], grownLuns: [], problems: unread };
    const found = results.flatMap((result) => result.paths);
    const { problems: refused, ...report } = luns.merge(found, (lun) => disks.lunGrew(lun));
    if (results.every(({ settled }) => settled)) luns.predecessorFenced();
    applyEntries();
    disks.lunsChanged();
    const all = [...unread, ...refused];
    problems.report(all);
    return { ...report, problems: all };
  }

  function missing(): boolean {
    return (
      problems.any ||
      disks.statuses().some(({ state }) => state === "waiting") ||
      luns.paths().some(({ state }) => state === "failed")
    );
  }

  function applyEntries(): void {
    for (const [name, byVm] of entries) {
      const lun = luns.find(name);
      if (lun === undefined) continue;
      for (const [vm, entry] of byVm) luns.setKeptEntry(lun, vm, entry);
      entries.delete(name);
    }
  }

  function setEntry(vm: VmId, name: string, entry: EntrySettings): boolean {
    checkEntry(entry);
    const lun = luns.find(name);
    if (lun !== undefined) {
      lun.setEntry(vm, entry);
      onEvent({
        kind: "entry-changed",
        severity: "info",
        subject: lun.description.id,
        reason: `level of service of VM ${vm}, by an administrator's word`,
        inputs: { vm, ...inPlainValues(entry) },
      });
      return true;
    }
    const waiting = entries.get(name) ?? new Map<VmId, EntrySettings>();
    entries.set(name, waiting.set(vm, merged(waiting.get(vm), entry)));
    return false;
  }

  /** Resolves once nothing is queued or outstanding, or at the time-out. */
  function idle(timeoutMs: number): Promise<void> {
    const untilMs = clock.now() + timeoutMs;
    return new Promise((resolve, reject) => {
      const look = (): void => {
        try {
          if (clock.now() >= untilMs || !luns.all().some((lun) => lun.busy)) resolve();
          else clock.schedule(look, CLOSE_LOOK_MS);
        } catch (error) {
          reject(error); // Of somebody's policy; from a timer it would end the process.
        }
      };
      look();
    });
  }

  return {
    rescan: () => scans.run(),
    addDisk: (spec) => disks.add(spec),
    removeDisk: (name) => disks.remove(name),
    setEntry,
    entry: (vm, name): EntryStatus | undefined => luns.find(name)?.entry(vm),
    setPathEnabled: (path, enabled) => luns.setPathEnabled(path, enabled),
    setMasked(lun, masked) {
      luns.setMasked(lun, masked);
      disks.lunsChanged();
    },
    setStrategies: (create, lun) => luns.setStrategies(create, lun),
    setAdmissionPolicy: (create, lun) => luns.setAdmissionPolicy(create, lun),
    configureAdmission: (change, lun) => luns.configureAdmission(change, lun),
    setQueueDepth(commands, lun) {
      checkQueueDepth(commands);
      luns.setQueueDepth(commands, lun);
    },
    luns: () => luns.all().map((lun) => lun.status()),
    paths: () => luns.paths(),
    disks: () => disks.statuses(),
    async close(timeoutMs) {
      closed = true;
      scans.close();
      try {
        await idle(timeoutMs);
        return luns.settled;
      } finally {
        disks.close();
        try {
          luns.close();
        } finally {
          await Promise.all(hbas.map((hba) => hba.close()));
        }
      }
    },
  };
}
