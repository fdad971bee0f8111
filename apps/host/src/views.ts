import type { EntryStatus } from "@fairlead/core";
import type { DiskStatus, LunStatus, PathStatus, RescanReport } from "@fairlead/spm";
import type { Host } from "./host.js";
import type { JournalRecord } from "./journal.js";
import type { LevelView } from "./level-view.js";
import type { PluginView } from "./plugins/list.js";
import type { PolicyChange } from "./policies.js";
import type { SanPortal } from "./san.js";
import { levelView } from "./service-level.js";

export type { PolicyChange };

/** What the API answers, and what the command line reads. */
export interface Views {
  readonly paths: { readonly paths: readonly PathStatus[] };
  readonly luns: { readonly luns: readonly LunStatus[] };
  readonly disks: { readonly disks: readonly DiskView[] };
  readonly vms: { readonly vms: readonly VmView[] };
  readonly events: EventsView;
  readonly rescan: RescanReport;
  readonly entry: EntryView;
  readonly policy: PolicyChange;
  readonly scheduler: { readonly luns: string };
  readonly plugins: { readonly plugins: readonly PluginView[] };
  readonly path: { readonly path: PathStatus };
  readonly lun: { readonly lun: LunStatus };
  readonly portals: { readonly portals: readonly SanPortal[] };
}

export interface EventsView {
  readonly events: readonly JournalRecord[];
  /** Of the oldest event that is kept: where it is more than one above `since`, some were missed. */
  readonly firstSequence: number;
  readonly lastSequence: number;
}

export interface DiskView extends Omit<DiskStatus, "vm"> {
  readonly vm: string;
  readonly uri: string;
}

export interface EntryView extends LevelView {
  readonly vm: string;
  readonly lun: string;
}

export interface VmLunView extends LevelView {
  readonly lun: string;
  /** shares ÷ shares of the VMs that are active on the LUN, 0 to 1; absent while the VM itself is not. [0086] */
  readonly entitlement?: number;
  /** Part of what was consumed of the LUN in the last 10 s, 0 to 1. */
  readonly received: number;
  readonly unitsPerSecond: number;
  readonly queuedCommands: number;
  readonly consumedUnits: number;
  readonly state: EntryStatus["state"];
  /** How long its guarantee could not be met although it had commands queued, ms. [0106] */
  readonly unmetMs: number;
}

export interface VmView {
  readonly name: string;
  readonly id: number;
  readonly priority: number;
  readonly luns: readonly VmLunView[];
}

export function diskViews({ spm, vms, nbdSocket }: Host): DiskView[] {
  const names = new Map(vms.all().map(({ id, name }) => [id, name]));
  return spm.disks().map((disk) => ({
    ...disk,
    vm: names.get(disk.vm) ?? "",
    uri: nbdUri(nbdSocket, disk.name),
  }));
}

export function nbdUri(socket: string, name: string): string {
  return `nbd+unix:///${encodeURIComponent(name)}?socket=${encodeURIComponent(socket).replaceAll("%2F", "/")}`;
}

export function vmViews(host: Host): VmView[] {
  const { spm, vms } = host;
  const lunIds = spm.luns().map(({ id }) => id);
  const views = new Map(lunIds.map((lun) => [lun, entriesOn(host, lun)]));
  return vms.all().map(({ id, name, config }) => ({
    name,
    id,
    priority: config.priority,
    luns: lunIds.flatMap((lun) => views.get(lun)?.get(id) ?? []),
  }));
}

/** By VM. */
function entriesOn({ spm, vms, usage }: Host, lun: string): Map<number, VmLunView> {
  const entries = vms.all().flatMap(({ id }) => {
    const entry = spm.entry(id, lun);
    return entry === undefined
      ? []
      : [{ id, entry, active: usage.consumed(lun, id) > 0 || entry.queuedCommands > 0 }];
  });
  const activeShares = entries.reduce((sum, { active, entry }) => sum + (active ? entry.shares : 0), 0);
  return new Map(
    entries.map(({ id, entry, active }) => [
      id,
      {
        lun,
        ...levelView(entry),
        ...(active && activeShares > 0 && { entitlement: entry.shares / activeShares }),
        received: usage.received(lun, id),
        unitsPerSecond: usage.unitsPerSecond(lun, id),
        queuedCommands: entry.queuedCommands,
        consumedUnits: entry.consumedUnits,
        state: entry.state,
        unmetMs: entry.unmetMs,
      },
    ]),
  );
}
