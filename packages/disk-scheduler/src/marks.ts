// Bits of an entry's MARKS. The lowest six are its lane: entries that may or may not go together.

/** It has used more than its due while bandwidth is short. [0110] */
export const OVER = 1;
export const GUARANTEED = 2;
/** Its priority stands above this many bits, in four of them. */
export const PRIORITY_SHIFT = 2;
export const LANES = 64;
export const LANE = LANES - 1;

export const CRITICAL = 1 << 6;
export const LIMITED = 1 << 7;
export const LIMIT_IN_BYTES = 1 << 8;
export const GUARANTEE_IN_BYTES = 1 << 9;
export const OWN_QUANTUM = 1 << 10;
/** It waits in its lane. */
export const PLACED = 1 << 11;
/** It waits for its limit. */
export const PARKED = 1 << 12;
/** Something of it is queued or outstanding, or was a short time ago. */
export const ACTIVE = 1 << 13;
/** Nothing of it is queued or outstanding any more. */
export const RESTING = 1 << 14;
/** It is to be released as soon as nothing is queued. */
export const REMOVED = 1 << 15;

export const PRIORITY_MAX = 10;

export function priorityOf(marks: number): number {
  return (marks >> PRIORITY_SHIFT) & 15;
}
