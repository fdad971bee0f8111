import { closeSync, constants, openSync, readSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { FairleadError } from "@fairlead/core";
import { type Document, isScalar, LineCounter, type Pair, parseDocument, visit } from "yaml";
import type { z } from "zod";
import type { LoadingHook } from "../plugins/choose.js";
import { crossCheck } from "./checks.js";
import { expectedBy, show, suggestion } from "./describe.js";
import { knownKeys, memberOf } from "./known-keys.js";
import { type ConfigPath, Places } from "./places.js";
import { ConfigError, type ConfigProblem } from "./problem.js";
import { configSchema, type HostConfig, jsonSchema } from "./schema.js";

const FILE_BYTES_MAX = 1024 * 1024;
/** What aliases may multiply. */
const ALIASES_MAX = 100;
/** What cannot be read as YAML goes wrong in many places at once. */
const FAULTS_MAX = 10;

export interface LoadedConfig {
  readonly config: HostConfig;
  /** Absolute; files that the config names are relative to it. */
  readonly directory: string;
  readonly warnings: readonly ConfigProblem[];
}

/** Errors: `CONFIG_UNREADABLE`, `CONFIG_TOO_LARGE`, `CONFIG_INVALID` (all that is wrong with it). */
export async function loadConfig(file: string, hook: LoadingHook = {}): Promise<LoadedConfig> {
  return parseConfig(readText(file), file, dirname(resolve(file)), hook);
}

function readText(file: string): string {
  const buffer = Buffer.alloc(FILE_BYTES_MAX + 1);
  let length = 0;
  try {
    // Without O_NONBLOCK, opening a FIFO would wait for its other end.
    const descriptor = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      for (let read = -1; read !== 0 && length < buffer.length; length += read) {
        read = readSync(descriptor, buffer, length, buffer.length - length, null);
      }
    } finally {
      closeSync(descriptor);
    }
  } catch (error) {
    throw new FairleadError("CONFIG_UNREADABLE", `can't read the config: ${(error as Error).message}`);
  }
  if (length > FILE_BYTES_MAX) {
    throw new FairleadError("CONFIG_TOO_LARGE", `${file} is larger than ${FILE_BYTES_MAX} bytes`);
  }
  return buffer.toString("utf8", 0, length);
}

/** The text as YAML, checked whole: the error lists everything that is wrong. Errors: `CONFIG_INVALID`. */
export async function parseConfig(
  text: string,
  file: string,
  directory: string,
  hook: LoadingHook = {},
): Promise<LoadedConfig> {
  const lines = new LineCounter();
  const { document, raw } = readYaml(text, file, lines);
  const places = new Places(document, lines);
  const result = configSchema.safeParse(raw, { error: expectedBy });
  const problems = [...forbiddenKeys(document, places)];
  for (const issue of result.error?.issues ?? []) problems.push(...problemsOf(issue, raw, places));
  const warnings: ConfigProblem[] = [];
  for (const { path, message, severity, at } of await crossCheck(raw, directory, hook)) {
    const place = at === "key" ? places.ofKey(path) : places.ofValue(path);
    (severity === "error" ? problems : warnings).push({ ...place, message });
  }
  warnings.sort(inOrder);
  if (!result.success || problems.length > 0) {
    throw new ConfigError(file, problems.toSorted(inOrder), warnings);
  }
  return { config: result.data, directory, warnings };
}

function inOrder(a: ConfigProblem, b: ConfigProblem): number {
  return a.line - b.line || a.column - b.column;
}

function readYaml(text: string, file: string, lines: LineCounter): { document: Document; raw: unknown } {
  try {
    const document = parseDocument(text, {
      lineCounter: lines,
      prettyErrors: false,
      schema: "core",
      logLevel: "error",
    });
    const places = new Places(document, lines);
    const faults = [...document.errors, ...document.warnings];
    if (faults.length > 0) {
      const problems = faults.slice(0, FAULTS_MAX).map((fault) => ({
        ...places.ofOffset(fault.pos[0]),
        message:
          fault.code === "MULTIPLE_DOCS" ? "a second document begins here, expected one" : fault.message,
      }));
      throw new ConfigError(file, problems.toSorted(inOrder));
    }
    return { document, raw: document.toJS({ maxAliasCount: ALIASES_MAX }) };
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    // Too many aliases, or nested too deeply for the parser's recursion.
    const reason = error instanceof RangeError ? "it is nested too deeply" : (error as Error).message;
    throw new ConfigError(file, [{ line: 1, column: 1, message: `not readable as YAML: ${reason}` }]);
  }
}

/** A key that is no text, or that means something to JavaScript: the schema never gets to see it. */
function forbiddenKeys(document: Document, places: Places): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  visit(document, {
    Pair(_, { key }: Pair) {
      if (isScalar(key) && key.value !== "__proto__") return;
      const where = isScalar(key) ? places.ofOffset(key.range?.[0] ?? 0) : places.ofValue([]);
      problems.push({
        ...where,
        message: `${isScalar(key) ? show(key.value) : "a list or mapping"} can't be a key`,
      });
    },
  });
  return problems;
}

function problemsOf(issue: z.core.$ZodIssue, raw: unknown, places: Places): ConfigProblem[] {
  const path = issue.path.map((segment) => (typeof segment === "number" ? segment : String(segment)));
  if (issue.code === "unrecognized_keys") {
    const known = knownKeys(jsonSchema(), path, raw);
    return issue.keys.map((key) => ({
      ...places.ofKey([...path, key]),
      message: `${pathText([...path, key])} is not a known key${suggestion(key, known)}`,
    }));
  }
  if (issue.code === "invalid_key") {
    const expected = issue.issues.map(({ message }) => message).join("; ");
    return [{ ...places.ofKey(path), message: `${pathText(path)}: the key must be ${expected}` }];
  }
  const value = path.reduce(memberOf, raw);
  const found = value === undefined ? "is missing" : `is ${show(value)}`;
  return [{ ...places.ofValue(path), message: `${pathText(path)} ${found}, expected ${issue.message}` }];
}

/** `vms.db.disks.root.extents[0].lun` */
function pathText(path: ConfigPath): string {
  if (path.length === 0) return "the file";
  return path
    .map((segment, index) =>
      typeof segment === "number" ? `[${segment}]` : `${index > 0 ? "." : ""}${cut(segment)}`,
    )
    .join("");
}

function cut(segment: string): string {
  return segment.length > 64 ? `${segment.slice(0, 64)}…` : segment;
}
