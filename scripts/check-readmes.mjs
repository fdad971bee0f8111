// Every `ts` block of the READMEs and of docs/ type-checks against the built packages and runs (`ts no-run`: only the
// check), and a package's tables of options name exactly the fields of its *Options interfaces.
import { spawn } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { filesBelow, runAlone, workspaces } from "./sources.mjs";

const own = dirname(dirname(fileURLToPath(import.meta.url)));
const timeLimitMs = 20_000;

/** The blocks of one document: { document, line, run, text }, `line` being that of the opening fence. */
export function snippets(root, file) {
  const found = [];
  let open;
  for (const [index, line] of readFileSync(file, "utf8").split("\n").entries()) {
    const fence = /^```(.*)$/.exec(line);
    if (fence === null) {
      open?.lines.push(line);
    } else if (open !== undefined) {
      if (open.language === "ts") found.push({ ...open, text: open.lines.join("\n") });
      open = undefined;
    } else {
      const [language, ...flags] = fence[1].trim().split(/\s+/);
      const run = !flags.includes("no-run");
      open = { document: relative(root, file), line: index + 1, language, run, lines: [] };
    }
  }
  return found;
}

function documents(root) {
  const ofPackages = workspaces(root).map(({ directory }) => join(directory, "README.md"));
  const others = ["docs", "examples"].flatMap((folder) => filesBelow(join(root, folder), ".md"));
  const all = [join(root, "README.md"), ...ofPackages, ...others];
  return all.filter((file) => existsSync(file) && !file.includes(join("docs", "api")));
}

function bareImports(text) {
  return ts
    .preProcessFile(text, true, true)
    .importedFiles.map(({ fileName }) => fileName)
    .filter((name) => !name.startsWith(".") && !name.startsWith("node:"))
    .map((name) => name.split("/", name.startsWith("@") ? 2 : 1).join("/"));
}

/** Makes `name` importable in `place`: a workspace package, or what the workspace or the root has installed. */
function link(root, place, name) {
  const target = join(place, "node_modules", name);
  if (existsSync(target)) return;
  const workspace = workspaces(root).find((candidate) => candidate.name === name);
  const installed = [root, ...workspaces(root).map(({ directory }) => directory), own];
  const sources = [
    workspace?.directory,
    ...installed.map((directory) => join(directory, "node_modules", name)),
  ];
  const source = sources.find((path) => path !== undefined && existsSync(path));
  if (source === undefined) return; // The type check names it.
  mkdirSync(dirname(target), { recursive: true });
  symlinkSync(realpathSync(source), target);
}

function typeProblems(place, blocks) {
  const program = ts.createProgram(
    blocks.map(({ file }) => file),
    {
      target: ts.ScriptTarget.ES2022,
      lib: ["lib.es2023.d.ts"],
      module: ts.ModuleKind.NodeNext,
      moduleResolution: ts.ModuleResolutionKind.NodeNext,
      moduleDetection: ts.ModuleDetectionKind.Force,
      strict: true,
      noUncheckedIndexedAccess: true,
      exactOptionalPropertyTypes: true,
      skipLibCheck: true,
      noEmit: true,
      types: ["node"],
      typeRoots: [join(place, "node_modules", "@types")],
    },
  );
  return ts.getPreEmitDiagnostics(program).map((diagnostic) => {
    const message = ts.flattenDiagnosticMessageText(diagnostic.messageText, " ");
    const block = blocks.find(({ file }) => file === diagnostic.file?.fileName);
    if (block === undefined) return `README snippets: ${diagnostic.file?.fileName ?? ""} ${message}`;
    const { line } = diagnostic.file.getLineAndCharacterOfPosition(diagnostic.start);
    return `${block.document}:${line + 1}: ${message}`;
  });
}

async function runProblems(block) {
  const file = block.file.replace(/\.mts$/, ".mjs");
  const options = {
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.ESNext,
    verbatimModuleSyntax: true,
  };
  writeFileSync(file, ts.transpileModule(block.source, { compilerOptions: options }).outputText);
  const child = spawn(process.execPath, [file], { cwd: dirname(file), stdio: ["ignore", "pipe", "pipe"] });
  const output = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"]) {
    child[name].setEncoding("utf8").on("data", (chunk) => {
      output[name] += chunk;
    });
  }
  const timer = setTimeout(() => child.kill("SIGKILL"), timeLimitMs);
  const [code, signal] = await new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (...ending) => resolve(ending));
  });
  clearTimeout(timer);
  if (code === 0) return [];
  // A test runner says on stdout which test failed.
  const said = output.stderr.trim() || /^\s*not ok .*/ms.exec(output.stdout)?.[0].slice(0, 2000);
  const reason = signal === "SIGKILL" ? `does not end within ${timeLimitMs / 1000} s` : said;
  return [`${block.document}:${block.line}: the snippet fails: ${reason}`];
}

async function checkSnippets(root) {
  const blocks = documents(root).flatMap((file) => snippets(root, file));
  if (blocks.length === 0) return [];
  const place = realpathSync(mkdtempSync(join(tmpdir(), "fairlead-snippets-")));
  try {
    writeFileSync(join(place, "package.json"), '{ "type": "module" }\n');
    link(root, place, "@types/node");
    for (const [index, block] of blocks.entries()) {
      block.file = join(place, `snippet-${index}.mts`);
      block.source = "\n".repeat(block.line) + block.text; // The compiler's line numbers are then the document's.
      writeFileSync(block.file, block.source);
      for (const name of bareImports(block.text)) link(root, place, name);
    }
    const problems = typeProblems(place, blocks);
    if (problems.length > 0) return problems;
    for (const block of blocks) if (block.run) problems.push(...(await runProblems(block)));
    return problems;
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
}

/** The exported *Options types of each package: [{ workspace, name, fields }]. */
function optionTypes(packages) {
  const entries = packages.map(({ directory }) => join(directory, "src", "index.ts"));
  const program = ts.createProgram(entries, {
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    customConditions: ["@fairlead/source"],
    strict: true,
    noEmit: true,
  });
  const checker = program.getTypeChecker();
  return packages.flatMap((workspace, index) => {
    const source = program.getSourceFile(entries[index]);
    const module = source && checker.getSymbolAtLocation(source);
    if (module === undefined) return [];
    return checker
      .getExportsOfModule(module)
      .filter(({ name }) => name.endsWith("Options"))
      .map((symbol) => ({
        name: symbol.name,
        declared: symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol,
      }))
      .filter(({ declared }) => declared.flags & ts.SymbolFlags.Type)
      .map(({ name, declared }) => {
        const type = checker.getDeclaredTypeOfSymbol(declared);
        return { workspace, name, fields: checker.getPropertiesOfType(type).map((field) => field.name) };
      });
  });
}

/** Tables whose first column is "option", each with the *Options name last mentioned before it. */
function optionTables(text) {
  const tables = [];
  let mentioned;
  let rows;
  for (const line of text.split("\n")) {
    const first = /^\|\s*([^|]*?)\s*\|/.exec(line)?.[1];
    if (first === undefined) {
      rows = undefined;
      mentioned = [...line.matchAll(/\b\w+Options\b/g)].at(-1)?.[0] ?? mentioned;
    } else if (/^options?$/i.test(first)) {
      rows = [];
      tables.push({ mentioned, rows });
    } else {
      const name = /^`([^`?]+)\??`/.exec(first)?.[1];
      if (rows !== undefined && name !== undefined) rows.push(name);
    }
  }
  return tables;
}

function checkTables(root) {
  const packages = workspaces(root).filter(({ directory }) => directory.startsWith(join(root, "packages")));
  const types = optionTypes(
    packages.filter(({ directory }) => existsSync(join(directory, "src", "index.ts"))),
  );
  const problems = [];
  for (const { directory, name } of packages) {
    const file = join(directory, "README.md");
    const shown = relative(root, file);
    if (!existsSync(file)) {
      problems.push(`${shown} does not exist`);
      continue;
    }
    const text = readFileSync(file, "utf8");
    if (!new RegExp(`npm (i|install) .*${name}\\b`).test(text))
      problems.push(`${shown}: no line that installs ${name}`);
    if (snippets(root, file).length === 0) problems.push(`${shown}: no example`);
    const own = types.filter(({ workspace }) => workspace.directory === directory);
    const tables = optionTables(text);
    for (const type of own) {
      const table =
        tables.find(({ mentioned }) => mentioned === type.name) ?? (own.length === 1 ? tables[0] : undefined);
      if (table === undefined) {
        problems.push(`${shown}: no table of options for ${type.name}`);
        continue;
      }
      for (const field of type.fields) {
        if (!table.rows.includes(field)) problems.push(`${shown}: the table of ${type.name} lacks ${field}`);
      }
      for (const row of table.rows) {
        if (!type.fields.includes(row)) problems.push(`${shown}: ${type.name} has no field ${row}`);
      }
    }
  }
  return problems;
}

export async function checkReadmes(root) {
  return [...checkTables(root), ...(await checkSnippets(root))];
}

await runAlone(import.meta.url, checkReadmes);
