import {
  type AdmissionPolicy,
  type Command,
  type EntryStatus,
  FairleadError,
  OptionError,
  type VmId,
} from "@fairlead/core";
import { Entry, Turns } from "./turns.js";

/** Has two options, and takes them as `take` does. */
abstract class Configured extends Turns {
  settings: Record<string, number> = { turnsPerVm: 1, burstMs: 50 };

  protected check(name: string, value: unknown): number {
    if (!(name in this.settings)) throw new FairleadError("OPTION_UNKNOWN", `there is no option ${name}`);
    if (typeof value !== "number" || !(value > 0)) throw new OptionError(name, "greater than 0", value);
    return value;
  }
}

/** Sound. */
export class WithSettings extends Configured {
  override configure(options: object): void {
    const changes = Object.entries(options).map(([name, value]) => [name, this.check(name, value)] as const);
    this.settings = { ...this.settings, ...Object.fromEntries(changes) };
  }
}

function tells(change: (status: EntryStatus) => Partial<EntryStatus>): new () => AdmissionPolicy {
  return class extends Turns {
    override entry(vm: VmId): EntryStatus | undefined {
      const status = super.entry(vm);
      return status && { ...status, ...change(status) };
    }
  };
}

function visitsIds(visit: (vm: VmId) => void): new () => AdmissionPolicy {
  return class extends Turns {
    override enqueue(command: Command, nowMs: number): void {
      visit(command.vm);
      super.enqueue(command, nowMs);
    }
  };
}

/** What goes wrong only with large numbers, under floods, or halfway; each with the law that it breaks. */
export const BROKEN_IN_LARGE: [name: string, law: RegExp, policy: new () => AdmissionPolicy][] = [
  [
    "takes the options before the one that it refuses",
    /is configured by/,
    class extends Configured {
      override configure(options: object): void {
        for (const [name, value] of Object.entries(options)) {
          this.settings = { ...this.settings, [name]: this.check(name, value) };
        }
      }
    },
  ],
  [
    "decides by the options before the one that it refuses",
    /is configured by/,
    class extends WithSettings {
      override configure(options: object): void {
        for (const name of Object.keys(options)) if (name === "burstMs") this.turn = 0;
        super.configure(options);
      }
    },
  ],
  [
    "counts to 255",
    /counts what a VM has queued/,
    tells(({ queuedCommands }) => ({ queuedCommands: queuedCommands & 255 })),
  ],
  [
    "counts to 65,535",
    /counts what a VM has queued/,
    tells(({ queuedCommands }) => ({ queuedCommands: queuedCommands & 0xffff })),
  ],
  [
    "a million VMs",
    /ids of VMs up to/,
    visitsIds((vm) => {
      if (vm > 1_000_000) throw new RangeError(`no VM: ${vm}`);
    }),
  ],
  [
    "eight bytes for each id",
    /ids of VMs up to/,
    class extends Turns {
      #since = new Float64Array(64);
      override enqueue(command: Command, nowMs: number): void {
        if (command.vm >= this.#since.length) this.#since = new Float64Array(command.vm + 1);
        this.#since[command.vm] = nowMs;
        super.enqueue(command, nowMs);
      }
    },
  ],
  [
    "counts up to the id",
    /ids of VMs up to/,
    class extends Turns {
      readonly marks = new Uint8Array(2 ** 24);
      sum = 0;
      override enqueue(command: Command, nowMs: number): void {
        for (let vm = 0; vm < command.vm; vm++) this.sum += this.marks[vm] ?? 0;
        super.enqueue(command, nowMs);
      }
    },
  ],
  [
    "an hour of rest after a change of paths",
    /holds nothing back for long/,
    class extends Turns {
      #untilMs = -Infinity;
      #rest = false;
      override pathsChanged(): void {
        this.#rest = true;
      }
      override next(nowMs: number): Command | undefined {
        if (this.#rest && this.queuedCommands > 0) this.#untilMs = nowMs + 3_600_000;
        this.#rest = false;
        return nowMs < this.#untilMs ? undefined : super.next(nowMs);
      }
      override nextAt(nowMs: number): number {
        return nowMs < this.#untilMs && this.queuedCommands > 0 ? this.#untilMs : super.nextAt(nowMs);
      }
    },
  ],
  [
    "levels of service end with drain",
    /keeps its levels of service/,
    class extends Turns {
      override drain(visit: (command: Command) => void): void {
        super.drain(visit);
        for (const entry of this.order) entry.settings = new Entry(entry.vm).settings;
      }
    },
  ],
  [
    "limits that are told and end with drain",
    /keeps its levels of service/,
    class extends Turns {
      override drain(visit: (command: Command) => void): void {
        super.drain(visit);
        for (const entry of this.order) entry.costsMs.fill(0);
      }
    },
  ],
  [
    "a flush is nothing under a guarantee in bytes",
    /flood of flushes/,
    class extends Turns {
      protected override bytesOf({ lengthBytes }: Command): number {
        return lengthBytes;
      }
    },
  ],
  [
    "a flush is nothing under a limit in bytes",
    /counts a flush/,
    class extends Turns {
      protected override bytesOf({ lengthBytes }: Command): number {
        return lengthBytes;
      }
    },
  ],
  [
    "a flush is a MiB under a limit",
    /counts a flush/,
    class extends Turns {
      protected override bytesOf({ lengthBytes }: Command): number {
        return lengthBytes > 0 ? lengthBytes : 1 << 20;
      }
    },
  ],
  [
    "whoever is latency-critical first",
    /latency-critical/,
    class extends Turns {
      #turns = 0;
      override next(nowMs: number): Command | undefined {
        this.follow(nowMs);
        const critical = this.order.find(
          (entry) => entry.settings.latencyCritical && this.eligible(entry, nowMs),
        );
        const first = critical !== undefined && this.#turns++ % 16 > 0;
        return first ? this.serve(critical, nowMs) : super.next(nowMs);
      }
    },
  ],
  ["every guarantee is met", /guarantee could not be met/, tells(() => ({ unmetMs: 0 }))],
  [
    "a guarantee is unmet while something waits",
    /guarantee could not be met/,
    class extends Turns {
      protected override countUnmet(ms: number): void {
        for (const { unmetMs, queue } of this.order) {
          if (queue.length > 0) unmetMs[0] = (unmetMs[0] ?? 0) + ms;
        }
      }
    },
  ],
];
