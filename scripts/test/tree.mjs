import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { onTestFinished } from "vitest";

/** A folder with these files (objects become JSON), removed after the test. */
export function tree(files) {
  const root = mkdtempSync(join(tmpdir(), "fairlead-tree-"));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), typeof content === "string" ? content : JSON.stringify(content));
  }
  return root;
}

/** The package.json of a workspace package. */
export function manifest(folder, dependencies = {}, more = {}) {
  const exports = {
    ".": { "@fairlead/source": "./src/index.ts", types: "./dist/index.d.ts", default: "./dist/index.js" },
  };
  const [name, version, type] = [`@fairlead/${folder}`, "0.1.0", "module"];
  return {
    name,
    version,
    type,
    license: "Apache-2.0",
    files: ["dist", "src"],
    exports,
    dependencies,
    ...more,
  };
}
