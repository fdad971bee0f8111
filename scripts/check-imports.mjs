// Imports point one way, modules do not load one another in a circle, and what stands above the drivers takes time, randomness and I/O as parameters.
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve, sep } from "node:path";
import ts from "typescript";
import { filesBelow, runAlone, workspaces } from "./sources.mjs";

const everything = ["host", "bench", "simulator", "console"];
const alsoImports = {
  core: [],
  "iscsi-codec": [],
  spm: ["core", "multipath"],
  "nic-manager": ["core", "multipath"],
  "driver-iscsi": ["core", "iscsi-codec"],
  "iscsi-target": ["core", "iscsi-codec"],
};
const aboveDrivers = /^(core|strategy-.*|disk-scheduler|multipath|spm|nic-manager|vm-manager)$/;
const ambientGlobals = new Set([
  "setTimeout",
  "setInterval",
  "setImmediate",
  "queueMicrotask",
  "performance",
  "process",
  "crypto",
  "fetch",
  "require",
]);
const ambientMembers = new Set(["Date.now", "Math.random"]);

function packageOf(specifier) {
  const parts = specifier.split("/");
  return specifier.startsWith("@") ? parts.slice(0, 2).join("/") : parts[0];
}

/** Names that stand for a global here: not a member, a key, or something declared in this file. */
function ambientUses(source) {
  const declared = new Set();
  const uses = [];
  const collect = (node) => {
    const named = node.name !== undefined && ts.isIdentifier(node.name);
    if (named && (ts.isVariableDeclaration(node) || ts.isParameter(node) || ts.isFunctionDeclaration(node))) {
      declared.add(node.name.text);
    }
    ts.forEachChild(node, collect);
  };
  const visit = (node) => {
    if (ts.isTypeNode(node) && !ts.isExpressionWithTypeArguments(node)) return;
    const member = ts.isPropertyAccessExpression(node) && ts.isIdentifier(node.expression);
    if (member && ambientMembers.has(`${node.expression.text}.${node.name.text}`)) {
      uses.push([node, `${node.expression.text}.${node.name.text}`]);
    }
    const isDate =
      (ts.isNewExpression(node) || ts.isCallExpression(node)) && node.expression.getText() === "Date";
    if (isDate && !(node.arguments?.length > 0)) uses.push([node, "the current Date"]);
    if (ts.isIdentifier(node) && ambientGlobals.has(node.text) && !declared.has(node.text)) {
      const parent = node.parent;
      const isName = parent.name === node && !ts.isShorthandPropertyAssignment(parent);
      if (!isName) uses.push([node, node.text]);
    }
    ts.forEachChild(node, visit);
  };
  collect(source);
  visit(source);
  return uses;
}

/** One line for each circle of files: "a.ts -> b.ts -> a.ts". */
function cycles(graph) {
  const found = [];
  const done = new Set();
  const walk = (file, trail) => {
    const at = trail.indexOf(file);
    if (at !== -1) {
      found.push([...trail.slice(at), file]);
      return;
    }
    if (done.has(file)) return;
    for (const next of graph.get(file) ?? []) walk(next, [...trail, file]);
    done.add(file);
  };
  for (const file of graph.keys()) walk(file, []);
  return found;
}

function resolveRelative(file, specifier) {
  const path = resolve(dirname(file), specifier);
  const candidates = [path, path.replace(/\.js$/, ".ts"), path.replace(/\.js$/, ".tsx")];
  return candidates.find((candidate) => existsSync(candidate));
}

/** Specifiers that a file names for their types alone (`import type`, `export type`): nothing is loaded for them. */
function typeOnly(source) {
  const types = new Set();
  const loaded = new Set();
  for (const statement of source.statements) {
    if (!ts.isImportDeclaration(statement) && !ts.isExportDeclaration(statement)) continue;
    const onlyTypes = ts.isImportDeclaration(statement)
      ? statement.importClause?.isTypeOnly
      : statement.isTypeOnly;
    if (statement.moduleSpecifier) (onlyTypes ? types : loaded).add(statement.moduleSpecifier.text);
  }
  return new Set([...types].filter((specifier) => !loaded.has(specifier)));
}

function checkFile(root, workspace, file, graph) {
  const problems = [];
  const { folder, directory, manifest } = workspace;
  const text = readFileSync(file, "utf8");
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.ES2022, true);
  const types = typeOnly(source);
  const where = (position) => {
    const line = text.slice(0, position).split("\n").length;
    return `${relative(root, file)}:${line}`;
  };
  const dependencies = {
    ...manifest.dependencies,
    ...manifest.peerDependencies,
    ...manifest.optionalDependencies,
  };
  const allowed = alsoImports[folder] ?? ["core"];
  graph.set(file, []);
  for (const { fileName: specifier, pos } of ts.preProcessFile(text, true, true).importedFiles) {
    if (specifier.startsWith(".")) {
      const target = resolveRelative(file, specifier);
      if (target === undefined) problems.push(`${where(pos)}: ${specifier} does not exist`);
      else if (!target.startsWith(join(directory, "src") + sep)) {
        problems.push(`${where(pos)}: source imports ${specifier}, which is outside its src`);
      } else if (!types.has(specifier)) graph.get(file).push(target);
      continue;
    }
    if (specifier.startsWith("node:")) {
      if (aboveDrivers.test(folder)) problems.push(`${where(pos)}: ${folder} may not import ${specifier}`);
      continue;
    }
    const name = packageOf(specifier);
    if (!(name in dependencies)) {
      problems.push(`${where(pos)}: source imports ${name}, which is not among its package's dependencies`);
    }
    const short = name.replace(/^@fairlead\//, "");
    if (short !== name && !everything.includes(folder) && !allowed.includes(short)) {
      problems.push(`${where(pos)}: ${folder} may not import ${name}`);
    }
  }
  if (aboveDrivers.test(folder)) {
    for (const [node, name] of ambientUses(source)) {
      problems.push(`${where(node.getStart())}: ${folder} may not use ${name}; it comes in as a parameter`);
    }
  }
  return problems;
}

export function checkImports(root) {
  const problems = [];
  for (const workspace of workspaces(root)) {
    const graph = new Map();
    for (const file of filesBelow(join(workspace.directory, "src"), ".ts", ".tsx")) {
      problems.push(...checkFile(root, workspace, file, graph));
    }
    for (const cycle of cycles(graph)) {
      problems.push(`cycle: ${cycle.map((file) => relative(root, file)).join(" -> ")}`);
    }
  }
  return problems;
}

await runAlone(import.meta.url, checkImports);
