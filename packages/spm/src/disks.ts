import { type EventSink, FairleadError } from "@fairlead/core";
import { Disk } from "./disk.js";
import { checkOverlap, checkSpec, layOut, type Segment } from "./extents.js";
import type { Lun } from "./lun.js";
import type { DiskSpec, DiskStatus } from "./types.js";

const KNOWN_MAX = 8;

interface Entry {
  readonly spec: DiskSpec;
  disk: Disk | undefined;
  state: DiskStatus["state"];
  reason: string;
}

export interface DisksParts {
  /** A LUN by any of its names, masked ones too. */
  findLun(name: string): Lun | undefined;
  /** Ids and canonical names, for people. */
  usableLuns(): string[];
  onReady(disk: Disk, spec: DiskSpec): void;
  onGone(name: string): void;
  onEvent: EventSink;
}

/** The virtual disks: those that are served, those that wait for a LUN, and those that had to be refused. */
export class Disks {
  readonly #parts: DisksParts;
  readonly #entries = new Map<string, Entry>();
  #scanned = false;

  constructor(parts: DisksParts) {
    this.#parts = parts;
  }

  add(spec: DiskSpec): void {
    if (this.#entries.has(spec.name)) {
      throw new FairleadError(
        "DISK_EXISTS",
        `disk ${spec.name} exists already; names must be unique in the host`,
      );
    }
    checkSpec(spec);
    const entry: Entry = { spec, disk: undefined, state: "waiting", reason: "" };
    this.#assemble(entry);
    this.#entries.set(spec.name, entry);
    if (entry.disk !== undefined) this.#parts.onReady(entry.disk, spec);
  }

  remove(name: string): void {
    const entry = this.#entries.get(name);
    if (entry === undefined) throw new FairleadError("DISK_UNKNOWN", `there is no disk ${name}`);
    this.#takeDown(entry);
    this.#entries.delete(name);
  }

  /** After a scan or a change of the mask: waiting disks may be ready, served ones may have lost a LUN. */
  lunsChanged(): void {
    this.#scanned = true;
    for (const entry of this.#entries.values()) {
      if (entry.disk?.segments.some(({ lun }) => lun.masked)) {
        this.#takeDown(entry);
      }
      if (entry.disk === undefined) this.#try(entry);
    }
  }

  lunGrew(lun: Lun): void {
    for (const { disk, spec } of this.#entries.values()) {
      if (!disk?.grow(lun)) continue;
      const reason = `${lun.description.id} grew: the disk has ${disk.sizeBytes} bytes for clients that connect from now on`;
      this.#parts.onEvent({ kind: "disk-grown", severity: "info", subject: spec.name, reason });
    }
  }

  statuses(): DiskStatus[] {
    return [...this.#entries.values()].map(({ disk, spec, state, reason }) => {
      if (disk !== undefined) return disk.status();
      const counters = { completedRequests: 0, failedRequests: 0, readBytes: 0, writtenBytes: 0 };
      return { name: spec.name, vm: spec.vm, state, reason, sizeBytes: 0, extents: [], ...counters };
    });
  }

  close(): void {
    for (const entry of this.#entries.values()) entry.disk?.close();
  }

  #try(entry: Entry): void {
    try {
      this.#assemble(entry);
      if (entry.disk !== undefined) this.#parts.onReady(entry.disk, entry.spec);
    } catch (error) {
      if (!(error instanceof FairleadError)) throw error;
      if (entry.state !== "refused")
        this.#refuse(entry, "refused", `${error.code}: ${error.message}`, "error");
    }
  }

  /** Leaves the entry waiting where a LUN is missing or masked. */
  #assemble(entry: Entry): void {
    const { name, extents } = entry.spec;
    const missing = extents
      .filter(({ lun }) => this.#parts.findLun(lun)?.masked !== false)
      .map(({ lun }) => lun);
    if (missing.length > 0) {
      this.#wait(entry, missing);
      return;
    }
    const segments = layOut(entry.spec, (lun) => this.#parts.findLun(lun) as Lun);
    checkOverlap(name, segments, this.#taken());
    entry.disk = new Disk(entry.spec, segments);
    entry.state = "ready";
    entry.reason = "";
  }

  /** Before the first scan every disk waits, which is no news. */
  #wait(entry: Entry, missing: readonly string[]): void {
    const usable = this.#parts.usableLuns();
    const known = usable.length > 0 ? usable.slice(0, KNOWN_MAX).join(", ") : "none";
    const reason = `waits for ${missing.join(", ")}; LUNs that can be used: ${known}`;
    if (!this.#scanned) entry.reason = `waits for ${missing.join(", ")}`;
    else if (entry.reason !== reason) this.#refuse(entry, "waiting", reason, "warning");
  }

  #taken(): Map<string, readonly Segment[]> {
    const taken = new Map<string, readonly Segment[]>();
    for (const [name, { disk }] of this.#entries) if (disk !== undefined) taken.set(name, disk.segments);
    return taken;
  }

  #takeDown(entry: Entry): void {
    if (entry.disk === undefined) return;
    entry.disk.close();
    entry.disk = undefined;
    this.#parts.onGone(entry.spec.name);
  }

  #refuse(entry: Entry, state: "waiting" | "refused", reason: string, severity: "warning" | "error"): void {
    entry.state = state;
    entry.reason = reason;
    this.#parts.onEvent({ kind: `disk-${state}`, severity, subject: entry.spec.name, reason });
  }
}
