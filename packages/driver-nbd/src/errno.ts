import type { Outcome } from "@fairlead/core";
import { EINVAL, EIO, ENOSPC, EPERM, ESHUTDOWN } from "./protocol.js";

const ERRNO: Readonly<Record<Outcome, number>> = {
  good: 0,
  busy: EIO,
  "not-sent": EIO,
  "in-doubt": EIO,
  "medium-error": EIO,
  "target-error": EIO,
  "no-space": ENOSPC,
  "write-protected": EPERM,
  invalid: EINVAL,
  conflict: EIO,
  "no-path": EIO,
  // Seen by a client only where the server stops: a client that went away gets no reply at all.
  cancelled: ESHUTDOWN,
};

/** What the guest is told. ENOSPC pauses a QEMU guest, so nothing but a full medium becomes ENOSPC. */
export function errnoOf(outcome: Outcome): number {
  return ERRNO[outcome];
}
