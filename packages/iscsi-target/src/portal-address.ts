import { FairleadError } from "@fairlead/core";

export interface PortalAddress {
  readonly host: string;
  readonly port: number;
}

/** `192.0.2.1:3260`, `[2001:db8::1]:3260`; port 0: any that is free. @throws FairleadError TARGET_PORTAL_INVALID */
export function parsePortal(text: string): PortalAddress {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9.-]+)):([0-9]{1,5})$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (host === undefined || port > 65535)
    throw new FairleadError(
      "TARGET_PORTAL_INVALID",
      `a portal must be address:port, but is ${JSON.stringify(text.slice(0, 80))}`,
    );
  return { host, port };
}

export function formatPortal(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
