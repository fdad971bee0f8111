// Behind `npm start` and `npm test`: installs the pinned pnpm and the dependencies where they changed, builds what
// changed, then goes on as the host or as the tests. Plain Node, because it runs before anything is installed.
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { exclusively } from "./lock.mjs";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const tools = join(root, ".tools");
const pnpmVersion = JSON.parse(readFileSync(join(root, "package.json"), "utf8")).packageManager.split("@")[1];
const pnpmHome = join(tools, `pnpm-${pnpmVersion}`);

/** npm hands its own settings down, and pnpm would read them as its own. */
function environment() {
  const env = { ...process.env, TURBO_TELEMETRY_DISABLED: "1" };
  for (const name of Object.keys(env)) if (/^npm_config_/i.test(name)) delete env[name];
  const folders = [join(pnpmHome, "node_modules", ".bin"), join(root, "node_modules", ".bin")];
  env.PATH = [...folders, env.PATH].join(delimiter);
  return env;
}

/** Its output is shown only where it fails, its title only where it takes longer than a second. */
async function step(title, command, args) {
  const child = spawn(command, args, { cwd: root, env: environment(), stdio: ["ignore", "pipe", "pipe"] });
  const output = [];
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => output.push(chunk));
  const announcement = setTimeout(() => process.stderr.write(`${title} ...\n`), 1000);
  let interruption;
  const forward = (signal) => {
    interruption = signal;
    child.kill(signal);
  };
  for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, forward);
  try {
    const status = await new Promise((resolve, reject) => {
      child.on("error", reject);
      child.on("close", resolve);
    });
    if (interruption) throw new Error(`interrupted while ${title}`);
    if (status === 0) return;
    process.stderr.write(Buffer.concat(output));
    throw new Error(`failed while ${title}: ${command} ${args.join(" ")}`);
  } finally {
    clearTimeout(announcement);
    for (const signal of ["SIGINT", "SIGTERM"]) process.off(signal, forward);
  }
}

async function installPnpm() {
  if (existsSync(pnpmHome)) return;
  const title = `installing pnpm ${pnpmVersion}`;
  const fresh = `${pnpmHome}.new`;
  rmSync(fresh, { recursive: true, force: true });
  mkdirSync(fresh, { recursive: true });
  const quiet = ["--no-save", "--no-audit", "--no-fund", "--loglevel=error"];
  await step(title, "npm", [
    "install",
    "--prefix",
    fresh,
    "--ignore-scripts",
    ...quiet,
    `pnpm@${pnpmVersion}`,
  ]);
  // Puts the native program in the place of a placeholder. Called by hand, as newer versions of npm hold scripts back.
  await step(title, process.execPath, [join(fresh, "node_modules", "pnpm", "install.js")]);
  renameSync(fresh, pnpmHome);
}

async function installDependencies() {
  const hash = createHash("sha256");
  for (const file of ["pnpm-lock.yaml", "pnpm-workspace.yaml"]) hash.update(readFileSync(join(root, file)));
  const wanted = hash.digest("hex");
  const stamp = join(root, "node_modules", ".installed");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === wanted) return;
  const args = ["install", "--frozen-lockfile", "--config.confirm-modules-purge=false"];
  await step("installing dependencies", "pnpm", args);
  writeFileSync(stamp, wanted);
}

async function install() {
  await installPnpm();
  await installDependencies();
}

async function build(...tasks) {
  const quiet = ["--output-logs=errors-only", "--log-order=grouped"];
  await step("building", "turbo", ["run", ...tasks, ...quiet]);
}

async function start(args) {
  await exclusively(tools, async () => {
    await install();
    await build("build", "--filter=@fairlead/host...");
  });
  const cli = join(root, "apps", "host", "dist", "cli.js");
  // In this very process, so that signals and the exit code are the host's own.
  process.argv = [process.argv[0], cli, "up", ...args];
  await import(cli);
}

async function test(args) {
  await exclusively(tools, install);
  const env = environment();
  for (const name of Object.keys(process.env)) if (!(name in env)) delete process.env[name];
  Object.assign(process.env, env);
  const { runGates } = await import("./test.mjs");
  const buildAll = () => exclusively(tools, () => build("build", "build:types", "--continue"));
  process.exitCode = await runGates(root, args, buildAll);
}

const [verb, ...args] = process.argv.slice(2);
try {
  if (verb === "start") await start(args);
  else if (verb === "test") await test(args);
  else throw new Error(`usage: node scripts/run.mjs start|test [arguments], not ${JSON.stringify(verb)}`);
} catch (error) {
  process.stderr.write(`${error.message}\n`);
  if (verb === "test") process.stdout.write("0 passed, 1 failed\n");
  process.exitCode = 1;
}
