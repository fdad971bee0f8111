import { defineConfig } from "vitest/config";

/** Workspace packages resolve to their source, so that no build is needed between an edit and its test. */
const conditions = ["@fairlead/source", "module", "node", "development|production"];

export function packageTests() {
  return defineConfig({
    resolve: { conditions },
    ssr: { resolve: { conditions, externalConditions: ["@fairlead/source", "node"] } },
    test: {
      environment: "node",
      include: ["test/**/*.test.{ts,mjs}"],
      // Real peers, and two cores shared with other test files.
      testTimeout: 20_000,
      hookTimeout: 20_000,
    },
  });
}
