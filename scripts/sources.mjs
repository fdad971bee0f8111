import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, join, relative } from "node:path";

/** All files below `directory` whose name ends in one of `endings`, sorted; none where it does not exist. */
export function filesBelow(directory, ...endings) {
  if (!existsSync(directory)) return [];
  return readdirSync(directory, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && endings.some((ending) => entry.name.endsWith(ending)))
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((file) => !/[\\/](node_modules|dist)[\\/]/.test(relative(directory, file)))
    .sort();
}

/** The workspace packages below packages/ and apps/, with `bench`: { name, folder, directory, manifest }. */
export function workspaces(root) {
  const directories = ["packages", "apps"].flatMap((parent) =>
    existsSync(join(root, parent))
      ? readdirSync(join(root, parent)).map((name) => join(root, parent, name))
      : [],
  );
  return [...directories, join(root, "bench")]
    .filter((directory) => existsSync(join(directory, "package.json")))
    .map((directory) => {
      const manifest = JSON.parse(readFileSync(join(directory, "package.json"), "utf8"));
      return { name: manifest.name, folder: basename(directory), directory, manifest };
    });
}

/** Prints what a check found when its file is run by itself: `node scripts/check-imports.mjs`. */
export async function runAlone(url, check) {
  if (process.argv[1] === undefined || !url.endsWith(`/${basename(process.argv[1])}`)) return;
  const problems = await check(process.cwd());
  for (const problem of problems) console.log(problem);
  process.exitCode = problems.length > 0 ? 1 : 0;
}
