import { leastPending } from "@fairlead/strategy-least-pending";

/** Fetches over whichever upstream has the fewest requests pending. */
export function createPool(urls: readonly string[]) {
  const strategy = leastPending({ by: "commands" });
  const counters = {
    pendingBytes: 0,
    pendingCommands: 0,
    completedBytes: 0,
    completedCommands: 0,
    busyMs: 0,
  };
  const upstreams = urls.map((id) => ({ id, state: "active" as const, share: 1, ...counters }));
  const request = { vm: 0, priority: 5, lengthBytes: 0, sentAtMs: 0 };

  async function fetchText(path: string): Promise<string> {
    const upstream = upstreams[strategy.select(upstreams, request)];
    if (upstream === undefined) throw new Error("there is no upstream");
    upstream.pendingCommands++;
    try {
      return await (await fetch(new URL(path, upstream.id))).text();
    } finally {
      upstream.pendingCommands--;
      upstream.completedCommands++;
    }
  }

  return { fetchText, upstreams };
}
