import { createManualClock, type ManualClock } from "@fairlead/compliance";
import {
  type DiscoveredPath,
  type Hba,
  type HostEvent,
  type LunDescription,
  type LunRange,
  type Op,
  type Outcome,
  Request,
  type ScanResult,
  type VirtualDisk,
} from "@fairlead/core";
import { diskScheduler } from "@fairlead/disk-scheduler";
import { roundRobin } from "@fairlead/strategy-round-robin";
import { ScriptedAdapter } from "@fairlead/testing";
import {
  createStoragePathManager,
  type StoragePathManagerOptions,
  type StoragePathManagerParts,
} from "../src/index.js";

export const MIB = 1024 * 1024;

export function lunOf(id: string, changes: Partial<LunDescription> = {}): LunDescription {
  return {
    id,
    ids: [id, `t10.${id}`],
    capacityBytes: 64 * MIB,
    blockSizeBytes: 512,
    maxTransferBytes: MIB,
    readOnly: false,
    writeCache: true,
    fua: true,
    vendor: "FAIRLEAD",
    product: "TEST",
    ...changes,
  };
}

/** An HBA whose scan finds what the test put there. */
class ScriptedHba implements Hba {
  found: DiscoveredPath[] = [];
  problems: ScanResult["problems"] = [];
  settled = true;
  readonly ranges: LunRange[] = [];
  readonly scansAtMs: number[] = [];
  closed = false;

  constructor(
    readonly name: string,
    private readonly clock: ManualClock,
  ) {}

  add(id: string, lun: LunDescription): ScriptedAdapter {
    const adapter = new ScriptedAdapter(id);
    this.found.push({ adapter, lun });
    return adapter;
  }

  async scan(range: LunRange): Promise<ScanResult> {
    this.ranges.push(range);
    this.scansAtMs.push(this.clock.now());
    return { paths: [...this.found], problems: this.problems, settled: this.settled };
  }

  async close(): Promise<void> {
    this.closed = true;
  }
}

export function house(options: StoragePathManagerOptions = {}, parts: Partial<StoragePathManagerParts> = {}) {
  const clock = createManualClock();
  const events: HostEvent[] = [];
  const served = new Map<string, VirtualDisk>();
  const hbas = [new ScriptedHba("vmhba0", clock), new ScriptedHba("vmhba1", clock)] as const;
  const manager = createStoragePathManager(
    {
      clock,
      hbas,
      createStrategies: () => [roundRobin()],
      createAdmissionPolicy: () => diskScheduler(),
      onEvent: (event) => events.push(event),
      onDiskReady: (disk) => served.set(disk.name, disk),
      onDiskGone: (name) => served.delete(name),
      ...parts,
    },
    { rescanMs: Number.POSITIVE_INFINITY, ...options },
  );
  const disk = (name: string): VirtualDisk => {
    const found = served.get(name);
    if (found === undefined) throw new Error(`${name} is not served`);
    return found;
  };
  const kinds = (): string[] => events.map(({ kind }) => kind);
  return { clock, events, kinds, served, disk, hbas, manager };
}

/** One request with its end. */
export function request(op: Op, offsetBytes = 0, lengthBytes = 0, fua = false) {
  const made = new Request();
  const outcomes: Outcome[] = [];
  made.op = op;
  made.offsetBytes = offsetBytes;
  made.lengthBytes = lengthBytes;
  made.fua = fua;
  made.data = new Uint8Array(Math.max(0, lengthBytes));
  made.complete = (_, outcome) => outcomes.push(outcome);
  return { made, outcomes };
}
