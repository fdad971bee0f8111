import assert from "node:assert/strict";
import type { DiscoveredPath, Hba, LunRange } from "@fairlead/core";
import type { PathClient } from "./path-client.js";

/** What a driver's author sets up for each law. Whatever is on the LUNs is overwritten. */
export interface HbaFixture {
  readonly hba: Hba;
  /** LUN numbers to scan; at least one path leads to a writable LUN. */
  readonly range: LunRange;
  /** Gives back what the fixture made; the suite has closed the HBA. */
  cleanup(): Promise<void> | void;
  /** Makes this path fail from now on. */
  breakPath?(pathId: string): Promise<void> | void;
  /** Ends what `breakPath` did. */
  restorePath?(pathId: string): Promise<void> | void;
}

/** One law's HBA, in use. */
export interface HbaBench {
  readonly fixture: HbaFixture;
  readonly paths: readonly DiscoveredPath[];
  /** A path to a writable LUN, and its listener. */
  readonly path: DiscoveredPath;
  readonly client: PathClient;
}

export type HbaLaw = (name: string, body: (bench: HbaBench) => Promise<void>) => void;

export function assertBytes(actual: Uint8Array, expected: Uint8Array, offsetBytes: number): void {
  const at = expected.findIndex((byte, index) => byte !== actual[index]);
  assert.ok(at === -1, `byte ${offsetBytes + at} reads ${actual[at]}, but ${expected[at]} was written`);
}
