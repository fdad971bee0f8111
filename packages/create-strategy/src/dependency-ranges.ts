import { readFileSync } from "node:fs";

interface Manifest {
  readonly version: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

const OWN = new URL("../package.json", import.meta.url);

function readManifest(file: URL): Manifest {
  return JSON.parse(readFileSync(file, "utf8")) as Manifest;
}

/**
 * Ranges for the dependencies of a new project: those that this package was itself published with, so that they are
 * written down once. In a checkout they refer to the workspace, and what is installed there is taken.
 */
export function dependencyRanges(names: readonly string[]): Record<string, string> {
  const { dependencies, devDependencies } = readManifest(OWN);
  const published = { ...dependencies, ...devDependencies };
  const ranges = names.map((name) => {
    const range = published[name];
    if (range === undefined) throw new Error(`the template needs ${name}, which package.json does not name`);
    if (!/^(workspace|catalog):/.test(range)) return [name, range] as const;
    const installed = new URL(`../node_modules/${name}/package.json`, import.meta.url);
    return [name, `^${readManifest(installed).version}`] as const;
  });
  return Object.fromEntries(ranges);
}
