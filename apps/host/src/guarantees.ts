import type { EntryStatus, EventSink, Rate, VmId } from "@fairlead/core";
import { formatRate } from "./config/units.js";

/** Looks without an end of the lack, one a second, until it is told: a start of I/O or a swap has one or two. */
const UNMET_AFTER_LOOKS = 3;
/** Looks without a lack until the end is told. */
const MET_AFTER_LOOKS = 5;
const UNIT_BYTES = 4096;

interface Watched {
  readonly unmet: boolean;
  /** Looks since the last one that said what `unmet` says. */
  readonly contraryLooks: number;
  /** At that one. */
  readonly sinceMs: number;
  readonly sinceUnits: number;
  /** Of the entry, at the last look. */
  readonly unmetMs: number;
  readonly consumedUnits: number;
}

/** A VM on a LUN at one look. */
export interface GuaranteeLook {
  readonly nowMs: number;
  readonly vm: VmId;
  readonly vmName: string;
  readonly lun: string;
  readonly entry: EntryStatus;
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
  look(at: GuaranteeLook): void {
    const { nowMs, vm, lun, entry } = at;
    const { unmetMs, consumedUnits } = entry;
    const key = `${vm} ${lun}`;
    const watched = this.#watched.get(key);
    const unmet = watched?.unmet ?? false;
    // The entry was made anew: its counts begin again at 0.
    const anew =
      watched !== undefined && (unmetMs < watched.unmetMs || consumedUnits < watched.consumedUnits);
    const lacks = unmetMs > (anew ? 0 : (watched?.unmetMs ?? 0));
    const contraryLooks = lacks === unmet ? 0 : (watched?.contraryLooks ?? 0) + 1;
    const turned =
      contraryLooks >= (unmet ? MET_AFTER_LOOKS : UNMET_AFTER_LOOKS) || (unmet && entry.guarantee === null);
    if (turned) this.#tell(!unmet, at, watched);
    const since =
      turned || anew || watched === undefined || contraryLooks === 0
        ? { sinceMs: nowMs, sinceUnits: consumedUnits }
        : { sinceMs: watched.sinceMs, sinceUnits: watched.sinceUnits };
    const next = { unmet: turned !== unmet, contraryLooks: turned ? 0 : contraryLooks };
    this.#watched.set(key, { ...next, ...since, unmetMs, consumedUnits });
  }

  #tell(unmet: boolean, { nowMs, vmName, lun, entry, unitBytes }: GuaranteeLook, since?: Watched): void {
    const { guarantee, consumedUnits } = entry;
    const configured = formatRate(guarantee);
    const seconds = (nowMs - (since?.sinceMs ?? nowMs)) / 1000;
    const unitsPerSecond = seconds > 0 ? (consumedUnits - (since?.sinceUnits ?? 0)) / seconds : 0;
    const received = `${receivedText(guarantee, unitsPerSecond, unitBytes)} over ${seconds.toFixed(0)} s`;
    this.#onEvent({
      kind: unmet ? "guarantee-unmet" : "guarantee-met",
      severity: unmet ? "warning" : "info",
      subject: vmName,
      reason:
        guarantee === null
          ? `it has no guarantee on ${lun} any more`
          : `${configured} of ${lun} ${unmet ? "can't be met" : "is met again"}: it received ${received}`,
      inputs: { lun, configured, received },
    });
  }
}

function receivedText(guarantee: Rate | null, unitsPerSecond: number, unitBytes = UNIT_BYTES): string {
  return guarantee !== null && "bytesPerSecond" in guarantee
    ? `about ${((unitsPerSecond * unitBytes) / 2 ** 20).toFixed(1)}MiB/s`
    : `${unitsPerSecond.toFixed(0)} units/s`;
}
