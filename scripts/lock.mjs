import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

function holder(file) {
  try {
    return Number(readFileSync(file, "utf8"));
  } catch (error) {
    if (error.code === "ENOENT") return undefined;
    throw error;
  }
}

function alive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === "EPERM";
  }
}

/** False where someone else holds the lock or was quicker to take it over from a dead owner. */
function take(lock, mine) {
  try {
    linkSync(mine, lock); // Atomic, and the file has its content from the first moment.
    return true;
  } catch (error) {
    if (error.code !== "EEXIST") throw error;
  }
  const pid = holder(lock);
  if (pid === undefined || alive(pid)) return false;
  const dead = `${mine}.dead`;
  try {
    renameSync(lock, dead);
  } catch (error) {
    if (error.code === "ENOENT") return false;
    throw error;
  }
  // Between the look and the move another process may have taken it over: then its lock goes back.
  if (holder(dead) !== pid) linkSync(dead, lock);
  rmSync(dead);
  return false;
}

/** Runs `work` while no other process of this checkout does. A lock whose owner has died is taken over. */
export async function exclusively(directory, work) {
  mkdirSync(directory, { recursive: true });
  const lock = join(directory, "lock");
  const mine = `${lock}.${process.pid}`;
  writeFileSync(mine, String(process.pid));
  let told = false;
  try {
    while (!take(lock, mine)) {
      const pid = holder(lock);
      if (!told && pid !== undefined && alive(pid)) {
        process.stderr.write(`waiting for process ${pid}, which is installing or building\n`);
        told = true;
      }
      await sleep(50);
    }
  } finally {
    rmSync(mine, { force: true });
  }
  try {
    return await work();
  } finally {
    rmSync(lock, { force: true });
  }
}
