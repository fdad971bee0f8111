import type { EntryStatus, EventSink, Rate, VmId } from "@fairlead/core";
import { formatRate } from "./config/units.js";

/** A guarantee counts as met again after this many looks without a lack: one a second. */
const MET_AFTER_LOOKS = 5;
const UNIT_BYTES = 4096;

interface Watched {
  unmetMs: number;
  /** Looks since the last lack while the alert is up; -1: it is not. */
  looksMet: number;
}

/** A VM on a LUN at one look. */
export interface GuaranteeLook {
  readonly vm: VmId;
  readonly vmName: string;
  readonly lun: string;
  readonly entry: EntryStatus;
  /** Of the last seconds. */
  readonly unitsPerSecond: number;
  /** @default 4096 */
  readonly unitBytes?: number | undefined;
}

/** Tells the administrator when a guarantee can't be met, and when it is met again. [0106] */
export class Guarantees {
  readonly #onEvent: EventSink;
  readonly #watched = new Map<string, Watched>();

  constructor(onEvent: EventSink) {
    this.#onEvent = onEvent;
  }

  /** To be called each second for each VM that has an entry on the LUN. */
  look({ vm, vmName, lun, entry, unitsPerSecond, unitBytes = UNIT_BYTES }: GuaranteeLook): void {
    const key = `${vm} ${lun}`;
    const watched = this.#watched.get(key) ?? { unmetMs: 0, looksMet: -1 };
    // The entry was made anew: its count begins again at 0.
    const lacked = entry.unmetMs > (entry.unmetMs < watched.unmetMs ? 0 : watched.unmetMs);
    const up = watched.looksMet >= 0;
    const looksMet = lacked ? 0 : up ? watched.looksMet + 1 : -1;
    const over = looksMet >= MET_AFTER_LOOKS || (up && entry.guarantee === null);
    this.#watched.set(key, { unmetMs: entry.unmetMs, looksMet: over ? -1 : looksMet });
    if (up === lacked && !over) return;
    if (lacked && !up) this.#tell("guarantee-unmet", vmName, lun, entry.guarantee, unitsPerSecond, unitBytes);
    else if (over) this.#tell("guarantee-met", vmName, lun, entry.guarantee, unitsPerSecond, unitBytes);
  }

  #tell(
    kind: "guarantee-unmet" | "guarantee-met",
    subject: string,
    lun: string,
    guarantee: Rate | null,
    unitsPerSecond: number,
    unitBytes: number,
  ): void {
    const configured = formatRate(guarantee);
    const received =
      guarantee !== null && "bytesPerSecond" in guarantee
        ? `about ${((unitsPerSecond * unitBytes) / 2 ** 20).toFixed(1)}MiB/s`
        : `${unitsPerSecond.toFixed(0)} units/s`;
    const unmet = kind === "guarantee-unmet";
    this.#onEvent({
      kind,
      severity: unmet ? "warning" : "info",
      subject,
      reason: `${configured} of ${lun} ${unmet ? "can't be met" : "is met again"}: it received ${received}`,
      inputs: { lun, configured, received },
    });
  }
}
