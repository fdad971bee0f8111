import { FairleadError } from "@fairlead/core";

/** Something in a config file, where it stands. */
export interface ConfigProblem {
  /** From 1 on. */
  readonly line: number;
  readonly column: number;
  readonly message: string;
}

/** All that is wrong with a config file, in the order of its lines; then what is only odd. */
export class ConfigError extends FairleadError {
  constructor(
    readonly file: string,
    readonly problems: readonly ConfigProblem[],
    warnings: readonly ConfigProblem[] = [],
  ) {
    const lines = problems.map((problem) => formatProblem(file, problem));
    const odd = warnings.map((warning) => `warning ${formatProblem(file, warning)}`);
    super("CONFIG_INVALID", [...lines, ...odd].join("\n"));
  }
}

export function formatProblem(file: string, { line, column, message }: ConfigProblem): string {
  return `${file}:${line}:${column}: ${message}`;
}
