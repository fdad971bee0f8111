import type { LoadDistributionStrategy, Outcome, Path } from "@fairlead/core";
import { beside } from "./broken-strategies.js";

interface Broken {
  readonly law: RegExp;
  readonly create: () => LoadDistributionStrategy;
}

/** The path with the least pending of those that `allowed` lets through, or of all where it lets none through. */
function least(
  paths: readonly Path[],
  allowed: (path: Path) => boolean,
  weight = (_path: Path) => 1,
): number {
  let best = -1;
  let leastBytes = Infinity;
  const some = paths.some(allowed);
  for (const [index, path] of paths.entries()) {
    const bytes = path.pendingBytes * weight(path);
    if ((some && !allowed(path)) || !(best === -1 || bytes < leastBytes)) continue;
    best = index;
    leastBytes = bytes;
  }
  return best;
}

function neverAgainAfter(failure: Outcome): Broken {
  return {
    law: /a command failed as before/,
    create: () => {
      const bad = new Set<string>();
      return {
        name: "broken",
        select: (paths) => least(paths, ({ id }) => !bad.has(id)),
        completed: (path, _transfer, _elapsedMs, outcome) => {
          if (outcome === failure) bad.add(path.id);
        },
      };
    },
  };
}

/** What goes wrong only after something has happened, or with large numbers. */
export const BROKEN_IN_TIME: Record<string, Broken> = {
  "time in 32 bits": {
    law: /however long the host has been up/,
    create: () => {
      let lastMs = 0;
      return {
        name: "broken",
        select: (paths, { sentAtMs }) => {
          if ((sentAtMs | 0) < lastMs) return -1;
          lastMs = sentAtMs | 0;
          return least(paths, () => true);
        },
      };
    },
  },
  "throws after 25 days": {
    law: /however long the host has been up/,
    create: () =>
      beside({}, ({ sentAtMs }) => {
        if (sentAtMs > 2 ** 31 - 1) throw new RangeError(`no time: ${sentAtMs}`);
      }),
  },
  "forgets how to choose in the 32nd year": {
    law: /however long the host has been up/,
    create: () => ({
      name: "broken",
      select: (paths, { sentAtMs }) =>
        sentAtMs >= 1e12 ? Math.min(0, paths.length - 1) : least(paths, () => true),
    }),
  },
  "a million VMs": {
    law: /ids of VMs up to/,
    create: () =>
      beside({}, ({ vm }) => {
        if (vm > 1_000_000) throw new RangeError(`no VM: ${vm}`);
      }),
  },
  "a million VMs with shares": {
    law: /ids of VMs up to/,
    create: () =>
      beside({
        vmChanged: (vm) => {
          if (vm > 1_000_000) throw new RangeError(`no VM: ${vm}`);
        },
      }),
  },
  "eight bytes for each id": {
    law: /ids of VMs up to/,
    create: () => {
      let since = new Float64Array(64);
      return beside({}, ({ vm, sentAtMs }) => {
        if (vm >= since.length) since = new Float64Array(vm + 1);
        since[vm] = sentAtMs;
      });
    },
  },
  "counts up to the id": {
    law: /ids of VMs up to/,
    create: () => {
      const marks = new Uint8Array(2 ** 24);
      let count = 0;
      return beside({}, ({ vm }) => {
        marks[vm] = 1;
        for (let each = 0; each < vm; each++) count += marks[each] ?? 0;
        if (count < 0) throw new Error("count");
      });
    },
  },
  "64 paths at most": {
    law: /no path has anything pending/,
    create: () => ({
      name: "broken",
      select: (paths) => (paths.length > 64 ? -1 : least(paths, () => true)),
    }),
  },
  "not while others are there over a path that was away": {
    law: /has been away as before/,
    create: () => {
      const known = new Set<string>();
      const gone = new Set<string>();
      return {
        name: "broken",
        pathsChanged: (paths) => {
          for (const id of known) if (!paths.some((path) => path.id === id)) gone.add(id);
          for (const { id } of paths) known.add(id);
        },
        select: (paths) => least(paths, ({ id }) => !gone.has(id)),
      };
    },
  },
  "never again after a busy": neverAgainAfter("busy"),
  "never again after a medium error": neverAgainAfter("medium-error"),
  "never again after a cancelled command": neverAgainAfter("cancelled"),
  "a mean of all that it is told": {
    law: /elapsed times that can't be/,
    create: () => {
      const meanMs = new Map<string, number>();
      return {
        name: "broken",
        completed: (path, _transfer, elapsedMs) => {
          meanMs.set(path.id, 0.9 * (meanMs.get(path.id) ?? 5) + 0.1 * elapsedMs);
        },
        select: (paths) => {
          let best = paths.length - 1;
          let bestMs = Infinity;
          for (const [index, { id, pendingCommands }] of paths.entries()) {
            const ms = (1 + pendingCommands) * (meanMs.get(id) ?? 5);
            if (ms < bestMs) {
              best = index;
              bestMs = ms;
            }
          }
          return best;
        },
      };
    },
  },
  "a record of the longest time": {
    law: /elapsed times that can't be/,
    create: () => {
      let longestMs = 10;
      const slow = new Set<string>();
      return {
        name: "broken",
        completed: (path, _transfer, elapsedMs) => {
          if (elapsedMs > 1e5 * longestMs) slow.add(path.id);
          longestMs = Math.max(longestMs, Math.min(elapsedMs, 1e6));
        },
        select: (paths) => least(paths, ({ id }) => !slow.has(id)),
      };
    },
  },
  "throws for a negative time": {
    law: /elapsed times that can't be/,
    create: () =>
      beside({
        completed: (_path, _transfer, elapsedMs) => {
          if (elapsedMs < 0) throw new RangeError(`no time: ${elapsedMs}`);
        },
      }),
  },
  "one command at a time": {
    law: /although others have a little pending/,
    create: () => ({
      name: "broken",
      select: (paths) => (paths.some((path) => path.pendingCommands > 0) ? -1 : paths.length - 1),
    }),
  },
  "waits where the path of its choice has something": {
    law: /although others have a little pending/,
    create: () => ({
      name: "broken",
      select: (paths, { vm }) => {
        const index = paths.length === 0 ? -1 : vm % paths.length;
        return (paths[index]?.pendingBytes ?? 0) > 0 ? -1 : index;
      },
    }),
  },
};
