import type { Request } from "@fairlead/core";
import { MemoryDisk } from "./memory-disk.js";

/** Keeps what is submitted until the test lets it run, as a disk does whose paths are silent. */
export class HeldDisk extends MemoryDisk {
  /** Nothing has left for a path yet: a client that goes away takes its requests along. */
  cancellable = false;
  holding = true;
  submitted = 0;
  readonly held: Request[] = [];

  override submit(request: Request): void {
    this.submitted++;
    if (this.holding) this.held.push(request);
    else super.submit(request);
  }

  override cancel(request: Request): void {
    super.cancel(request);
    const index = this.held.indexOf(request);
    if (!this.cancellable || index === -1) return;
    this.held.splice(index, 1);
    request.complete(request, "cancelled");
  }

  /** Runs the oldest of what is held. */
  release(count = this.held.length): void {
    for (const request of this.held.splice(0, count)) super.submit(request);
  }

  /** Runs everything, and what comes from now on at once. */
  open(): void {
    this.holding = false;
    while (this.held.length > 0) this.release();
  }
}

/** Answers in a later turn of the event loop, newest first. */
export class LateDisk extends MemoryDisk {
  readonly #waiting: Request[] = [];

  override submit(request: Request): void {
    if (this.#waiting.push(request) === 1) setImmediate(() => this.#answer());
  }

  #answer(): void {
    for (const request of this.#waiting.splice(0).toReversed()) super.submit(request);
  }
}
