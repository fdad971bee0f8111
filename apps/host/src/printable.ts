const TEXT_LENGTH_MAX = 2000;
/** Control characters, line separators, and what turns the direction of text: none may reach a terminal or a log. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

/** Text from elsewhere in one line, made harmless. */
export function printable(text: string): string {
  const whole = text.replace(CONTROL, " ");
  return whole.length > TEXT_LENGTH_MAX ? `${whole.slice(0, TEXT_LENGTH_MAX)}…` : whole;
}
