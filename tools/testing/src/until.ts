import { setTimeout as wait } from "node:timers/promises";

const POLL_INTERVAL_MS = 20;

/**
 * Asks until the answer is something other than false or undefined. For what another process does and tells
 * nobody about; `what` names it in the error.
 */
export async function until<T>(
  what: string,
  ask: () => T | false | undefined | Promise<T | false | undefined>,
  timeoutMs = 10_000,
): Promise<T> {
  const deadlineMs = performance.now() + timeoutMs;
  for (;;) {
    const answer = await ask();
    if (answer !== false && answer !== undefined) return answer;
    if (performance.now() > deadlineMs) throw new Error(`${what}: not within ${timeoutMs} ms`);
    await wait(POLL_INTERVAL_MS);
  }
}

/** Whether the answer is true each time it is asked during `forMs`; ends at the first that is not. */
export async function staysTrue(ask: () => boolean | Promise<boolean>, forMs: number): Promise<boolean> {
  const endMs = performance.now() + forMs;
  while (performance.now() < endMs) {
    if (!(await ask())) return false;
    await wait(POLL_INTERVAL_MS);
  }
  return true;
}
