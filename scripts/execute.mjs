import { spawn } from "node:child_process";
import { delimiter, join } from "node:path";

const installed = join(import.meta.dirname, "..", "node_modules", ".bin");

/**
 * Runs a program, one of this project's or of the system, to its end: { status, output }, with both streams in
 * `output`. `show` passes them on while they arrive; after `limitMs` the program is killed, and `status` is not 0.
 */
export async function execute(command, args, { cwd, env, limitMs = 180_000, show = false } = {}) {
  const PATH = [installed, process.env.PATH].join(delimiter);
  const options = { cwd, env: { ...process.env, PATH, ...env }, stdio: ["ignore", "pipe", "pipe"] };
  const child = spawn(command, args, options);
  const chunks = [];
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk) => {
      chunks.push(chunk);
      if (show) process.stdout.write(chunk);
    });
  }
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    child.kill("SIGKILL");
  }, limitMs);
  try {
    const status = await new Promise((resolve, reject) => {
      child.on("error", reject);
      child.on("close", resolve);
    });
    const note = late ? `\n${command} was ended: it took more than ${limitMs / 1000} s` : "";
    return { status: late ? 1 : status, output: Buffer.concat(chunks).toString() + note };
  } finally {
    clearTimeout(timer);
  }
}
