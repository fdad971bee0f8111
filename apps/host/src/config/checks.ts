import { resolve } from "node:path";
import { type Clock, FairleadError, OptionError } from "@fairlead/core";
import { createHbas } from "../hbas.js";
import type { LoadingHook } from "../plugins/choose.js";
import { show } from "./describe.js";
import type { Finding } from "./finding.js";
import { entriesOf, memberOf } from "./known-keys.js";
import { checkLunNames } from "./lun-name-checks.js";
import type { ConfigPath } from "./places.js";
import { checkPolicies } from "./policy-checks.js";
import { rightPart } from "./right-part.js";
import { configSchema, extentSchema } from "./schema.js";
import { readSecret } from "./secret-file.js";
import type { ByteRange } from "./units.js";

/** For drivers that are made to be checked only: no time passes for them. */
const STOPPED: Clock = { now: () => 0, schedule: () => ({ cancel() {} }) };

/**
 * What only several values together, or the machine, can show. Takes the raw file, so that one wrong value does not hide
 * the rest; what does not fit the schema is passed over here.
 */
export async function crossCheck(raw: unknown, directory: string, hook: LoadingHook): Promise<Finding[]> {
  return [
    ...checkDisks(raw),
    ...checkLunNames(raw),
    ...checkSecrets(raw, directory),
    ...checkHbas(raw, directory),
    ...(await checkPolicies(raw, directory, hook)),
  ];
}

function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

interface Placed extends ByteRange {
  readonly disk: string;
  readonly path: ConfigPath;
}

function checkDisks(raw: unknown): Finding[] {
  const findings: Finding[] = [];
  const exported = new Map<string, string>();
  const byLun = new Map<string, Placed[]>();
  for (const [vm, machine] of entriesOf(memberOf(raw, "vms"))) {
    for (const [disk, settings] of entriesOf(memberOf(machine, "disks"))) {
      const path = ["vms", vm, "disks", disk];
      const name = `${vm}-${disk}`;
      const other = exported.get(name);
      if (other !== undefined) {
        const message = `disk ${disk} of ${vm} would be served as ${name}, like ${other}`;
        findings.push({ path, message, severity: "error" });
      }
      exported.set(name, `disk ${disk} of ${vm}`);
      for (const [index, extent] of listOf(memberOf(settings, "extents")).entries()) {
        const { success, data } = extentSchema.safeParse(extent);
        if (!success) continue;
        const { startBytes, endBytes } = data.range ?? { startBytes: 0, endBytes: undefined };
        const placed = { startBytes, endBytes, disk: name, path: [...path, "extents", index] };
        byLun.set(data.lun, [...(byLun.get(data.lun) ?? []), placed]);
      }
    }
  }
  for (const [lun, extents] of byLun) findings.push(...overlaps(lun, extents));
  return findings;
}

function overlaps(lun: string, extents: readonly Placed[]): Finding[] {
  const findings: Finding[] = [];
  const sorted = extents.toSorted((a, b) => a.startBytes - b.startBytes);
  let before: Placed | undefined;
  for (const extent of sorted) {
    if (before !== undefined && extent.startBytes < (before.endBytes ?? Infinity)) {
      const message = `${rangeText(extent)} of ${lun} overlaps with ${rangeText(before)}, which belongs to ${before.disk}`;
      findings.push({ path: extent.path, message, severity: "error" });
    }
    // The one that reaches furthest: a later extent may lie within it, though not within the one just before.
    if (before === undefined || (extent.endBytes ?? Infinity) > (before.endBytes ?? Infinity))
      before = extent;
  }
  return findings;
}

function rangeText({ startBytes, endBytes }: ByteRange): string {
  if (endBytes === undefined) return startBytes === 0 ? "the whole" : `from byte ${startBytes} on`;
  return `bytes ${startBytes} to ${endBytes}`;
}

function checkSecrets(raw: unknown, directory: string): Finding[] {
  const findings: Finding[] = [];
  for (const [name, hba] of entriesOf(memberOf(raw, "hbas"))) {
    const file = memberOf(memberOf(hba, "chap"), "secretFile");
    if (typeof file !== "string" || file === "") continue;
    try {
      readSecret(resolve(directory, file));
    } catch (error) {
      if (!(error instanceof FairleadError)) throw error;
      const path = ["hbas", name, "chap", "secretFile"];
      findings.push({ path, message: `${error.code}: ${error.message}`, severity: "error" });
    }
  }
  return findings;
}

/** The drivers' own word on their options. */
function checkHbas(raw: unknown, directory: string): Finding[] {
  const findings: Finding[] = [];
  for (const [name, hba] of entriesOf(memberOf(raw, "hbas"))) {
    const data = rightPart(configSchema.shape.hbas.valueType, hba);
    if (data === undefined) continue; // The schema's business.
    try {
      createHbas(
        { [name]: data },
        {
          clock: STOPPED,
          onEvent: () => {},
          initiatorName: "iqn.2026-01.net.fairlead:check",
          directory,
        },
      );
    } catch (error) {
      if (!(error instanceof FairleadError)) throw error;
      if (!(error instanceof OptionError)) continue; // A secret's file: found above.
      const message = `hbas.${name}: ${error.option} is ${show(error.received)}, expected ${error.expected}`;
      findings.push({ path: ["hbas", name, error.option], message, severity: "error" });
    }
  }
  return findings;
}
