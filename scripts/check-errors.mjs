// The stable codes of errors in the sources are the codes that docs/errors.md lists.
import { existsSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import ts from "typescript";
import { filesBelow, runAlone, workspaces } from "./sources.mjs";

const codeShape = /^[A-Z][A-Z0-9]*(_[A-Z0-9]+)*$/;

function visitAll(node, visit) {
  visit(node);
  ts.forEachChild(node, (child) => visitAll(child, visit));
}

function superclass(node) {
  const clause = node.heritageClauses?.find(({ token }) => token === ts.SyntaxKind.ExtendsKeyword);
  return clause?.types[0]?.expression.getText();
}

/** Declares `code` itself, as a field or as a parameter property of its constructor. */
function declaresCode(node) {
  return node.members.some(
    (member) =>
      member.name?.getText() === "code" ||
      (ts.isConstructorDeclaration(member) &&
        member.parameters.some(
          (parameter) => parameter.modifiers?.length > 0 && parameter.name.getText() === "code",
        )),
  );
}

/** Names of the classes whose errors carry a code: those that extend Error and declare one, and all below them. */
function errorClasses(sources) {
  const parents = new Map();
  const known = new Set();
  for (const source of sources) {
    visitAll(source, (node) => {
      if (!ts.isClassLike(node) || node.name === undefined) return;
      const parent = superclass(node);
      if (parent === undefined) return;
      parents.set(node.name.text, parent);
      if (/^(\w*)Error$/.test(parent) && declaresCode(node)) known.add(node.name.text);
    });
  }
  for (let grown = true; grown; ) {
    grown = false;
    for (const [name, parent] of parents) {
      if (known.has(name) || !known.has(parent)) continue;
      known.add(name);
      grown = true;
    }
  }
  return known;
}

function literals(node) {
  const found = [];
  visitAll(node, (child) => {
    if (ts.isStringLiteralLike(child) && codeShape.test(child.text)) found.push(child);
  });
  return found;
}

/** A Map from each code to the first place where it is given to an error. */
export function codesInSources(root) {
  const files = workspaces(root).flatMap(({ directory }) => filesBelow(join(directory, "src"), ".ts"));
  const sources = files.map((file) =>
    ts.createSourceFile(file, readFileSync(file, "utf8"), ts.ScriptTarget.ES2022, true),
  );
  const classes = errorClasses(sources);
  const codes = new Map();
  const add = (source, node) => {
    const line = source.getLineAndCharacterOfPosition(node.getStart()).line + 1;
    if (!codes.has(node.text)) codes.set(node.text, `${relative(root, source.fileName)}:${line}`);
  };
  for (const source of sources) {
    let inClass = false;
    const visit = (node) => {
      const outer = inClass;
      if (ts.isClassLike(node)) inClass = node.name !== undefined && classes.has(node.name.text);
      const isSuper =
        ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.SuperKeyword && inClass;
      const isNew = ts.isNewExpression(node) && classes.has(node.expression.getText());
      const isField = ts.isPropertyDeclaration(node) && node.name.getText() === "code" && inClass;
      const value = isField ? node.initializer : isSuper || isNew ? node.arguments?.[0] : undefined;
      if (value !== undefined) for (const literal of literals(value)) add(source, literal);
      ts.forEachChild(node, visit);
      inClass = outer;
    };
    visit(source);
  }
  return codes;
}

/** The codes that begin a row of a table or make a heading, in order. */
function codesInDocs(file) {
  if (!existsSync(file)) return [];
  return [...readFileSync(file, "utf8").matchAll(/^(?:\|\s*|#+\s+)`([A-Z][A-Z0-9_]*)`/gm)].map(
    (match) => match[1],
  );
}

export function checkErrors(root) {
  const problems = [];
  const inSources = codesInSources(root);
  const inDocs = codesInDocs(join(root, "docs", "errors.md"));
  for (const [code, place] of inSources) {
    if (!inDocs.includes(code)) problems.push(`${place}: ${code} is not in docs/errors.md`);
  }
  for (const [index, code] of inDocs.entries()) {
    if (!inSources.has(code)) problems.push(`docs/errors.md: ${code} is in no source`);
    if (inDocs.indexOf(code) !== index) problems.push(`docs/errors.md: ${code} is listed twice`);
  }
  return problems;
}

await runAlone(import.meta.url, checkErrors);
