import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { FairleadError } from "@fairlead/core";
import { fileStore } from "./file-store.js";
import type { LunOptions } from "./logical-unit.js";
import { memoryStore } from "./memory-store.js";
import type { ServiceOptions } from "./service.js";
import type { Store } from "./store.js";
import type { PortalGroupOptions, TargetOptions } from "./target.js";
import { volatileCache } from "./volatile-cache.js";

export const USAGE = `usage: fairlead-san --portal-group TAG=ADDRESS:PORT[,ADDRESS:PORT...] --lun NUMBER=SIZE[,file=PATH][,volatile][,read-only]
  --portal-group, --lun        once for each; sizes as in 64MiB
  --iqn NAME                   name of the target
  --units-per-second N         speed of each LUN; a unit is a command with its first 4 KiB, and each further 4 KiB
  --commands-per-second N, --bytes-per-second N
  --service-time-ms N, --parallel N
  --chap-user NAME, --chap-secret-file PATH
Prints one line of JSON with its addresses when it is ready. Takes faults as lines of JSON on standard input.`;

const UNITS: Readonly<Record<string, number>> = {
  "": 1,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
};

export type SanOptions = Omit<TargetOptions, "clock" | "onEvent">;

/** The command line of `fairlead-san`. @throws FairleadError SAN_OPTION_INVALID */
export function parseSanOptions(args: readonly string[]): SanOptions {
  const values = parse(args);
  if (values["portal-group"] === undefined) throw invalid("--portal-group must be given at least once");
  const service: ServiceOptions = {};
  for (const [option, name] of SERVICE_OPTIONS) {
    const text = values[option];
    if (text !== undefined) service[name] = number(option, text);
  }
  const user = values["chap-user"];
  const secretFile = values["chap-secret-file"];
  if ((user === undefined) !== (secretFile === undefined))
    throw invalid("--chap-user and --chap-secret-file go together");
  return {
    portalGroups: values["portal-group"].map(portalGroup),
    luns: (values.lun ?? []).map(lun),
    service,
    ...(values.iqn === undefined ? {} : { iqn: values.iqn }),
    ...(user === undefined || secretFile === undefined
      ? {}
      : { chap: { user, secret: readFileSync(secretFile, "utf8").trim() } }),
  };
}

const SERVICE_OPTIONS = [
  ["units-per-second", "unitsPerSecond"],
  ["commands-per-second", "commandsPerSecond"],
  ["bytes-per-second", "bytesPerSecond"],
  ["service-time-ms", "serviceTimeMs"],
  ["parallel", "parallel"],
] as const;

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        "portal-group": { type: "string", multiple: true },
        lun: { type: "string", multiple: true },
        iqn: { type: "string" },
        "units-per-second": { type: "string" },
        "commands-per-second": { type: "string" },
        "bytes-per-second": { type: "string" },
        "service-time-ms": { type: "string" },
        parallel: { type: "string" },
        "chap-user": { type: "string" },
        "chap-secret-file": { type: "string" },
      },
    }).values;
  } catch (error) {
    throw invalid(error instanceof Error ? error.message : String(error));
  }
}

function portalGroup(text: string): PortalGroupOptions {
  const match = /^([0-9]{1,5})=(.+)$/.exec(text);
  if (match?.[2] === undefined)
    throw invalid(`--portal-group must be TAG=ADDRESS:PORT,..., but is ${JSON.stringify(text)}`);
  return { tag: Number(match[1]), portals: match[2].split(",") };
}

function lun(text: string): LunOptions {
  const match = /^([0-9]{1,5})=([0-9]+)(|[KMGT]iB)((?:,[^,]+)*)$/.exec(text);
  if (match === null)
    throw invalid(
      `--lun must be NUMBER=SIZE[,file=PATH][,volatile][,read-only], but is ${JSON.stringify(text)}`,
    );
  const sizeBytes = Number(match[2]) * (UNITS[match[3] ?? ""] ?? 1);
  let file: string | undefined;
  const flags = new Set<string>();
  for (const part of (match[4] ?? "").split(",").slice(1)) {
    if (part.startsWith("file=")) file = part.slice(5);
    else if (part === "volatile" || part === "read-only") flags.add(part);
    else throw invalid(`--lun: ${JSON.stringify(part)} is none of file=PATH, volatile and read-only`);
  }
  const medium: Store =
    file === undefined ? memoryStore({ sizeBytes }) : fileStore({ path: file, sizeBytes });
  return {
    number: Number(match[1]),
    store: flags.has("volatile") ? volatileCache(medium) : medium,
    readOnly: flags.has("read-only"),
  };
}

function number(option: string, text: string): number {
  const value = Number(text);
  if (text.trim() === "" || Number.isNaN(value))
    throw invalid(`--${option} must be a number, but is ${JSON.stringify(text)}`);
  return value;
}

function invalid(message: string): FairleadError {
  return new FairleadError("SAN_OPTION_INVALID", message);
}
