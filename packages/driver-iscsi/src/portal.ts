import { OptionError } from "@fairlead/core";

/** TCP address of a target's network portal. */
export interface Portal {
  readonly host: string;
  readonly port: number;
  /** `192.0.2.10:3260`, `[2001:db8::1]:3260`: one spelling for one portal. */
  readonly name: string;
}

const DEFAULT_PORT = 3260;
const FORM = /^(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9._-]+))(?::([0-9]{1,5}))?$/;

/** Undefined where the text is not `host`, `host:port` or `[v6]:port`. */
export function parsePortal(text: string): Portal | undefined {
  const match = FORM.exec(text);
  if (match === null) return undefined;
  const v6 = match[1];
  const host = v6 ?? match[2] ?? "";
  const port = match[3] === undefined ? DEFAULT_PORT : Number(match[3]);
  if (port < 1 || port > 65535) return undefined;
  return { host, port, name: `${v6 === undefined ? host : `[${v6}]`}:${port}` };
}

/** @throws OptionError */
export function portalOption(option: string, text: string): Portal {
  const portal = parsePortal(text);
  if (portal === undefined) throw new OptionError(option, "host:port or [address]:port", text);
  return portal;
}
