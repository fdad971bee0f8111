/** An absolute bandwidth; greater than 0. */
export type Rate = { readonly bytesPerSecond: number } | { readonly commandsPerSecond: number };

/** Level of service of one VM on one LUN. What is left out keeps its value, or takes the default. */
export interface EntrySettings {
  /** 0 or more; the entitlement is shares ÷ shares of the VMs that are active. 0: served only while nobody else waits. [0086] @default 1000 */
  shares?: number;
  /** 0 to 10, whole; matters where bandwidth is short. [0105] [0109] [0111] @default 5 */
  priority?: number;
  /** Least bandwidth, met before shares; null: none. [0106] @default null */
  guarantee?: Rate | null;
  /** Most bandwidth; null: none. 001.c2–c3 @default null */
  limit?: Rate | null;
  /** Sequential commands in a row; null: as many as the policy's own quantum. [0090] @default null */
  quantum?: number | null;
  /** While it is active the others keep fewer commands outstanding, so that its own find short queues. @default false */
  latencyCritical?: boolean;
}
