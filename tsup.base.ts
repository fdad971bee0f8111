import { defineConfig } from "tsup";

/**
 * In a bundle esbuild writes `var` for the constants of a module. V8 takes those for variables, so that arithmetic with
 * them makes numbers on the heap: 16 bytes per command in the built disk scheduler, none in its source. Named in
 * capitals they are constants for sure.
 */
const constants = {
  name: "constants",
  renderChunk: (code: string) => ({ code: code.replaceAll(/^var (?=[A-Z][A-Z0-9_]* = )/gm, "const ") }),
};

/** ESM to dist. The types come from tsup.types.ts, so that starting the host does not wait for them. */
export function packageBuild(entry: string[] = ["src/index.ts"]) {
  return defineConfig({
    entry,
    format: "esm",
    target: "node20",
    sourcemap: true,
    clean: false,
    silent: true,
    plugins: [constants],
  });
}
