import fc from "fast-check";

/** What a suite needs of a test runner: `describe` and `it` of vitest, node:test, mocha or jest. */
export interface SuiteRunner {
  describe(name: string, body: () => void): unknown;
  /** `timeoutMs` is how long the body may take; a runner that has its own way to say so may ignore it. */
  it(name: string, body: () => void | Promise<void>, timeoutMs?: number): unknown;
}

/** Seed of all random cases: a suite runs the same way each time. */
export const SEED = 20_260;

/**
 * From 0 to `max`. fast-check computes in floating point, and one such number in a command's field would make each later
 * reader of that field allocate, which the laws about allocations would count against the code under test.
 */
export function whole(max: number): fc.Arbitrary<number> {
  return fc.nat(max).map((value) => value | 0);
}
