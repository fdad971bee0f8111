import type { EntrySettings } from "@fairlead/core";

/** Shares in words, twice as many from each to the next. */
export const SHARES = { low: 500, normal: 1000, high: 2000 } as const;

/** What a profile says: all of these, so that one profile replaces another whole. Guarantee and limit stay as they are. */
type Profile = Readonly<Required<Pick<EntrySettings, "shares" | "priority" | "quantum" | "latencyCritical">>>;

/** Levels of service in words, for `setEntry`. */
export const PROFILES = {
  /** Databases, desktops: each request is waited for. */
  "latency-critical": {
    // Its turn comes twice as often as that of a balanced VM.
    shares: SHARES.high,
    // In a shortage the others are deferred; 9 and 10 are left to what must come even before it. [0109]
    priority: 8,
    // A command of its own seldom follows the one before; the policy's quantum costs the others nothing.
    quantum: null,
    // The others keep few commands outstanding, since a queue at the target is one that no policy can order.
    latencyCritical: true,
  },
  /** What a VM has of which nothing was said. */
  balanced: { shares: SHARES.normal, priority: 5, quantum: null, latencyCritical: false },
  /** Analysis, media, builds: much in one piece. */
  throughput: {
    // What it gets in the long run is a balanced VM's due: only the pieces are larger.
    shares: SHARES.normal,
    priority: 5,
    // As many sequential commands in a row as hosts commonly let one VM have outstanding: the medium seeks less.
    quantum: 32,
    latencyCritical: false,
  },
  /** Backup, scans, copies: may take long. */
  backup: {
    // A quarter of what a latency-critical VM gets; all that is idle is its own.
    shares: SHARES.low,
    // Deferred first in a shortage; 0 is left to what may come even after it.
    priority: 1,
    // Its commands are sequential nearly always: each turn of 8 would be 8 commands that the others wait for.
    quantum: 2,
    latencyCritical: false,
  },
} as const satisfies Readonly<Record<string, Profile>>;

/** `latency-critical`, `balanced`, `throughput` or `backup`. */
export type ProfileName = keyof typeof PROFILES;
