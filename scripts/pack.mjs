// Packages as they would be published.
import { join } from "node:path";
import { execute } from "./execute.mjs";
import { exclusively } from "./lock.mjs";

/** Code and types of these packages, and of those that they depend on; what is up to date is left alone. */
export async function buildPackages(root, names) {
  const filters = names.map((name) => `--filter=${name}...`);
  const args = ["run", "build", "build:types", "--output-logs=errors-only", ...filters];
  const env = { TURBO_TELEMETRY_DISABLED: "1" };
  const { status, output } = await exclusively(join(root, ".tools"), () =>
    execute("turbo", args, { cwd: root, env }),
  );
  if (status !== 0) throw new Error(`can't build ${names.join(", ")}:\n${output}`);
}

/** Packs the package in `directory` and answers the tarball's path. */
export async function packPackage(directory, destination) {
  const args = ["pack", "--json", "--pack-destination", destination];
  const { status, output } = await execute("pnpm", args, { cwd: directory });
  const filename = /"filename": "(.+)"/.exec(output)?.[1];
  if (status !== 0 || filename === undefined) throw new Error(`can't pack ${directory}:\n${output}`);
  return join(destination, filename.split("/").at(-1));
}
