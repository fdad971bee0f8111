import { existsSync } from "node:fs";
import { extname, resolve } from "node:path";
import { InvalidArgumentError } from "commander";
import { parseDocument } from "yaml";
import type { PolicyEntry } from "../config/policy-schema.js";
import { builtIns } from "../plugins/built-in.js";

const KEY = /^[A-Za-z][A-Za-z0-9-]*(\.[A-Za-z][A-Za-z0-9-]*)*$/;
const EXTENSIONS = [".ts", ".js", ".mjs"];

interface Tree {
  [key: string]: unknown;
}

/** `shares=2000 factors.read=2` as the config would have them: values are YAML. Throws InvalidArgumentError. */
export function parseAssignments(texts: readonly string[]): Tree {
  const tree: Tree = {};
  for (const text of texts) {
    const equals = text.indexOf("=");
    const key = text.slice(0, equals);
    if (equals < 1 || !KEY.test(key)) {
      throw new InvalidArgumentError(`expected key=value, but is ${JSON.stringify(text)}`);
    }
    put(tree, key.split("."), yamlValue(text.slice(equals + 1), text));
  }
  return tree;
}

function put(tree: Tree, keys: readonly string[], value: unknown): void {
  const [first = "", ...rest] = keys;
  if (rest.length === 0) {
    if (Object.hasOwn(tree, first)) throw new InvalidArgumentError(`${first} is given twice`);
    tree[first] = value;
    return;
  }
  const inner = Object.hasOwn(tree, first) ? tree[first] : {};
  if (typeof inner !== "object" || inner === null) {
    throw new InvalidArgumentError(`${first} is given twice`);
  }
  tree[first] = inner;
  put(inner as Tree, rest, value);
}

function yamlValue(text: string, whole: string): unknown {
  const document = parseDocument(text, { prettyErrors: false, schema: "core", logLevel: "error" });
  if (document.errors.length > 0) {
    throw new InvalidArgumentError(`the value of ${JSON.stringify(whole)} is no YAML`);
  }
  return document.toJS({ maxAliasCount: 0 });
}

/** `./mine.ts` is a file, the name of a built-in policy stands for that one, anything else is a package. */
export function policyEntry(text: string, options: Tree = {}): PolicyEntry {
  const looksLikeFile = /^\.{0,2}\//.test(text) || (EXTENSIONS.includes(extname(text)) && existsSync(text));
  if (looksLikeFile) return { file: resolve(text), ...options };
  const { strategy, "admission-policy": admission } = builtIns(() => ({ queueDepth: 1 }));
  const known = [...strategy, ...admission].some(({ name }) => name === text);
  return known ? { name: text, ...options } : { package: text, ...options };
}
