import type { LunStatus, PathStatus } from "@fairlead/spm";
import { formatSize } from "../config/units.js";
import type { DiskView, VmLunView, VmView } from "../views.js";
import type { Column } from "./table.js";

export type VmRow = VmView & { readonly entry: VmLunView | undefined };

/** A VM has a row for each LUN that it uses. */
export function vmRows(vms: readonly VmView[]): VmRow[] {
  return vms.flatMap((vm): VmRow[] =>
    vm.luns.length === 0 ? [{ ...vm, entry: undefined }] : vm.luns.map((entry) => ({ ...vm, entry })),
  );
}

export function pathColumns(wide: boolean): Column<PathStatus>[] {
  return [
    { heading: "PATH", text: ({ name }) => name },
    { heading: "STATE", text: ({ state }) => state },
    { heading: "LUN", text: ({ lunId }) => lunId },
    { heading: "PENDING", align: "right", text: ({ pendingCommands }) => String(pendingCommands) },
    { heading: "COMMANDS", align: "right", text: ({ completedCommands }) => String(completedCommands) },
    { heading: "DATA", align: "right", text: ({ completedBytes }) => formatSize(completedBytes) },
    ...(wide
      ? [
          {
            heading: "BUSY",
            align: "right" as const,
            text: ({ busyMs }: PathStatus) => `${(busyMs / 1000).toFixed(1)} s`,
          },
          { heading: "COMPONENTS", text: ({ components }: PathStatus) => components.join(" ") },
        ]
      : []),
    { heading: "REASON", text: ({ reason }) => reason },
  ];
}

export function lunColumns(wide: boolean): Column<LunStatus>[] {
  return [
    { heading: "LUN", text: ({ id }) => id },
    { heading: "NAME", text: ({ canonicalName }) => canonicalName },
    { heading: "SIZE", align: "right", text: ({ capacityBytes }) => formatSize(capacityBytes) },
    { heading: "PATHS", align: "right", text: ({ paths }) => `${usable(paths)}/${paths.length}` },
    {
      heading: "OUTSTANDING",
      align: "right",
      text: ({ outstandingCommands }) => String(outstandingCommands),
    },
    { heading: "QUEUED", align: "right", text: ({ queuedCommands }) => String(queuedCommands) },
    { heading: "HELD", align: "right", text: ({ heldCommands }) => String(heldCommands) },
    { heading: "DOUBTFUL", align: "right", text: ({ doubtfulWrites }) => String(doubtfulWrites) },
    { heading: "STRATEGY", text: ({ strategy }) => strategy },
    { heading: "FAULTS", align: "right", text: ({ strategyFaults }) => String(strategyFaults) },
    ...(wide
      ? [
          { heading: "STRATEGIES", text: ({ strategies }: LunStatus) => strategies.join(",") },
          { heading: "SCHEDULER", text: ({ admissionPolicy }: LunStatus) => admissionPolicy },
          { heading: "PRODUCT", text: ({ vendor, product }: LunStatus) => `${vendor} ${product}` },
          { heading: "NAMES", text: ({ ids }: LunStatus) => ids.join(" ") },
        ]
      : []),
    { heading: "STATE", text: ({ masked }) => (masked ? "masked" : "") },
  ];
}

function usable(paths: readonly PathStatus[]): number {
  return paths.filter(({ state }) => state === "active" || state === "standby" || state === "marginal")
    .length;
}

export function diskColumns(wide: boolean): Column<DiskView>[] {
  return [
    { heading: "DISK", text: ({ name }) => name },
    { heading: "VM", text: ({ vm }) => vm },
    { heading: "STATE", text: ({ state }) => state },
    {
      heading: "SIZE",
      align: "right",
      text: ({ sizeBytes }) => (sizeBytes > 0 ? formatSize(sizeBytes) : "-"),
    },
    { heading: "REQUESTS", align: "right", text: ({ completedRequests }) => String(completedRequests) },
    { heading: "FAILED", align: "right", text: ({ failedRequests }) => String(failedRequests) },
    { heading: "READ", align: "right", text: ({ readBytes }) => formatSize(readBytes) },
    { heading: "WRITTEN", align: "right", text: ({ writtenBytes }) => formatSize(writtenBytes) },
    ...(wide
      ? [
          { heading: "URI", text: ({ uri }: DiskView) => uri },
          { heading: "EXTENTS", text: ({ extents }: DiskView) => extents.map(extentText).join(" ") },
        ]
      : []),
    { heading: "REASON", text: ({ reason }) => reason },
  ];
}

function extentText({ lunId, startBytes, lengthBytes }: DiskView["extents"][number]): string {
  return `${lunId}:${startBytes}-${startBytes + lengthBytes}`;
}

export function vmColumns(wide: boolean): Column<VmRow>[] {
  const shown = (text: (entry: VmLunView) => string) => (row: VmRow) => (row.entry ? text(row.entry) : "-");
  return [
    { heading: "VM", text: ({ name }) => name },
    {
      heading: "PRIORITY",
      align: "right",
      text: ({ entry, priority }) => String(entry?.priority ?? priority),
    },
    { heading: "LUN", text: shown(({ lun }) => lun) },
    { heading: "SHARES", align: "right", text: shown(({ shares }) => String(shares)) },
    { heading: "GUARANTEE", align: "right", text: shown(({ guarantee }) => guarantee) },
    { heading: "LIMIT", align: "right", text: shown(({ limit }) => limit) },
    { heading: "ENTITLED", align: "right", text: shown(({ entitlement }) => percent(entitlement)) },
    { heading: "RECEIVED", align: "right", text: shown(({ received }) => percent(received)) },
    { heading: "UNITS/S", align: "right", text: shown(({ unitsPerSecond }) => unitsPerSecond.toFixed(0)) },
    { heading: "QUEUED", align: "right", text: shown(({ queuedCommands }) => String(queuedCommands)) },
    { heading: "STATE", text: shown(({ state }) => state) },
    ...(wide
      ? [
          {
            heading: "QUANTUM",
            align: "right" as const,
            text: shown(({ quantum }) => String(quantum)),
          },
          {
            heading: "LATENCY-CRITICAL",
            text: shown(({ latencyCritical }) => (latencyCritical ? "yes" : "")),
          },
          {
            heading: "UNMET",
            align: "right" as const,
            text: shown(({ unmetMs }) => `${(unmetMs / 1000).toFixed(1)} s`),
          },
          {
            heading: "UNITS",
            align: "right" as const,
            text: shown(({ consumedUnits }) => consumedUnits.toFixed(0)),
          },
          { heading: "ID", align: "right" as const, text: ({ id }: VmRow) => String(id) },
        ]
      : []),
  ];
}

export function percent(part: number | undefined): string {
  return part === undefined ? "-" : `${(part * 100).toFixed(1)} %`;
}
