import { FairleadError, type Rate } from "@fairlead/core";
import type { Target } from "@fairlead/iscsi-target";

export const SAN_ACTIONS = ["close", "stall", "resume", "refuse", "accept"] as const;
export type SanAction = (typeof SAN_ACTIONS)[number];

export interface SanPortal {
  readonly address: string;
  /** `SP-A`: the storage processor that it belongs to. */
  readonly processor: string;
  readonly sessions: number;
}

/** The embedded SAN of the demo, to be broken on command. */
export interface San {
  portals(): SanPortal[];
  /** Errors: `TARGET_PORTAL_UNKNOWN`. */
  act(portal: string, action: SanAction): Promise<void>;
  /** How fast each LUN works from now on; undefined: at once. */
  limit(rate: Rate | undefined): void;
}

export function sanOf(target: Target, portals: readonly { address: string; groupTag: number }[]): San {
  return {
    portals: () =>
      portals.map(({ address, groupTag }) => ({
        address,
        processor: processorName(groupTag),
        sessions: target.sessions().filter(({ portal }) => portal === address).length,
      })),
    async act(address, action) {
      if (!portals.some((portal) => portal.address === address)) {
        const known = portals.map((portal) => portal.address).join(", ");
        throw new FairleadError("SAN_PORTAL_UNKNOWN", `the SAN has no portal ${address}; it has ${known}`);
      }
      await target.portal(address)[action]();
    },
    limit: (rate) => target.setService(rate ?? {}),
  };
}

/** Portal group 1 is SP-A. */
function processorName(groupTag: number): string {
  return `SP-${String.fromCharCode("A".charCodeAt(0) + groupTag - 1)}`;
}
