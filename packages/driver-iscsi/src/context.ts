import type { EventSink } from "@fairlead/core";
import type { Shared } from "./connection.js";
import type { Groups } from "./groups.js";
import type { Listings } from "./listings.js";
import type { Resets } from "./resets.js";

/** What one driver shares among its HBAs and sessions. */
export interface Context extends Shared {
  readonly initiatorName: string;
  readonly onEvent: EventSink;
  readonly random: () => number;
  /** What all sockets read into. */
  readonly scratch: Uint8Array;
  /** CHAP challenges of logins under way, in hex. */
  readonly challenges: Set<string>;
  /** ISIDs in use, in hex. */
  readonly isids: Set<string>;
  readonly groups: Groups;
  readonly listings: Listings;
  readonly resets: Resets;
}
