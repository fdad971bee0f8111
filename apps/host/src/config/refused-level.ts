import type { EntrySettings, OptionError, Rate } from "@fairlead/core";
import { show } from "./describe.js";
import { formatRate } from "./units.js";

/** `guarantee is 5GiB/s, expected at most the limit of 200MiB/s`: a policy's refusal in the words of the config. */
export function refusedText(error: OptionError, settings: EntrySettings): string {
  const value = valueText(error, settings);
  return `${error.option} is ${value}, expected ${expectedText(error, settings)}`;
}

/** What the policy expected, with rates and defaults as the config says them. */
export function expectedText({ option, expected }: OptionError, { limit }: EntrySettings): string {
  const words = expected.replace(/^null\b/, option === "quantum" ? "default" : "none");
  return limit ? words.replace(`${perSecond(limit)} per second`, formatRate(limit)) : words;
}

function valueText({ option, received }: OptionError, settings: EntrySettings): string {
  if (option === "guarantee" || option === "limit") return formatRate(settings[option] ?? null);
  return received === null ? "default" : show(received);
}

/** Bytes or commands. */
function perSecond(rate: Rate): number {
  return "bytesPerSecond" in rate ? rate.bytesPerSecond : rate.commandsPerSecond;
}
