import type { ApiClient } from "./client.js";
import { diskColumns, lunColumns, pathColumns, vmColumns, vmRows } from "./columns.js";
import { formatTable } from "./table.js";

export const KINDS = ["paths", "luns", "disks", "vms"] as const;
export type Kind = (typeof KINDS)[number];
export const GET_FORMATS = ["table", "wide", "json"] as const;
export type GetFormat = (typeof GET_FORMATS)[number];

/** The text that `fairlead get` prints. */
export async function get(client: ApiClient, kind: Kind, format: GetFormat): Promise<string> {
  const wide = format === "wide";
  const json = (value: unknown): string => JSON.stringify(value, undefined, 2);
  switch (kind) {
    case "paths": {
      const { paths } = await client.get("paths", "/v1/paths");
      return format === "json" ? json(paths) : formatTable(pathColumns(wide), paths);
    }
    case "luns": {
      const { luns } = await client.get("luns", "/v1/luns");
      return format === "json" ? json(luns) : formatTable(lunColumns(wide), luns);
    }
    case "disks": {
      const { disks } = await client.get("disks", "/v1/disks");
      return format === "json" ? json(disks) : formatTable(diskColumns(wide), disks);
    }
    case "vms": {
      const { vms } = await client.get("vms", "/v1/vms");
      return format === "json" ? json(vms) : formatTable(vmColumns(wide), vmRows(vms));
    }
  }
}
