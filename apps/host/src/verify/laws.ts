import type { SuiteRunner } from "@fairlead/compliance";

export interface Law {
  readonly name: string;
  run(): void | Promise<void>;
}

/** Takes the laws of a suite without running them. */
export function collectLaws(suite: (runner: SuiteRunner) => void): Law[] {
  const laws: Law[] = [];
  suite({
    describe: (_name, body) => body(),
    it: (name, run) => laws.push({ name, run }),
  });
  return laws;
}
