import type { SuiteRunner } from "../src/index.js";

/** Runs the laws of a suite that `only` names, and gives the names of those that were broken, and of all. */
export async function verdict(
  suite: (runner: SuiteRunner) => void,
  only = /(?:)/,
): Promise<{ broken: string[]; laws: string[] }> {
  const tests: { name: string; body: () => void | Promise<void> }[] = [];
  suite({
    describe: (_name, body) => body(),
    it: (name, body) => tests.push({ name, body }),
  });
  const broken: string[] = [];
  for (const { name, body } of tests) {
    if (!only.test(name)) continue;
    try {
      await body();
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      broken.push(name);
    }
  }
  return { broken, laws: tests.map(({ name }) => name) };
}
