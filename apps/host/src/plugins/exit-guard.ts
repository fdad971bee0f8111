import { AsyncLocalStorage } from "node:async_hooks";

/** Whether code of a plugin asks, also in what it waits for and in its timers. */
const asked = new AsyncLocalStorage<boolean>();
let outstanding = 0;
let exit = process.exit;

/**
 * Runs code of a plugin. As long as it runs, `process.exit` throws for it and goes on ending the process for everybody
 * else: the host must not end, least of all with 0, because a module asked for it.
 */
export async function refusingExit<T>(run: () => Promise<T>): Promise<T> {
  if (outstanding++ === 0) {
    exit = process.exit;
    process.exit = exitUnlessAsked;
  }
  try {
    return await asked.run(true, run);
  } finally {
    if (--outstanding === 0) {
      process.exit = exit;
      asked.disable(); // Its hook would cost every callback of the data plane something.
    }
  }
}

function exitUnlessAsked(code?: number | string | null): never {
  if (asked.getStore() === true) {
    throw new Error(`it called process.exit(${code ?? ""}), which a plugin must not`);
  }
  return exit(code);
}
