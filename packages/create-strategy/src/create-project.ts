import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { FairleadError } from "@fairlead/core";
import { dependencyRanges } from "./dependency-ranges.js";
import { capital, type ProjectNames, projectNames } from "./project-names.js";

export interface ProjectOptions {
  /** Name of the new package, with its scope if it has one: `@acme/strategy-night-shift`. */
  name: string;
  /** Directory in which the folder is made. @default the working directory */
  parent?: string;
}

/** What was made. */
export interface Project extends ProjectNames {
  /** Absolute. */
  readonly directory: string;
  /** Relative to the directory, sorted. */
  readonly files: readonly string[];
}

interface TemplateManifest {
  name: string;
  dependencies: Record<string, string>;
  devDependencies: Record<string, string>;
}

const TEMPLATE = fileURLToPath(new URL("../template", import.meta.url));
// npm leaves a .gitignore out of what it packs, and tools take a package.json for a package of its own.
const RENAMED = new Map([
  ["_gitignore", ".gitignore"],
  ["_package.json", "package.json"],
]);

/**
 * Makes the folder of a new strategy. Writes nothing where it throws `PROJECT_NAME_INVALID` or
 * `PROJECT_FOLDER_IN_USE`; else errors of the file system come out as they are.
 */
export function createProject(options: ProjectOptions): Project {
  const names = projectNames(options.name);
  const directory = join(options.parent ?? process.cwd(), names.folder);
  refuseUsed(directory);
  const files: string[] = [];
  for (const source of templateFiles()) {
    const file = fileName(source, names);
    const target = join(directory, file);
    const text = readFileSync(join(TEMPLATE, source), "utf8");
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, file === "package.json" ? manifest(text, names) : named(text, names));
    files.push(file);
  }
  return { ...names, directory, files: files.sort() };
}

function refuseUsed(directory: string): void {
  let held: string[];
  try {
    held = readdirSync(directory);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "ENOENT") return;
    if (code !== "ENOTDIR") throw error;
    throw new FairleadError(
      "PROJECT_FOLDER_IN_USE",
      `${directory} is a file, expected an empty folder or none`,
    );
  }
  if (held.length === 0) return;
  throw new FairleadError(
    "PROJECT_FOLDER_IN_USE",
    `${directory} holds ${held.length === 1 ? held[0] : `${held.length} files`}, expected an empty folder or none`,
  );
}

function templateFiles(): string[] {
  return readdirSync(TEMPLATE, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(TEMPLATE, join(entry.parentPath, entry.name)));
}

function fileName(source: string, names: ProjectNames): string {
  return RENAMED.get(source) ?? source.replace("my-strategy", names.strategyName);
}

/** The template with the names of the project. The longer one goes first, as it begins with the other. */
function named(text: string, { packageName, strategyName, factoryName }: ProjectNames): string {
  return text
    .replaceAll("my-strategy-package", () => packageName)
    .replaceAll("my-strategy", () => strategyName)
    .replaceAll("myStrategy", () => factoryName)
    .replaceAll("MyStrategy", () => capital(factoryName));
}

function manifest(text: string, { packageName }: ProjectNames): string {
  const parsed = JSON.parse(text) as TemplateManifest;
  parsed.name = packageName;
  for (const kind of ["dependencies", "devDependencies"] as const) {
    parsed[kind] = dependencyRanges(Object.keys(parsed[kind]));
  }
  return `${JSON.stringify(parsed, undefined, 2)}\n`;
}
