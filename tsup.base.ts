import { defineConfig } from "tsup";

/** ESM to dist: `tsup` writes the JavaScript, `tsup --dts-only` the types. */
export function packageBuild(entry: string[] = ["src/index.ts"]) {
  return defineConfig({
    entry,
    format: "esm",
    target: "node20",
    sourcemap: true,
    clean: false,
    silent: true,
    // The types of workspace packages come from their dist, as they will for users.
    dts: process.argv.includes("--dts-only")
      ? { compilerOptions: { ignoreDeprecations: "6.0", customConditions: [], noEmit: false } }
      : false,
  });
}
