import { FairleadError } from "@fairlead/core";
import type { Lun } from "./lun.js";
import type { DiskSpec } from "./types.js";

/** A stretch of a virtual disk and where it lies. */
export interface Segment {
  readonly lun: Lun;
  /** First byte on the LUN. */
  readonly lunOffsetBytes: number;
  /** First byte on the virtual disk. */
  readonly offsetBytes: number;
  readonly lengthBytes: number;
  /** Reaches to the end of the LUN, wherever that is. */
  readonly openEnded: boolean;
}

/** Checks what can be checked before any LUN is known. Throws `DISK_RANGE_INVALID`. */
export function checkSpec(spec: DiskSpec): void {
  if (spec.extents.length === 0) throw invalid(spec, "it has no extents, but at least one is needed");
  for (const { lun, startBytes = 0, lengthBytes } of spec.extents) {
    for (const [field, value, least] of [
      ["startBytes", startBytes, 0],
      ["lengthBytes", lengthBytes ?? 512, 512],
    ] as const) {
      if (!Number.isSafeInteger(value) || value < least) {
        throw invalid(
          spec,
          `${field} on ${lun} must be a whole number of at least ${least}, but is ${value}`,
        );
      }
    }
  }
}

/** Lays the extents one after the other. Throws `DISK_RANGE_INVALID`. */
export function layOut(spec: DiskSpec, find: (lun: string) => Lun): Segment[] {
  let offsetBytes = 0;
  return spec.extents.map((extent) => {
    const lun = find(extent.lun);
    const { capacityBytes, blockSizeBytes } = lun.description;
    const lunOffsetBytes = extent.startBytes ?? 0;
    const lengthBytes = extent.lengthBytes ?? capacityBytes - lunOffsetBytes;
    if (lengthBytes <= 0 || lunOffsetBytes + lengthBytes > capacityBytes) {
      throw invalid(
        spec,
        `${lunOffsetBytes}–${lunOffsetBytes + lengthBytes} lies outside ${extent.lun}, which has ${capacityBytes} bytes`,
      );
    }
    if (lunOffsetBytes % blockSizeBytes !== 0 || lengthBytes % blockSizeBytes !== 0) {
      throw invalid(spec, `its range on ${extent.lun} must be a multiple of ${blockSizeBytes} bytes`);
    }
    const segment = {
      lun,
      lunOffsetBytes,
      offsetBytes,
      lengthBytes,
      openEnded: extent.lengthBytes === undefined,
    };
    offsetBytes += lengthBytes;
    return segment;
  });
}

/** Throws `DISK_OVERLAP` where a segment shares a byte with one of its own disk or of another. */
export function checkOverlap(
  name: string,
  segments: readonly Segment[],
  others: ReadonlyMap<string, readonly Segment[]>,
): void {
  segments.forEach((segment, index) => {
    if (segments.slice(0, index).some((own) => overlap(own, segment)))
      throw overlapError(name, segment, name);
    for (const [other, taken] of others) {
      if (taken.some((theirs) => overlap(theirs, segment))) throw overlapError(name, segment, other);
    }
  });
}

function overlap(a: Segment, b: Segment): boolean {
  return (
    a.lun === b.lun &&
    a.lunOffsetBytes < b.lunOffsetBytes + b.lengthBytes &&
    b.lunOffsetBytes < a.lunOffsetBytes + a.lengthBytes
  );
}

function overlapError(name: string, segment: Segment, other: string): FairleadError {
  const end = segment.lunOffsetBytes + segment.lengthBytes;
  const whose = other === name ? "another extent of the same disk" : `disk ${other}`;
  return new FairleadError(
    "DISK_OVERLAP",
    `disk ${name}: ${segment.lunOffsetBytes}–${end} of ${segment.lun.description.id} is allocated to ${whose}`,
  );
}

function invalid(spec: DiskSpec, problem: string): FairleadError {
  return new FairleadError("DISK_RANGE_INVALID", `disk ${spec.name}: ${problem}`);
}
