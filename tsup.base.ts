import { defineConfig } from "tsup";

/** ESM to dist. The types come from tsup.types.ts, so that starting the host does not wait for them. */
export function packageBuild(entry: string[] = ["src/index.ts"]) {
  return defineConfig({
    entry,
    format: "esm",
    target: "node20",
    sourcemap: true,
    clean: false,
    silent: true,
  });
}
