import type { LunRange, ScanResult } from "@fairlead/core";
import { LUN_NUMBER_MAX, parseLunList, reportLuns } from "@fairlead/iscsi-codec";
import type { Connection } from "./connection.js";
import { IscsiError } from "./errors.js";
import { ask, describeLun } from "./identify.js";
import type { IscsiSession } from "./session.js";

export type Problem = ScanResult["problems"][number];

/** Room for every LUN number that can be said. Bytes. */
const LIST_BYTES = 8 + 8 * (LUN_NUMBER_MAX + 1);
/** LUNs of one target that are read at a time. */
const PARALLEL_MAX = 16;

/** @throws the error itself where it isn't one that a target or the network made */
export function problem(where: string, error: unknown): Problem {
  if (!(error instanceof IscsiError)) throw error;
  return { where, code: error.code, message: error.message };
}

/** Reads every LUN in the range, and settles what became of the paths that were known. @throws IscsiError without a login */
export async function scanSession(session: IscsiSession, range: LunRange): Promise<Problem[]> {
  const connection = await session.connect();
  const problems: Problem[] = [];
  const missing = new Set([...session.paths.keys()].filter((number) => inRange(number, range)));
  const numbers = (await listLuns(connection, range)).values();
  const readSome = async () => {
    for (const number of numbers) {
      try {
        const lun = await describeLun(connection, number);
        if (lun === undefined) continue;
        // What was read over a connection that has ended since proves nothing about the path.
        if (session.connection === connection) session.found(number, lun);
      } catch (error) {
        problems.push(problem(`${session.id}:${number}`, error));
      }
      missing.delete(number);
    }
  };
  await Promise.all(Array.from({ length: PARALLEL_MAX }, readSome));
  if (session.connection !== connection) return problems;
  for (const number of missing) {
    const path = session.paths.get(number);
    if (path !== undefined) session.lunGone(path);
  }
  return problems;
}

function inRange(number: number, range: LunRange): boolean {
  return number >= range.first && number <= range.last;
}

/** What the target lists, else every number in the range, to be tried one by one. */
async function listLuns(connection: Connection, range: LunRange): Promise<number[]> {
  const answer = await ask(connection, 0, LIST_BYTES, (cdb) => reportLuns(cdb, 0, LIST_BYTES));
  if (answer.outcome === "good" && answer.data.length >= 8)
    return parseLunList(answer.data).filter((number) => inRange(number, range));
  const last = Math.min(range.last, LUN_NUMBER_MAX);
  return Array.from({ length: Math.max(0, last - range.first + 1) }, (_, index) => range.first + index);
}
