import { printable } from "../printable.js";

const CHARS_MAX = 300;

/**
 * What somebody's code threw, in one line: of an error its message. Anything can be thrown, also what refuses to be looked
 * at or to become a text; this never throws.
 */
export function thrownText(thrown: unknown, charsMax = CHARS_MAX): string {
  // Cut first: a message may be of any length.
  const text = printable(messageOf(thrown).slice(0, 2 * charsMax))
    .replaceAll(/ +/g, " ")
    .trim();
  return text.length > charsMax ? `${text.slice(0, charsMax)}…` : text;
}

function messageOf(thrown: unknown): string {
  try {
    if ((typeof thrown !== "object" || thrown === null) && typeof thrown !== "function") {
      return String(thrown);
    }
    const message: unknown = Reflect.get(thrown, "message");
    if (typeof message === "string" && message !== "") return message;
  } catch {
    return "something that can't be looked at";
  }
  return "something without a message";
}
