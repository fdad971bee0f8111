/**
 * Every error that a user can meet. `code` is stable and stands in docs/errors.md; the message names the thing, what
 * was expected and what was received. The first argument of a constructor is the code, so that a test can collect them.
 */
export class FairleadError extends Error {
  constructor(
    readonly code: string,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** An option of a package that is out of its range. */
export class OptionError extends FairleadError {
  constructor(
    readonly option: string,
    readonly expected: string,
    readonly received: unknown,
  ) {
    super("OPTION_INVALID", `option ${option} must be ${expected}, but is ${display(received)}`);
  }
}

/**
 * Refuses an option that is none of `known`: a typing error would otherwise leave a default in force in silence.
 * Throws `OPTION_UNKNOWN`.
 */
export function refuseUnknownOptions(options: object, known: readonly string[]): void {
  for (const option of Object.keys(options)) {
    if (known.includes(option)) continue;
    throw new FairleadError(
      "OPTION_UNKNOWN",
      `there is no option ${display(option)}, known are ${known.join(", ")}`,
    );
  }
}

function display(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.length > 64 ? `${value.slice(0, 64)}…` : value);
  if (typeof value === "object" && value !== null) return Array.isArray(value) ? "an array" : "an object";
  return String(value);
}
