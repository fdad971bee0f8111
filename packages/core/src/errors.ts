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
 * Refuses options that are no object, and an option that is none of `known`: a typing error would otherwise leave a
 * default in force in silence. `name` stands for the object in the message. Throws OptionError, or `OPTION_UNKNOWN`.
 */
export function refuseUnknownOptions(options: object, known: readonly string[], name = "options"): void {
  if (typeof options !== "object" || options === null || Array.isArray(options)) {
    throw new OptionError(name, `an object { ${known.join(", ")} }`, options);
  }
  for (const option of Object.keys(options)) {
    if (known.includes(option)) continue;
    throw new FairleadError(
      "OPTION_UNKNOWN",
      `there is no option ${display(option)}, known are ${known.join(", ")}`,
    );
  }
}

/**
 * Refuses what is no number, or one for which `holds` is false. "8" would compare like 8 and be added like a text.
 * Throws OptionError.
 */
export function checkNumber(
  option: string,
  value: number,
  holds: (value: number) => boolean,
  expected: string,
): void {
  if (typeof value !== "number") throw new OptionError(option, `a number, ${expected}`, value);
  if (!holds(value)) throw new OptionError(option, expected, value);
}

function display(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.length > 64 ? `${value.slice(0, 64)}…` : value);
  if (typeof value === "function") return "a function";
  if (typeof value === "object" && value !== null) return Array.isArray(value) ? "an array" : "an object";
  return String(value);
}
