import { accessSync, appendFileSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

/** True when `name` is an executable file on the search path (the directories of superuser's tools included). */
function installed(name: string): boolean {
  const directories = [...(process.env.PATH ?? "").split(delimiter), "/usr/local/sbin", "/usr/sbin", "/sbin"];
  return directories.some((directory) => {
    try {
      accessSync(join(directory, name), constants.X_OK);
      return true;
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      if (code === "ENOENT" || code === "EACCES" || code === "ENOTDIR") return false;
      throw error;
    }
  });
}

/**
 * Whether the programs that a test talks to are installed: `describe.skipIf(!peers("tgtd", "fio"))(…)`.
 * Outside CI a missing one is printed by name and the answer is false; under CI it is an error.
 */
export function peers(...names: string[]): boolean {
  const missing = names.filter((name) => !installed(name));
  if (missing.length === 0) return true;
  if (process.env.CI)
    throw new Error(`not installed: ${missing.join(", ")} (.ci/run installs what the tests need)`);
  process.stderr.write(`missing peer: ${missing.join(" ")}\n`);
  // Read by scripts/check-tests.mjs, which accepts a skipped test only for a name in it.
  if (process.env.MISSING_PEERS_FILE)
    appendFileSync(process.env.MISSING_PEERS_FILE, `${missing.join("\n")}\n`);
  return false;
}
