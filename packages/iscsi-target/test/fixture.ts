import type { Clock } from "@fairlead/core";
import { onTestFinished } from "vitest";
import { createTarget, memoryStore, type Store, type Target, type TargetOptions } from "../src/index.js";

export const realClock: Clock = {
  now: () => performance.now(),
  schedule(callback, delayMs) {
    const timer = setTimeout(callback, delayMs);
    return { cancel: () => clearTimeout(timer) };
  },
};

export interface Fixture {
  readonly target: Target;
  /** Two of group 1, one of group 2. */
  readonly portals: readonly [string, string, string];
  readonly store: Store;
}

/** A target with LUN 1 of 16 MiB, stopped at the end of the test. */
export async function startTarget(options: Partial<TargetOptions> = {}): Promise<Fixture> {
  const store = memoryStore({ sizeBytes: 16 << 20 });
  const target = createTarget({
    clock: realClock,
    portalGroups: [
      { tag: 1, portals: ["127.0.0.1:0", "127.0.0.1:0"] },
      { tag: 2, portals: ["127.0.0.1:0"] },
    ],
    luns: [{ number: 1, store }],
    ...options,
  });
  const { portals } = await target.start();
  onTestFinished(() => target.stop());
  const [a = "", b = "", c = ""] = portals.map((portal) => portal.address);
  return { target, portals: [a, b, c], store };
}

/** What the store holds. The store is synchronous. */
export function peek(store: Store, offsetBytes: number, lengthBytes: number): Buffer {
  const bytes = Buffer.alloc(lengthBytes);
  store.read(offsetBytes, bytes, 0, lengthBytes, () => {});
  return bytes;
}
