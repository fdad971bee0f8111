/** What a suite needs of a test runner: `describe` and `it` of vitest, node:test, mocha or jest. */
export interface SuiteRunner {
  describe(name: string, body: () => void): unknown;
  it(name: string, body: () => void | Promise<void>): unknown;
}

/** Seed of all random cases: a suite runs the same way each time. */
export const SEED = 20_260;
