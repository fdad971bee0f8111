import { builtinModules } from "node:module";
import { FairleadError } from "@fairlead/core";

/** What one name is called in each place of a project. */
export interface ProjectNames {
  /** As given: `@acme/strategy-night-shift`. */
  readonly packageName: string;
  /** Of the folder: `strategy-night-shift`. */
  readonly folder: string;
  /** In a host's config and lists: `night-shift`. */
  readonly strategyName: string;
  /** Of the function that makes one: `nightShiftStrategy`. */
  readonly factoryName: string;
}

const LENGTH_MAX = 214;
// npm's rules, less names that begin with a digit or a sign: the function's name comes from the last part.
const SHAPE = /^(?:@[a-z0-9][a-z0-9._-]*\/)?[a-z][a-z0-9._-]*$/;
// npm refuses them: a folder and a file of that name have their own meaning.
const RESERVED = ["node_modules", "favicon.ico"];

/** Errors: `PROJECT_NAME_INVALID`. */
export function projectNames(packageName: string): ProjectNames {
  const folder = packageName.split("/").at(-1) ?? "";
  const reason = refusal(packageName, folder);
  if (reason !== undefined) {
    const shown = JSON.stringify(packageName.length > 64 ? `${packageName.slice(0, 64)}…` : packageName);
    throw new FairleadError("PROJECT_NAME_INVALID", `${shown} can't be the name of a package: ${reason}`);
  }
  const words = folder.replace(/^(?:fairlead-)?strategy-(?=[a-z])/, "").split(/[._-]+/);
  const named = words.filter((word) => word !== "");
  const camel = named.map((word, index) => (index === 0 ? word : capital(word))).join("");
  return {
    packageName,
    folder,
    strategyName: named.join("-"),
    factoryName: /.strategy$/i.test(camel) ? camel : `${camel}Strategy`,
  };
}

function refusal(packageName: string, folder: string): string | undefined {
  if (packageName.length > LENGTH_MAX) return `it is longer than ${LENGTH_MAX} characters`;
  if (!SHAPE.test(packageName)) {
    return "expected lower-case letters, digits, dots, dashes and underscores, a letter first, and @scope/ before it where there is one";
  }
  if (RESERVED.includes(packageName)) return "npm keeps it for itself";
  if (builtinModules.includes(packageName)) return "it is a module of Node";
  if (RESERVED.includes(folder)) return "no project can be in a folder of that name";
  return undefined;
}

export function capital(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}
