import { suggestion } from "./describe.js";
import type { Finding } from "./finding.js";
import { entriesOf, memberOf } from "./known-keys.js";

/** HBA : device : LUN number. Ids of LUNs have no such form. */
const PATH_NAME = /^([A-Za-z0-9][A-Za-z0-9_-]{0,63}):\d+:\d+$/;

/** Names of paths whose HBA is not configured: nothing will ever have them. Ids can't be checked before a scan. */
export function checkLunNames(raw: unknown): Finding[] {
  const hbas = entriesOf(memberOf(raw, "hbas")).map(([name]) => name);
  if (hbas.length === 0) return []; // The schema's business.
  return namesIn(raw).flatMap(({ name, ...place }): Finding[] => {
    const hba = PATH_NAME.exec(name)?.[1];
    if (hba === undefined || hbas.includes(hba)) return [];
    const message = `no path can have the name ${name}: there is no HBA ${hba}${suggestion(hba, hbas)}`;
    return [{ ...place, message, severity: "warning" }];
  });
}

type Named = Omit<Finding, "message" | "severity"> & { readonly name: string };

function namesIn(raw: unknown): Named[] {
  const luns = memberOf(raw, "luns");
  const masked = listOf(memberOf(luns, "mask")).map((name, index) => ({
    name,
    path: ["luns", "mask", index],
  }));
  const byName = keysAt(["luns", "byName"], memberOf(luns, "byName"));
  const ofVms = entriesOf(memberOf(raw, "vms")).flatMap(([vm, machine]) => [
    ...keysAt(["vms", vm, "luns"], memberOf(machine, "luns")),
    ...entriesOf(memberOf(machine, "disks")).flatMap(([disk, settings]) =>
      listOf(memberOf(settings, "extents")).map((extent, index) => ({
        name: memberOf(extent, "lun"),
        path: ["vms", vm, "disks", disk, "extents", index, "lun"],
      })),
    ),
  ]);
  return [...masked, ...byName, ...ofVms].flatMap(({ name, ...place }) =>
    typeof name === "string" ? [{ name, ...place }] : [],
  );
}

function keysAt(path: readonly string[], mapping: unknown): Named[] {
  return entriesOf(mapping).map(([name]) => ({ name, path: [...path, name], at: "key" }));
}

function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}
