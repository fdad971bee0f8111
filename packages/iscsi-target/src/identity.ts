import { createHash } from "node:crypto";
import { OptionError } from "@fairlead/core";
import type { Identity, LunOptions } from "./logical-unit.js";

/** What a LUN is called; without names of its own they follow from the target's name, so that they last. */
export function identify(targetName: string, options: LunOptions): Identity {
  const digest = createHash("sha256").update(`${targetName} ${options.number}`).digest("hex");
  const { vendor = "FAIRLEAD", product = "SAN", serial = digest.slice(0, 16) } = options;
  // NAA 6, then a company id that nobody has, then what is ours.
  const naa = (options.naa ?? `6fa1a1ad${digest.slice(0, 24)}`).toLowerCase();
  if (!/^(?:5[0-9a-f]{15}|6[0-9a-f]{31})$/.test(naa))
    throw new OptionError("luns.naa", "16 hexadecimal digits from 5 on or 32 from 6 on", naa);
  checkText("luns.vendor", vendor, 8);
  checkText("luns.product", product, 16);
  checkText("luns.serial", serial, 36);
  return { naa, serial, vendor, product };
}

function checkText(option: string, text: string, lengthMax: number): void {
  if (!/^[\x20-\x7e]+$/.test(text) || text.length > lengthMax)
    throw new OptionError(option, `1 to ${lengthMax} printable characters`, text);
}
