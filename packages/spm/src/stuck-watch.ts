/** How long a policy may give nothing although nothing stands in its way. ms */
export const STUCK_MS = 5000;
/** Until a policy is asked again that named a time gone by. ms */
const SOON_MS = 10;

/**
 * Finds a policy that gives nothing for ever. To be asked only while something is queued and nothing is outstanding: then
 * no completion would help, and all that a policy may wait for is a time that it has named, which has to come.
 */
export class StuckWatch {
  /** Since when it has given nothing at or after a time that it named, or has named none. */
  #sinceMs: number | undefined;
  /** The time that it named last. */
  #promisedMs = Number.POSITIVE_INFINITY;

  /** It gave a command, or has a completion to wait for. */
  reset(): void {
    this.#sinceMs = undefined;
    this.#promisedMs = Number.POSITIVE_INFINITY;
  }

  /** It gave nothing. True where that has lasted too long. */
  stuck(nowMs: number): boolean {
    if (nowMs < this.#promisedMs) return false;
    this.#sinceMs ??= nowMs;
    return nowMs - this.#sinceMs >= STUCK_MS;
  }

  /** When to ask it again, where it says `namedMs`. */
  nextAt(namedMs: number, nowMs: number): number {
    if (namedMs > nowMs && namedMs < Number.POSITIVE_INFINITY) {
      this.#promisedMs = namedMs;
      return namedMs;
    }
    this.#sinceMs ??= nowMs;
    this.#promisedMs = nowMs;
    return namedMs > nowMs ? this.#sinceMs + STUCK_MS : soon(nowMs);
  }
}

export function soon(nowMs: number): number {
  return nowMs + SOON_MS;
}
