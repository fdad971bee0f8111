// The site that `npm run docs` makes: typedoc reads each package and each page without a warning.
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { execute } from "./execute.mjs";
import { runAlone } from "./sources.mjs";

/** Pages of the settings that the site lacks. */
function missingPages(root, site) {
  const { projectDocuments = [] } = JSON.parse(readFileSync(join(root, "typedoc.json"), "utf8"));
  const made = existsSync(join(site, "documents")) ? readdirSync(join(site, "documents")) : [];
  // Pages of several folders bear their folders' names too.
  const names = (file) => [basename(file, ".md"), file.replace(/\.md$/, "").replaceAll("/", "_")];
  return projectDocuments.filter((file) => !names(file).some((name) => made.includes(`${name}.html`)));
}

export async function checkDocs(root) {
  const site = mkdtempSync(join(tmpdir(), "fairlead-site-"));
  try {
    const args = ["--out", site, "--treatWarningsAsErrors", "--logLevel", "Warn"];
    const { status, output } = await execute("typedoc", args, { cwd: root, env: { NO_COLOR: "1" } });
    if (status !== 0) return [output.trim()];
    return missingPages(root, site).map((file) => `the site has no page for ${file}`);
  } finally {
    rmSync(site, { recursive: true, force: true });
  }
}

await runAlone(import.meta.url, checkDocs);
