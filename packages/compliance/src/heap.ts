import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** What is reachable now, typed arrays included: after a full collection. Bytes. */
export function retainedBytes(): number {
  setFlagsFromString("--expose-gc");
  const collect: unknown = runInNewContext("gc");
  // Twice: what is freed in the first may have kept other things.
  for (let turn = 0; turn < 2; turn++) if (typeof collect === "function") collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/**
 * Bytes that `work` leaves behind, once `warmUp` has been through the same code: the median of three tries, since
 * what the runner itself keeps or lets go comes on top. `prepare` makes a new subject for each.
 */
export function grownBytes<Subject>(
  prepare: () => Subject,
  warmUp: (subject: Subject) => void,
  work: (subject: Subject) => void,
): number {
  const grown: number[] = [];
  // Each stays reachable, or the collection would take what it keeps with it.
  const subjects: Subject[] = [];
  while (subjects.length < 3) {
    const subject = prepare();
    subjects.push(subject);
    warmUp(subject);
    const beforeBytes = retainedBytes();
    work(subject);
    grown.push(retainedBytes() - beforeBytes);
  }
  return grown.toSorted((left, right) => left - right)[1] ?? 0;
}
