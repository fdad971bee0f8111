import { readdir, readFile } from "node:fs/promises";

/** `getconf CLK_TCK`; 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

interface Stat {
  readonly parent: number;
  /** User and system time, its waited-for children included. */
  readonly cpuTicks: number;
}

function parse(text: string): Stat {
  // The name stands in parentheses and may hold spaces; what follows the last one is regular.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const number = (index: number) => Number(fields[index]);
  return { parent: number(1), cpuTicks: number(11) + number(12) + number(13) + number(14) };
}

async function stats(): Promise<Map<number, Stat>> {
  const found = new Map<number, Stat>();
  for (const name of await readdir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      found.set(Number(name), parse(await readFile(`/proc/${name}/stat`, "utf8")));
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      if (code !== "ENOENT" && code !== "ESRCH") throw error; // It ended between the two calls.
    }
  }
  return found;
}

/** User and system time of a process and all below it since they started, seconds. */
export async function cpuSeconds(pid: number): Promise<number> {
  const all = await stats();
  if (!all.has(pid)) throw new Error(`process ${pid}: gone`);
  const belongs = (candidate: number): boolean => {
    for (let at = candidate; at > 1; at = all.get(at)?.parent ?? 0) if (at === pid) return true;
    return false;
  };
  let ticks = 0;
  for (const [candidate, stat] of all) if (belongs(candidate)) ticks += stat.cpuTicks;
  return ticks / TICKS_PER_SECOND;
}

/** Resident memory of one process, bytes. */
export async function residentBytes(pid: number): Promise<number> {
  const match = /^VmRSS:\s+(\d+) kB$/m.exec(await readFile(`/proc/${pid}/status`, "utf8"));
  if (match === null) throw new Error(`process ${pid}: has no memory of its own`);
  return Number(match[1]) * 1024;
}
