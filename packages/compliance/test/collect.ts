import type { SuiteRunner } from "../src/index.js";

/** Runs a suite at once and gives the names of the laws that were broken, and of all. */
export async function verdict(
  suite: (runner: SuiteRunner) => void,
): Promise<{ broken: string[]; laws: string[] }> {
  const tests: { name: string; body: () => void | Promise<void> }[] = [];
  suite({
    describe: (_name, body) => body(),
    it: (name, body) => tests.push({ name, body }),
  });
  const broken: string[] = [];
  for (const { name, body } of tests) {
    try {
      await body();
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      broken.push(name);
    }
  }
  return { broken, laws: tests.map(({ name }) => name) };
}
