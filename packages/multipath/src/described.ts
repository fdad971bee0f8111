const TEXT_CHARS_MAX = 200;
const NAME_CHARS_MAX = 64;
/** Control characters, and what turns the direction of a text: neither may reach a terminal or a journal. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

/** A value that somebody's code answered, in at most 200 characters of one line. It may refuse to be looked at; this never throws. */
export function described(value: unknown): string {
  try {
    if (typeof value === "function") return "a function";
    if (typeof value === "object" && value !== null) return "an object";
    return printable(String(value), TEXT_CHARS_MAX);
  } catch {
    return "something that can't be described";
  }
}

/** What somebody's code threw, of an error its message, within the same bounds. Never throws. */
export function describedError(thrown: unknown): string {
  try {
    return described(thrown instanceof Error ? thrown.message : thrown);
  } catch {
    return "something that can't be described";
  }
}

/** The name of somebody's policy: a copy of at most 64 characters, since a getter may throw or change its mind later. */
export function nameOf(policy: { readonly name: string }): string {
  try {
    const name: unknown = policy.name;
    if (typeof name === "string" && name !== "") return printable(name, NAME_CHARS_MAX);
  } catch {
    return "a policy whose name can't be read";
  }
  return "a policy without a name";
}

/** True where the answer is a promise; its rejection, which nobody waits for, no longer ends the process. Never throws. */
export function silencedPromise(answer: unknown): boolean {
  try {
    if (!(answer instanceof Promise)) return false;
    answer.catch(() => undefined);
    return true;
  } catch {
    return false; // An object that only looks like one, and can't reject.
  }
}

function printable(text: string, charsMax: number): string {
  // Cut first: it may be of any length.
  return text.slice(0, charsMax).replace(CONTROL, " ");
}
