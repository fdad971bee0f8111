import {
  type EntrySettings,
  type LoadDistributionStrategy,
  OptionError,
  type Path,
  refuseUnknownOptions,
  type TeamContext,
  type Transfer,
  type VmId,
} from "@fairlead/core";
import { Homes } from "./homes.js";

/** Of a VM that nothing is known of, as in EntrySettings. */
const DEFAULT_SHARES = 1000;
/** A team takes the place of a VM, and memory goes by the largest number. */
const ORDINAL_MAX = 16_777_215;

export interface PinnedVms {
  /** VMs with this priority or a lower one are pinned. 0 to 10, whole. [0105] */
  priorityMax: number;
  /**
   * The paths that they keep to, each by its id or by the beginning of its id up to a colon: `vmhba1` are all paths of
   * that HBA. What matches no path counts as a path that is not available.
   */
  paths: readonly string[];
}

export interface VmAffinityOptions {
  /** What has a home: each `vm`, or the `team` as a whole, so that LUNs are staggered over HBAs [0049]. @default "vm" */
  by?: "vm" | "team";
  /** What is spread evenly over the paths: the number of `vms`, or the sum of their `shares` 001.c25. @default "vms" */
  spread?: "vms" | "shares";
  /** VMs of low priority that keep to given paths, and use others only while none of these is available. [0115] @default none */
  pinned?: PinnedVms;
  /** Of VMs that are not pinned: each has a home, or uses the path with the least bytes pending [0115]. @default "affinity" */
  others?: "affinity" | "least-pending";
}

/**
 * Each VM has a path of its own, its home, and uses no other while that is available. [0079] 001.c8 003.c8
 * `context` is needed for `by: "team"`, whose home follows from the team's ordinal, a whole number from 0 on.
 * Throws OptionError where an option is out of its range or contradicts another; `OPTION_UNKNOWN`.
 */
export function vmAffinity(options: VmAffinityOptions = {}, context?: TeamContext): LoadDistributionStrategy {
  checkOptions(options, context);
  const { by = "vm", spread = "vms", pinned, others = "affinity" } = options;
  const byShares = spread === "shares";
  const pinnedPriorityMax = pinned?.priorityMax ?? -1;
  const pinnedPaths = pinned?.paths ?? [];
  const homes = new Homes(
    (id) => pinnedPaths.some((path) => id === path || id.startsWith(`${path}:`)),
    byShares ? DEFAULT_SHARES : 1,
  );
  const leastPending = others === "least-pending" ? leastPendingSelect() : undefined;
  // The team as a whole is one VM, whose number is the team's.
  const teamVm = by === "team" && context !== undefined ? context.ordinal : -1;

  function select(paths: readonly Path[], transfer: Transfer): number {
    const low = transfer.priority <= pinnedPriorityMax;
    if (leastPending !== undefined && !low) return leastPending(paths);
    return homes.find(paths, teamVm === -1 ? transfer.vm : teamVm, low);
  }

  function pathsChanged(paths: readonly Path[]): void {
    homes.pathsChanged(paths);
  }

  function vmChanged(vm: VmId, settings: EntrySettings | undefined): void {
    if (teamVm !== -1) return;
    if (settings === undefined) {
      homes.remove(vm);
      return;
    }
    const { shares, priority } = settings;
    // 0 shares count as 1: VMs without shares are spread as well.
    if (byShares && shares !== undefined) homes.setWeight(vm, Math.max(1, Math.round(shares)));
    if (leastPending !== undefined && priority !== undefined && priority > pinnedPriorityMax)
      homes.release(vm);
  }

  return { name: "vm-affinity", select, pathsChanged, vmChanged };
}

function checkOptions(options: VmAffinityOptions, context: TeamContext | undefined): void {
  refuseUnknownOptions(options, ["by", "spread", "pinned", "others"]);
  const { by = "vm", spread, pinned, others } = options;
  if (by !== "vm" && by !== "team") throw new OptionError("by", '"vm" or "team"', by);
  if (spread !== undefined && spread !== "vms" && spread !== "shares") {
    throw new OptionError("spread", '"vms" or "shares"', spread);
  }
  if (others !== undefined && others !== "affinity" && others !== "least-pending") {
    throw new OptionError("others", '"affinity" or "least-pending"', others);
  }
  if (pinned !== undefined) checkPinned(pinned);
  else if (others !== undefined) throw new OptionError("others", "left out unless pinned is given", others);
  if (by === "vm") return;
  if (spread !== undefined || pinned !== undefined) {
    throw new OptionError("by", '"vm" where spread or pinned is given', by);
  }
  if (context === undefined) throw new OptionError("by", '"vm" where no team is given', by);
  checkContext(context);
}

function checkContext(context: TeamContext): void {
  if (typeof context !== "object" || context === null) {
    throw new OptionError("context", "an object with team and ordinal", context);
  }
  const { ordinal } = context;
  if (!(Number.isInteger(ordinal) && ordinal >= 0 && ordinal <= ORDINAL_MAX)) {
    throw new OptionError("context.ordinal", `a whole number from 0 to ${ORDINAL_MAX}`, ordinal);
  }
}

function checkPinned(pinned: PinnedVms): void {
  refuseUnknownOptions(pinned, ["priorityMax", "paths"], "pinned");
  const { priorityMax, paths } = pinned;
  if (!(Number.isInteger(priorityMax) && priorityMax >= 0 && priorityMax <= 10)) {
    throw new OptionError("pinned.priorityMax", "a whole number from 0 to 10", priorityMax);
  }
  if (!Array.isArray(paths) || paths.length === 0) {
    throw new OptionError("pinned.paths", "an array of one or more ids of paths", paths);
  }
  for (const path of paths) {
    if (typeof path !== "string" || path === "") throw new OptionError("pinned.paths", "ids of paths", path);
  }
}

/** The path with the least bytes pending; equal ones take turns. */
function leastPendingSelect(): (paths: readonly Path[]) => number {
  let start = 0;
  return (paths) => {
    const count = paths.length;
    let best = -1;
    let bestBytes = Infinity;
    let index = start < count ? start : 0;
    for (let left = count; left > 0; left--) {
      const { pendingBytes } = paths[index]!;
      if (pendingBytes < bestBytes) {
        best = index;
        bestBytes = pendingBytes;
      }
      index = index + 1 < count ? index + 1 : 0;
    }
    start = best + 1;
    return best;
  };
}
