import { Command, type LoadDistributionStrategy, type Path, type Transfer } from "@fairlead/core";

/** Rotates; each broken strategy differs from it in one respect. */
export function sound(): LoadDistributionStrategy {
  let last = -1;
  return {
    name: "sound",
    select(paths) {
      if (paths.length === 0) return -1;
      last = (last + 1) % paths.length;
      return last;
    },
  };
}

let shared = 0;

/** `sound`, with something done beside each placement. */
export function beside(
  extra: Partial<LoadDistributionStrategy>,
  look = (_transfer: Transfer, _count: number) => {},
) {
  const strategy = sound();
  return {
    ...extra,
    name: "broken",
    select(paths: readonly Path[], transfer: Transfer) {
      look(transfer, paths.length);
      return strategy.select(paths, transfer);
    },
  };
}

export const BROKEN: Record<string, { law: RegExp; create: () => LoadDistributionStrategy }> = {
  "without a name": { law: /name/, create: () => ({ ...sound(), name: "" }) },
  "one too far": {
    law: /index into the paths/,
    create: () => ({ name: "broken", select: (paths) => paths.length }),
  },
  "NaN for no path": {
    law: /-1 where there is no path/,
    create: () => ({ name: "broken", select: (paths, command) => command.vm % paths.length }),
  },
  "first path even of none": {
    law: /-1 where there is no path/,
    create: () => ({ name: "broken", select: () => 0 }),
  },
  "never the last one left": {
    law: /while no path has anything pending/,
    create: () => ({ name: "broken", select: (paths) => (paths.length < 2 ? -1 : 0) }),
  },
  "needs a VM": {
    law: /without VM information/,
    create: () => ({
      name: "broken",
      select: (paths, command) => (command.vm === 0 ? -1 : paths.length - 1),
    }),
  },
  "sorts in place": {
    law: /changes none/,
    create: () => ({
      name: "broken",
      select: (paths) => {
        (paths as Path[]).sort((left, right) => left.pendingBytes - right.pendingBytes);
        return paths.length === 0 ? -1 : 0;
      },
    }),
  },
  "marks commands": {
    law: /changes none/,
    create: () => ({
      name: "broken",
      select: (paths, command) => {
        (command as { sentAtMs: number }).sentAtMs++;
        return paths.length === 0 ? -1 : 0;
      },
    }),
  },
  "keeps the array": {
    law: /does not keep/,
    create: () => {
      let kept: readonly Path[] = [];
      return {
        name: "broken",
        select(paths) {
          const known = kept.length;
          kept = paths;
          return paths.length === 0 ? -1 : known % paths.length;
        },
      };
    },
  },
  "trusts its memory": {
    law: /told or not/,
    create: () => {
      let last = -1;
      let count = 0;
      return {
        name: "broken",
        pathsChanged(paths) {
          count = paths.length;
        },
        select() {
          if (count === 0) return -1;
          last = (last + 1) % count;
          return last;
        },
      };
    },
  },
  "no standby": {
    law: /all standby or marginal/,
    create: () => ({
      name: "broken",
      select: (paths) => paths.findIndex(({ state }) => state !== "standby"),
    }),
  },
  "no marginal": {
    law: /all standby or marginal/,
    create: () => ({
      name: "broken",
      select: (paths) => paths.findIndex(({ state }) => state !== "marginal"),
    }),
  },
  "only commands": {
    law: /frames as it serves commands/,
    create: () =>
      beside({}, (transfer) => {
        if (!(transfer instanceof Command)) throw new Error("not a command");
      }),
  },
  "flushes go to the last": {
    law: /frames as it serves commands/,
    create: () => ({
      name: "broken",
      select: (paths, transfer) => ("op" in transfer ? paths.length - 1 : Math.min(0, paths.length - 1)),
    }),
  },
  "marks settings": {
    law: /changes none/,
    create: () =>
      beside({
        vmChanged: (_vm, settings) => {
          if (settings !== undefined) (settings as { shares?: number }).shares ??= 1000;
          if (settings !== undefined) (settings as { priority?: number }).priority = 5;
        },
      }),
  },
  "knows only the VMs that it was told of": {
    law: /levels of service of VMs that it never saw/,
    create: () => {
      const settings = new Set<number>();
      return beside({
        vmChanged(vm, changed) {
          if (changed !== undefined) settings.add(vm);
          else if (!settings.delete(vm)) throw new Error(`unknown VM ${vm}`);
        },
      });
    },
  },
  "needs paths before VMs": {
    law: /levels of service of VMs that it never saw/,
    create: () => {
      let first: Path | undefined;
      return beside({
        pathsChanged: (paths) => {
          first = paths[0];
        },
        vmChanged: () => {
          if (first === undefined) throw new Error("no path");
        },
      });
    },
  },
  "waits until its own time is reached again": {
    law: /stands still, steps back/,
    create: () => {
      let lastMs = 0;
      const strategy = sound();
      return {
        name: "broken",
        select(paths, transfer) {
          if (transfer.sentAtMs < lastMs) return -1;
          lastMs = transfer.sentAtMs;
          return strategy.select(paths, transfer);
        },
      };
    },
  },
  "divides by the time that passed": {
    law: /stands still, steps back/,
    create: () => {
      let lastMs = 0;
      return {
        name: "broken",
        select(paths, transfer) {
          const speed = Math.floor(transfer.lengthBytes / Math.abs(transfer.sentAtMs - lastMs));
          lastMs = transfer.sentAtMs;
          return paths.length === 0 ? -1 : speed % paths.length;
        },
      };
    },
  },
  "never again over a path that failed": {
    law: /has been away, or/,
    create: () => {
      const bad = new Set<string>();
      return {
        name: "broken",
        select: (paths) => paths.findIndex(({ id }) => !bad.has(id)),
        completed(path, _transfer, _elapsedMs, outcome) {
          if (outcome === "in-doubt") bad.add(path.id);
        },
      };
    },
  },
  "knows a path by its object": {
    law: /has been away, or/,
    create: () => {
      const first = new Map<string, Path>();
      return {
        name: "broken",
        select: (paths) => paths.findIndex((path) => (first.get(path.id) ?? path) === path),
        pathsChanged(paths) {
          for (const path of paths) if (!first.has(path.id)) first.set(path.id, path);
        },
      };
    },
  },
  "remembers every VM": {
    law: /forgets the VMs/,
    create: () => {
      const shares = new Map<number, number | undefined>();
      return beside({
        vmChanged: (vm, settings) => {
          shares.set(vm, settings?.shares);
        },
      });
    },
  },
  "keeps the homes of VMs that were removed": {
    law: /forgets the VMs/,
    create: () => {
      const homes = new Map<number, number>();
      return beside({}, ({ vm }, count) => {
        homes.set(vm, vm % count);
      });
    },
  },
  "remembers every path": {
    law: /forgets the paths/,
    create: () => {
      const speeds = new Map<string, number>();
      return beside({
        completed: (path, transfer, elapsedMs) => {
          speeds.set(path.id, transfer.lengthBytes / elapsedMs);
        },
      });
    },
  },
  "looks at the clock": {
    law: /no time but sentAtMs/,
    create: () => {
      let lastMs = 0;
      return beside({}, () => {
        lastMs = Math.max(lastMs, Date.now());
      });
    },
  },
  "draws lots": {
    law: /no random number/,
    create: () => ({
      name: "broken",
      select: (paths) => (paths.length === 0 ? -1 : Math.floor(Math.random() * paths.length)),
    }),
  },
  "counts only its own": {
    law: /completions of commands and paths that it never saw/,
    create: () => {
      const pending = new Map<string, number>();
      return {
        name: "broken",
        pathsChanged: (paths) => {
          for (const path of paths) pending.set(path.id, 0);
        },
        select: (paths) => (paths.length === 0 ? -1 : 0),
        completed(path) {
          if (!pending.has(path.id)) throw new Error(`unknown path ${path.id}`);
        },
      };
    },
  },
  "answers later": {
    law: /not with a promise/,
    // What an author without types can write.
    create: () => ({ name: "broken", select: (() => Promise.resolve(0)) as never }),
  },
  "module-level state": {
    law: /same answers/,
    create: () => ({
      name: "broken",
      select: (paths) => (paths.length === 0 ? -1 : shared++ % paths.length),
    }),
  },
  "an object for each command": {
    law: /allocates nothing/,
    create: () => {
      const strategy = sound();
      const log: { at: number }[] = new Array(8);
      let count = 0;
      return {
        name: "broken",
        select(paths, command) {
          log[count++ & 7] = { at: count };
          return strategy.select(paths, command);
        },
      };
    },
  },
};
