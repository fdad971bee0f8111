import assert from "node:assert/strict";

/** What `promise` gives, or a failed assertion that names `what` where it takes longer than `waitMs`. */
export async function within<T>(promise: Promise<T>, waitMs: number, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    const error = new assert.AssertionError({ message: `no ${what} within ${waitMs} ms` });
    timer = setTimeout(() => reject(error), waitMs);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Values that come one by one, for somebody who waits for what they make true. */
export class Signal {
  readonly #waiters = new Set<() => void>();

  /** Something has changed. */
  notify(): void {
    for (const waiter of [...this.#waiters]) waiter();
  }

  /** Resolves as soon as `holds`, which is asked now and at each `notify`. */
  async until(holds: () => boolean, waitMs: number, what: string): Promise<void> {
    let look = () => {};
    const met = new Promise<void>((resolve) => {
      look = () => {
        if (holds()) resolve();
      };
    });
    this.#waiters.add(look);
    look();
    try {
      await within(met, waitMs, what);
    } finally {
      this.#waiters.delete(look);
    }
  }
}
