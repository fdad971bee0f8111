import { defineConfig } from "tsup";

// The types of workspace packages come from their dist, as they will for users.
export default defineConfig({
  entry: ["src/index.ts"],
  format: "esm",
  silent: true,
  dts: { only: true, compilerOptions: { ignoreDeprecations: "6.0", customConditions: [], noEmit: false } },
});
